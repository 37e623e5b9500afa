import t from 'tap'
import { parseSpiffeId } from '../../../certs/spiffe-id.ts'
import type { ForwardedConfig } from '../../../config/types/listener.ts'
import { forwardedHead } from '../../../proxy/exchange/forwarded-head.ts'
import { Forwarding } from '../../../proxy/exchange/forwarding.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'

const WEB = parseSpiffeId('spiffe://mesh.local/ns/default/sa/web')
const SELF = 'spiffe://mesh.local/ns/default/sa/shop'

interface Parts {
  readonly principal?: typeof WEB | null
  readonly inbound?: boolean
  readonly tls?: boolean
  readonly address?: string
  readonly via?: string
  readonly protocol?: 'http1' | 'h2'
  readonly forwarded?: Partial<ForwardedConfig>
}

function forwarding(parts: Parts = {}): Forwarding {
  const { principal = null, tls = true, address = '10.0.0.9' } = parts
  return new Forwarding(
    {
      self: SELF,
      inbound: parts.inbound ?? true,
      forwarded: { trust: 'mesh', trustedHops: 0, write: 'x-forwarded', ...parts.forwarded },
      via: parts.via ?? null,
    },
    { address, port: 1234, principal, tls, serverName: '' },
    parts.protocol ?? 'h2',
  )
}

const BELIEVED = { forwarded: { trust: 'always' } } as const

function forward(fields: Fields, how: Forwarding): Record<string, string | null> {
  const head = forwardedHead(Head.request('GET', 'https', 'shop', '/a?b', fields), 'http', how)
  return Object.fromEntries([...new Set(head.fields.names)].map((name) => [name, head.fields.joined(name)]))
}

const CLAIMS = Fields.of({
  'x-forwarded-for': '1.2.3.4',
  'x-forwarded-proto': 'http',
  'x-forwarded-client-cert': 'URI=spiffe://mesh.local/ns/default/sa/admin',
  'x-pillion-reason': 'made-up',
  'x-own': 'kept',
})

t.test('what a caller that is not trusted says of earlier hops is dropped', async (t) => {
  t.strictSame(forward(CLAIMS, forwarding()), {
    'x-own': 'kept',
    'x-forwarded-for': '10.0.0.9',
    'x-forwarded-proto': 'https',
  })
})

t.test('a mesh peer is believed, and named by its certificate', async (t) => {
  t.strictSame(forward(CLAIMS, forwarding({ principal: WEB })), {
    'x-own': 'kept',
    'x-forwarded-for': '1.2.3.4, 10.0.0.9',
    'x-forwarded-proto': 'http',
    'x-forwarded-client-cert': `By=${SELF};URI=${WEB}`,
  })
})

t.test('no identity is claimed on the way out', async (t) => {
  const fields = forward(CLAIMS, forwarding({ principal: WEB, inbound: false }))
  t.equal(fields['x-forwarded-client-cert'], undefined)
})

t.test('several fields of one hop list are joined', async (t) => {
  const fields = new Fields(['x-forwarded-for', 'x-forwarded-for'], ['1.1.1.1', '2.2.2.2'])
  t.equal(forward(fields, forwarding(BELIEVED))['x-forwarded-for'], '1.1.1.1, 2.2.2.2, 10.0.0.9')
})

t.test('the rest of the head stays as it is, its scheme is the upstream’s', async (t) => {
  const fields = new Fields(['content-length', 'x-secret'], ['5', 'a'], ['x-secret'])
  const head = Head.request('POST', 'https', 'shop', '/a?b', fields)
  const forwarded = forwardedHead(head, 'http', forwarding())
  t.match(forwarded, { method: 'POST', scheme: 'http', authority: 'shop', path: '/a?b', contentLength: 5 })
  t.strictSame(forwarded.fields.sensitive, ['x-secret'])
})

t.test('what earlier hops say is believed of mesh peers and of the application only', async (t) => {
  const said = {
    'x-forwarded-host': 'shop.example',
    'x-real-ip': '1.2.3.4',
    'x-forwarded-port': '8443',
    'x-forwarded-prefix': '/shop',
  }
  const fields = Fields.of({ ...said, 'x-other': 'kept' })
  t.match(forward(fields, forwarding(BELIEVED)), { ...said, 'x-other': 'kept' })
  const doubted = forward(fields, forwarding())
  for (const name of Object.keys(said)) t.equal(doubted[name], undefined, name)
  t.equal(doubted['x-other'], 'kept')
})

t.test('Via is kept, and extended by the version a request came in', async (t) => {
  const fields = new Fields(['via', 'x-a', 'via'], ['1.0 fred, 1.1 edge (a, b)', 'b', '2.0 web'])
  const via = (parts: Parts, said = fields) => forward(said, forwarding(parts))['via']
  t.equal(via({ via: 'pillion' }), '1.0 fred, 1.1 edge (a, b), 2.0 web, 2.0 pillion')
  t.equal(via({ via: 'edge-1', protocol: 'http1' }), '1.0 fred, 1.1 edge (a, b), 2.0 web, 1.1 edge-1')
  t.equal(via({ via: 'pillion' }, new Fields([], [])), '2.0 pillion')
  t.equal(via({}), '1.0 fred, 1.1 edge (a, b), 2.0 web', 'off: as it came')
  t.equal(via({}, new Fields([], [])), undefined)
})

t.test('whether the hop was encrypted is what it was, not what the caller calls its scheme', async (t) => {
  const how = forwarding({ tls: false })
  for (const scheme of ['https', 'made-up']) {
    const head = forwardedHead(Head.request('GET', scheme, 'shop', '/'), 'http', how)
    t.equal(head.fields.joined('x-forwarded-proto'), 'http')
  }
})

t.test('names that CGI-like servers read as ours are treated as ours', async (t) => {
  const ours = ['x_forwarded_client_cert', 'x-forwarded_client-cert', 'x_pillion_reason']
  const written = ['x_forwarded_for', 'x-forwarded_proto', 'x_forwarded-host', 'x_forwarded_port']
  const names = [...ours, ...written, 'x_real_ip', 'x_forwarded_prefix', 'my_own', 'x_own', 'forward_ed']
  const fields = new Fields(
    names,
    names.map((name) => `said by ${name}`),
  )
  const believed = forward(fields, forwarding(BELIEVED))
  for (const name of [...ours, ...written]) t.equal(believed[name], undefined, name)
  for (const name of names.slice(-5)) t.equal(believed[name], `said by ${name}`)
  const doubted = forward(fields, forwarding())
  for (const name of names.slice(0, -3)) t.equal(doubted[name], undefined, name)
  for (const name of names.slice(-3)) t.equal(doubted[name], `said by ${name}`)
})

t.test('earlier attempts are what a peer of the mesh or the application says', async (t) => {
  const told = Fields.of({ 'x-pillion-previous-attempts': '2', 'x-pillion-unprocessed': 'true' })
  const cases: [Forwarding, string | undefined][] = [
    [forwarding({ principal: WEB }), '2'],
    [forwarding({ inbound: false }), '2'],
    [forwarding(), undefined],
  ]
  for (const [how, kept] of cases) {
    const sent = forward(told, how)
    t.equal(sent['x-pillion-previous-attempts'], kept)
    t.equal(sent['x-pillion-unprocessed'], undefined)
  }
  const spelled = Fields.of({ x_pillion_previous_attempts: '2' })
  t.equal(forward(spelled, forwarding({ principal: WEB }))['x_pillion_previous_attempts'], undefined)
})
