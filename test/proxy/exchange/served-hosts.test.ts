import t from 'tap'
import type { Caller } from '../../../proxy/downstream/caller.ts'
import { ServedHosts } from '../../../proxy/exchange/served-hosts.ts'
import { Head } from '../../../proxy/message/head.ts'

function refusal(hosts: ServedHosts, authority: string, serverName: string | null = null): string {
  const tls = serverName !== null
  const caller: Caller = { address: '10.0.0.9', port: 1, principal: null, tls, serverName: serverName ?? '' }
  return hosts.refusal(Head.request('GET', tls ? 'https' : 'http', authority, '/'), caller)
}

t.test('without a word everything is for here', async (t) => {
  const any = new ServedHosts(null, false)
  for (const authority of ['', 'a.test', '[::1]:80']) t.equal(refusal(any, authority, 'other.test'), '')
})

t.test('hosts that a listener answers for', async (t) => {
  const hosts = new ServedHosts(['shop.test', '*.shop.test', 'api.test:8443', '[::1]'], false)
  for (const authority of [
    'shop.test',
    'Shop.Test.:80',
    'a.shop.test',
    'a.b.shop.test:1',
    'api.test:8443',
    '[::1]:80',
  ])
    t.equal(refusal(hosts, authority), '', authority)
  for (const authority of ['other.test', 'shop.test.evil', 'evilshop.test', 'api.test', '[::2]'])
    t.equal(refusal(hosts, authority), `it is for ${authority}`)
  t.equal(refusal(hosts, ''), 'it names no host')
  t.equal(refusal(hosts, 'shop.test', 'other.test'), '', 'the server name does not matter')
})

t.test('hosts that have to be the server name of their connection', async (t) => {
  const hosts = new ServedHosts(null, true)
  for (const authority of ['shop.test', 'SHOP.test', 'shop.test.', 'shop.test:8443'])
    t.equal(refusal(hosts, authority, 'shop.test'), '', authority)
  t.equal(
    refusal(hosts, 'a.test', 'shop.test'),
    'it is for a.test, over a connection that asked for shop.test',
  )
  t.equal(
    refusal(hosts, 'a.shop.test', 'shop.test'),
    'it is for a.shop.test, over a connection that asked for shop.test',
  )
  t.equal(refusal(hosts, 'shop.test', ''), 'it is for shop.test, over a connection that asked for no server')
  t.equal(refusal(hosts, '', 'shop.test'), 'it is for no host, over a connection that asked for shop.test')
  t.not(refusal(hosts, '', ''), '')
  for (const authority of ['10.0.0.1:443', '[2001:db8::1]'])
    t.equal(refusal(hosts, authority, ''), '', 'an address is no name to ask for')
  t.not(refusal(hosts, '10.0.0.1', 'shop.test'), '')
  t.equal(refusal(hosts, 'a.test'), '', 'plain text has no server name')
})

t.test('both together', async (t) => {
  const hosts = new ServedHosts(['*.shop.test'], true)
  t.equal(refusal(hosts, 'a.shop.test', 'a.shop.test'), '')
  t.equal(refusal(hosts, 'a.test', 'a.test'), 'it is for a.test')
  t.not(refusal(hosts, 'a.shop.test', 'b.shop.test'), '')
})
