import t from 'tap'
import { parseSpiffeId } from '../../../certs/spiffe-id.ts'
import type { ForwardedConfig } from '../../../config/types/listener.ts'
import { forwardedHead } from '../../../proxy/exchange/forwarded-head.ts'
import { Forwarding, goesInCircles, MAX_PASSES } from '../../../proxy/exchange/forwarding.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'

const WEB = parseSpiffeId('spiffe://mesh.local/ns/default/sa/web')

interface Parts extends Partial<ForwardedConfig> {
  readonly mesh?: boolean
  readonly inbound?: boolean
  readonly tls?: boolean
  readonly address?: string
}

function connection({
  mesh = false,
  inbound = true,
  tls = false,
  address = '10.0.0.9',
  ...rest
}: Parts): Forwarding {
  const forwarded: ForwardedConfig = { trust: 'mesh', trustedHops: 0, write: 'x-forwarded', ...rest }
  const caller = { address, port: 1, principal: mesh ? WEB : null, tls, serverName: '' }
  return new Forwarding({ inbound, self: null, forwarded, via: null }, caller, 'http1')
}

type Said = Readonly<Record<string, string | readonly string[]>>

/** The fields about hops that go upstream, without those that say nothing. */
function told(said: Said, parts: Parts | Forwarding): Record<string, string> {
  const names: string[] = []
  const values: string[] = []
  for (const [name, value] of Object.entries(said)) {
    for (const one of typeof value === 'string' ? [value] : value) {
      names.push(name)
      values.push(one)
    }
  }
  const head = Head.request('GET', 'http', 'a.test', '/', new Fields(names, values))
  const forwarding = parts instanceof Forwarding ? parts : connection(parts)
  const { fields } = forwardedHead(head, 'http', forwarding)
  const out: Record<string, string> = {}
  for (const [i, name] of fields.names.entries()) {
    t.notOk(name in out, `${name} is written once`)
    if (name !== 'x-forwarded-client-cert') out[name.replace('x-forwarded-', '')] = fields.values[i] as string
  }
  return out
}

const CHAIN: Said = {
  'x-forwarded-for': '1.1.1.1, 2.2.2.2',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'shop.example',
  'x-forwarded-port': '8443',
}

t.test('who is believed', async (t) => {
  const all = { for: '1.1.1.1, 2.2.2.2, 10.0.0.9', proto: 'https', host: 'shop.example', port: '8443' }
  const nothing = { for: '10.0.0.9', proto: 'http' }
  t.strictSame(told(CHAIN, { mesh: true }), all, 'a mesh peer')
  t.strictSame(told(CHAIN, { inbound: false }), all, 'the application')
  t.strictSame(told(CHAIN, {}), nothing, 'nobody else')
  t.strictSame(told(CHAIN, { trust: 'always' }), all)
  for (const who of [{ mesh: true }, { inbound: false }, {}])
    t.strictSame(told(CHAIN, { ...who, trust: 'never' }), nothing)
  t.strictSame(told({}, { tls: true }), { for: '10.0.0.9', proto: 'https' })
  const gone = { for: 'unknown', proto: 'http', forwarded: 'for=unknown;proto=http' }
  t.strictSame(told({}, { address: '', write: 'both' }), gone, 'a caller that has gone by now')
})

t.test('proxies of ours before a caller that is not believed', async (t) => {
  const said = (list: string | string[]): Said => ({ ...CHAIN, 'x-forwarded-for': list })
  const from = (list: string | string[], trustedHops: number) => told(said(list), { trustedHops })['for']
  // The caller is the N-th from the right; what stands left of it is its own word.
  t.equal(from('6.6.6.6, 1.1.1.1', 1), '1.1.1.1, 10.0.0.9')
  t.equal(from('6.6.6.6, 1.1.1.1, 2.2.2.2', 2), '1.1.1.1, 2.2.2.2, 10.0.0.9')
  t.equal(from('1.1.1.1', 1), '1.1.1.1, 10.0.0.9')
  t.equal(from(['6.6.6.6', '1.1.1.1'], 1), '1.1.1.1, 10.0.0.9', 'however many fields')
  t.equal(from('6.6.6.6, , 1.1.1.1,', 1), '1.1.1.1, 10.0.0.9', 'empty elements count for nothing')
  t.equal(from('nonsense, 1.1.1.1', 2), 'unknown, 1.1.1.1, 10.0.0.9')
  t.equal(from('1.1.1.1, <script>', 1), 'unknown, 10.0.0.9')
  // Fewer than our proxies write: it did not come through them, and nothing it says counts.
  t.strictSame(told(said('1.1.1.1'), { trustedHops: 2 }), { for: '10.0.0.9', proto: 'http' })
  t.strictSame(told({ 'x-forwarded-proto': 'https' }, { trustedHops: 1 }), { for: '10.0.0.9', proto: 'http' })
  // What our nearest proxy said last, and none of the fields that nobody judges.
  const several = {
    ...CHAIN,
    'x-forwarded-proto': 'http, https',
    'x-forwarded-host': ['evil.test', 'shop.example'],
  }
  t.strictSame(
    told({ ...several, 'x-real-ip': '6.6.6.6', 'x-forwarded-prefix': '/evil' }, { trustedHops: 1 }),
    {
      for: '2.2.2.2, 10.0.0.9',
      proto: 'https',
      host: 'shop.example',
      port: '8443',
    },
  )
  const forwarded = { forwarded: 'for=6.6.6.6;proto=http, for="[2001:db8::1]";proto=https' }
  t.strictSame(told(forwarded, { trustedHops: 1 }), { for: '2001:db8::1, 10.0.0.9', proto: 'https' })
  t.strictSame(told(forwarded, { trustedHops: 3 }), { for: '10.0.0.9', proto: 'http' })
  const blinding = { forwarded: ['for="', 'for=1.1.1.1'] }
  t.strictSame(
    told(blinding, { trustedHops: 1 }),
    { for: '10.0.0.9', proto: 'http' },
    'nothing forged is believed',
  )
})

