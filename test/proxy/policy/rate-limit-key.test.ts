import t from 'tap'
import { parseSpiffeId } from '../../../certs/spiffe-id.ts'
import type { RateLimitBy } from '../../../config/types/overload.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { rateLimitKey, sourceKey } from '../../../proxy/policy/rate-limit-key.ts'

const HEADER: RateLimitBy = { kind: 'header', name: 'x-key' }
const PRINCIPAL: RateLimitBy = { kind: 'principal' }
const SOURCE: RateLimitBy = { kind: 'source' }
const WEB = parseSpiffeId('spiffe://mesh.local/ns/default/sa/web')

function head(names: string[], values: string[]): Head {
  return Head.request('GET', 'http', 'a', '/', new Fields(names, values))
}

const NONE = head([], [])

t.test('by who calls', async (t) => {
  t.equal(rateLimitKey([PRINCIPAL], WEB, '10.0.0.1', NONE), 'spiffe://mesh.local/ns/default/sa/web')
  t.equal(rateLimitKey([PRINCIPAL], null, '10.0.0.1', NONE), '')
  t.equal(rateLimitKey([SOURCE], WEB, '10.0.0.1', NONE), '10.0.0.1')
  t.equal(rateLimitKey([], WEB, '10.0.0.1', NONE), '')
})

t.test('by a header, whose value is not kept', async (t) => {
  const key = (value: string) => rateLimitKey([HEADER], null, '', head(['x-key'], [value]))
  const secret = key('secret')
  t.notMatch(secret, 'secret')
  t.equal(secret, key('secret'))
  t.not(secret, key('Secret'))
  t.equal(secret.length, 44)
  t.equal(key('x'.repeat(60_000)).length, 44, 'however long')
  t.equal(key(''), rateLimitKey([HEADER], null, '', NONE), 'an empty value is none')
  const twice = rateLimitKey([HEADER], null, '', head(['x-key', 'x-key'], ['a', 'b']))
  t.not(twice, key('a'), 'all fields of the name count')
  t.equal(twice, key('a, b'))
})

t.test('combinations do not run into each other', async (t) => {
  const all = (principal: typeof WEB | null, address: string, value: string) =>
    rateLimitKey([PRINCIPAL, SOURCE, HEADER], principal, address, head(['x-key'], [value]))
  const keys = [all(WEB, '10.0.0.1', 'a'), all(null, '10.0.0.1', 'a'), all(WEB, '10.0.0.2', 'a')]
  keys.push(all(WEB, '10.0.0.1', ''), all(null, '', ''))
  t.equal(new Set(keys).size, keys.length)
})

t.test('an IPv6 address stands for its network', async (t) => {
  const same: Record<string, string> = {
    '10.1.2.3': '10.1.2.3',
    '::ffff:10.1.2.3': '10.1.2.3',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
    '2001:DB8:1:2::6': '2001:db8:1:2::/64',
    '2001:db8::1': '2001:db8:0:0::/64',
    '2001:db8:0:0:ffff::': '2001:db8:0:0::/64',
    '2001:db8::5:6:7:8': '2001:db8:0:0::/64',
    '1::2:3:4:5:6:7': '1:0:2:3::/64',
    '2001:0db8:0001:0002::': '2001:db8:1:2::/64',
    'fe80::1%eth0': 'fe80:0:0:0::/64',
    '::1': '0:0:0:0::/64',
    '::': '0:0:0:0::/64',
    '64:ff9b::10.1.2.3': '64:ff9b:0:0::/64',
    '': '',
  }
  for (const [address, key] of Object.entries(same)) t.equal(sourceKey(address), key, address)
})
