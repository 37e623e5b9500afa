import t from 'tap'
import { parseSpiffeId } from '../../../certs/spiffe-id.ts'
import { type Forwarding, forwardedHead } from '../../../proxy/exchange/forwarded-head.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'

const WEB = parseSpiffeId('spiffe://mesh.local/ns/default/sa/web')
const SELF = 'spiffe://mesh.local/ns/default/sa/shop'

function forwarding(parts: {
  principal?: typeof WEB | null
  trusted?: boolean
  inbound?: boolean
}): Forwarding {
  return {
    caller: { address: '10.0.0.9', port: 1234, principal: parts.principal ?? null, tls: true },
    self: SELF,
    trusted: parts.trusted ?? false,
    inbound: parts.inbound ?? true,
  }
}

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
  t.strictSame(forward(CLAIMS, forwarding({})), {
    'x-own': 'kept',
    'x-forwarded-for': '10.0.0.9',
    'x-forwarded-proto': 'https',
  })
})

t.test('a mesh peer is believed, and named by its certificate', async (t) => {
  t.strictSame(forward(CLAIMS, forwarding({ principal: WEB, trusted: true })), {
    'x-own': 'kept',
    'x-forwarded-for': '1.2.3.4, 10.0.0.9',
    'x-forwarded-proto': 'http',
    'x-forwarded-client-cert': `By=${SELF};URI=${WEB}`,
  })
})

t.test('no identity is claimed on the way out', async (t) => {
  const fields = forward(CLAIMS, forwarding({ trusted: true, inbound: false }))
  t.equal(fields['x-forwarded-client-cert'], undefined)
})

t.test('several fields of one hop list are joined', async (t) => {
  const fields = new Fields(['x-forwarded-for', 'x-forwarded-for'], ['1.1.1.1', '2.2.2.2'])
  t.equal(forward(fields, forwarding({ trusted: true }))['x-forwarded-for'], '1.1.1.1, 2.2.2.2, 10.0.0.9')
})

t.test('the rest of the head stays as it is, its scheme is the upstream’s', async (t) => {
  const fields = new Fields(['content-length', 'x-secret'], ['5', 'a'], ['x-secret'])
  const head = Head.request('POST', 'https', 'shop', '/a?b', fields)
  const forwarded = forwardedHead(head, 'http', forwarding({}))
  t.match(forwarded, { method: 'POST', scheme: 'http', authority: 'shop', path: '/a?b', contentLength: 5 })
  t.strictSame(forwarded.fields.sensitive, ['x-secret'])
})

t.test('what earlier hops say is believed of mesh peers and of the application only', (t) => {
  const names = ['x-forwarded-host', 'forwarded', 'x-real-ip', 'x-forwarded-port', 'x-other']
  const fields = new Fields(
    names,
    names.map((name) => `said by ${name}`),
  )
  const believed = forward(fields, forwarding({ trusted: true }))
  for (const name of names) t.equal(believed[name], `said by ${name}`)
  const doubted = forward(fields, forwarding({ trusted: false }))
  for (const name of names.slice(0, -1)) t.equal(doubted[name], undefined, name)
  t.equal(doubted['x-other'], 'said by x-other')
  t.end()
})

t.test('whether the hop was encrypted is what it was, not what the caller calls its scheme', async (t) => {
  const plain = forwarding({})
  const how = { ...plain, caller: { ...plain.caller, tls: false } }
  for (const scheme of ['https', 'made-up']) {
    const head = forwardedHead(Head.request('GET', scheme, 'shop', '/'), 'http', how)
    t.equal(head.fields.joined('x-forwarded-proto'), 'http')
  }
})

t.test('names that CGI-like servers read as ours are treated as ours', async (t) => {
  const names = ['x_forwarded_client_cert', 'X-Forwarded_Client-Cert'.toLowerCase(), 'x_pillion_reason']
  const fields = new Fields([...names, 'x_forwarded_for', 'my_own'], ['1', '2', '3', '4', '5'])
  const believed = forward(fields, forwarding({ trusted: true }))
  for (const name of names) t.equal(believed[name], undefined, name)
  t.equal(believed['my_own'], '5')
  t.equal(forward(fields, forwarding({}))['x_forwarded_for'], undefined)
})