t.test('values of those who are believed are judged one by one', async (t) => {
  const believed = (said: Said) => told(said, { trust: 'always' })
  t.strictSame(
    believed({
      'x-forwarded-for': ' 1.1.1.1,, evil.test ,[2001:db8::1]:80, _x ',
      'x-forwarded-proto': 'gopher',
      'x-forwarded-host': 'me@shop.example',
      'x-forwarded-port': '80800',
    }),
    { for: '1.1.1.1, unknown, [2001:db8::1]:80, _x, 10.0.0.9', proto: 'http' },
  )
  t.strictSame(believed({ 'x-forwarded-proto': 'HTTPS, http' }), { for: '10.0.0.9', proto: 'https' })
  t.strictSame(believed({ 'x-forwarded-host': 'A.test:80, b.test' }), {
    for: '10.0.0.9',
    proto: 'http',
    host: 'A.test:80',
  })
  t.strictSame(
    believed({ forwarded: '<>' }),
    { for: 'unknown, 10.0.0.9', proto: 'http' },
    'somebody was there',
  )
  t.strictSame(believed({ 'x-real-ip': '1.1.1.1', 'x-forwarded-prefix': '/x' }), {
    'x-real-ip': '1.1.1.1',
    prefix: '/x',
    for: '10.0.0.9',
    proto: 'http',
  })
})

t.test('what the upstream is told it in', async (t) => {
  const forwarded = 'for=1.1.1.1;host="shop.example";proto=https, for=2.2.2.2, for=10.0.0.9;proto=http'
  const x = { for: '1.1.1.1, 2.2.2.2, 10.0.0.9', proto: 'https', host: 'shop.example' }
  const sources: [string, Said, Record<string, string>][] = [
    ['x-forwarded', CHAIN, { port: '8443' }],
    ['forwarded', { forwarded: 'for=1.1.1.1;host=shop.example;proto=https, for=2.2.2.2' }, {}],
  ]
  for (const [source, said, more] of sources) {
    t.strictSame(told(said, { trust: 'always' }), { ...x, ...more }, `${source} to x-forwarded`)
    t.strictSame(told(said, { trust: 'always', write: 'forwarded' }), { forwarded }, `${source} to forwarded`)
    t.strictSame(
      told(said, { trust: 'always', write: 'both' }),
      { ...x, ...more, forwarded },
      `${source} to both`,
    )
  }
  const both = { ...CHAIN, forwarded: 'for=7.7.7.7' }
  t.equal(told(both, { trust: 'always' })['for'], x.for, 'where both came, the one that is written is read')
  t.strictSame(told(both, { trust: 'always', write: 'forwarded' }), {
    forwarded: 'for=7.7.7.7, for=10.0.0.9;proto=http',
  })
  t.strictSame(told({}, { write: 'forwarded', address: '2001:db8::9', tls: true }), {
    forwarded: 'for="[2001:db8::9]";proto=https',
  })
  t.strictSame(
    told({ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.test' }, { mesh: true, write: 'forwarded' }),
    {
      forwarded: 'for=10.0.0.9;host="a.test";proto=https',
    },
  )
  for (const write of ['x-forwarded', 'forwarded', 'both'] as const) {
    const out = told({ ...both, 'x-real-ip': '6.6.6.6' }, { write })
    t.notMatch(JSON.stringify(out), /1\.1\.1\.1|7\.7\.7\.7|6\.6\.6\.6/, `nothing forged, ${write}`)
  }
})

t.test('what one request said is not told of the next', async (t) => {
  const forwarding = connection({ mesh: true })
  const one = { 'x-forwarded-for': '1.1.1.1', 'x-forwarded-host': 'shop.example' }
  const other = { 'x-forwarded-for': '2.2.2.2' }
  for (const said of [one, other, one, {}, one, { 'x-forwarded-host': 'b.test' }, other]) {
    t.strictSame(told(said, forwarding), told(said, { mesh: true }))
  }
})

t.test('Via tells when a request goes in circles', async (t) => {
  const passes = (count: number, entry = '1.1 pillion') => Array(count).fill(entry).join(', ')
  t.notOk(goesInCircles(null, 'pillion'))
  t.notOk(goesInCircles(passes(MAX_PASSES - 1), 'pillion'))
  t.ok(goesInCircles(passes(MAX_PASSES), 'pillion'))
  t.ok(goesInCircles(`1.0 fred, ${passes(MAX_PASSES, '2.0 pillion (a comment)')}, 1.1 other`, 'pillion'))
  t.notOk(goesInCircles(passes(100, '1.1 pillion-2'), 'pillion'), 'others of nearly that name')
  t.notOk(goesInCircles(passes(100, '1.1 fred (1.1 pillion)'), 'pillion'), 'a comment is no entry')
  t.notOk(goesInCircles(passes(100), ''), 'without a name nothing is told')
})
