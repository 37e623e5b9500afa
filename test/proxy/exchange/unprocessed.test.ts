import t from 'tap'
import { parseSpiffeId } from '../../../certs/spiffe-id.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { type Reason, reasons } from '../../../proxy/message/reason.ts'
import { ExchangeBench, NOTHING_HELD } from './exchange-bench.ts'

const MARK = 'x-pillion-unprocessed'
const POST = Head.request('POST', 'http', 'a.test', '/')
const GRPC_FIELDS = Fields.of({ 'content-type': 'application/grpc' })
const GRPC = Head.request('POST', 'http', 'a.test', '/a.B/C', GRPC_FIELDS)
const OK = Head.response(200, Fields.of({ 'grpc-status': '0' }))
const WEB = parseSpiffeId('spiffe://mesh.local/ns/default/sa/web')

/** What a sidecar says whose application is down. */
function reply(request: Head, code = 'connect-failure'): Head {
  const said = { [MARK]: 'true', 'x-pillion-reason': code }
  if (!request.grpc) return Head.response(503, Fields.of({ ...said, 'content-type': 'text/plain' }))
  return Head.response(200, Fields.of({ ...said, 'content-type': 'application/grpc', 'grpc-status': '14' }))
}

t.test(
  'a sidecar that reached no application: another is asked, whatever the method, without a policy',
  async (t) => {
    for (const request of [POST, GRPC]) {
      const bench = new ExchangeBench({ meshed: true, retryBudget: 0 })
      const down = bench.request(request, false)
      down.receive('abc')
      bench.upstream[0]?.receiver?.head(reply(request), null, request.grpc)
      down.receive('def', true)
      t.equal(bench.upstream[1]?.body, 'abcdef')
      t.equal(bench.upstream[1]?.addeds[0], null, 'nobody has seen it')
      bench.upstream[1]?.receiver?.head(OK, null, true)
      t.strictSame(down.heads, [OK])
      t.strictSame(bench.results, ['0 failed', '1 good'], 'the instance is to be passed over')
      t.equal(bench.cluster.stats.retries, 1)
      t.strictSame(bench.held, NOTHING_HELD)
    }
  },
)

t.test('it costs no budget, unless the application refused the stream', async (t) => {
  for (const code of ['connect-failure', 'no-healthy-upstream', 'refused-stream']) {
    const bench = new ExchangeBench({ meshed: true, retryBudget: 0 })
    for (let i = 0; i < 100; i++) bench.request(POST)
    for (const { streams } of bench.pools)
      for (const stream of [...streams]) stream.receiver?.head(reply(POST, code), null, false)
    t.equal(bench.cluster.stats.retries, code === 'refused-stream' ? 30 : 100, code)
  }
})

t.test('of an endpoint that is none of the mesh it is not believed, and passed on to nobody', async (t) => {
  for (const meshed of [false, true]) {
    for (const request of [POST, GRPC]) {
      // Of the mesh, but there is no other endpoint.
      const bench = new ExchangeBench({ meshed, endpoints: meshed ? 1 : 2 })
      const down = bench.request(request)
      bench.upstream[0]?.receiver?.head(reply(request), null, request.grpc)
      t.equal(bench.upstream.length, 1)
      const [head] = down.heads
      t.equal(head?.status, request.grpc ? 200 : 503)
      t.equal(head?.fields.has(MARK), false)
      t.equal(head?.fields.get('x-pillion-reason'), 'connect-failure', 'why is still said')
      t.equal(head?.grpc, request.grpc)
    }
  }
})

t.test('an answer that is no error is what it is', async (t) => {
  const bench = new ExchangeBench({ meshed: true })
  const down = bench.request(POST)
  bench.upstream[0]?.receiver?.head(Head.response(200, Fields.of({ [MARK]: 'true' })), null, true)
  t.equal(bench.upstream.length, 1)
  t.equal(down.heads.length, 1)
})

t.test('who is told', async (t) => {
  const cases: [string, typeof WEB | null, Reason, boolean][] = [
    ['a peer of the mesh', WEB, reasons.connectFailure, true],
    ['a caller without identity', null, reasons.connectFailure, false],
    ['what may have been processed', WEB, reasons.upstreamReset, false],
    ['what is refused for its own sake', WEB, reasons.badRequest, false],
  ]
  for (const [name, principal, reason, told] of cases) {
    for (const request of [POST, GRPC]) {
      const bench = new ExchangeBench({ inbound: true, endpoints: 1, caller: { principal, tls: true } })
      const down = bench.request(request)
      bench.upstream[0]?.receiver?.reset(reason)
      t.equal(down.heads[0]?.fields.get(MARK), told ? 'true' : null, name)
      t.equal(down.heads[0]?.fields.get('x-pillion-reason'), reason.code)
    }
  }
})

t.test('not when an earlier attempt may have been processed', async (t) => {
  const bench = new ExchangeBench({
    inbound: true,
    caller: { principal: WEB, tls: true },
    retry: { on: ['reset'], attempts: 2 },
  })
  const down = bench.request()
  bench.upstream[0]?.receiver?.reset(reasons.upstreamReset)
  bench.upstream[1]?.receiver?.reset(reasons.connectFailure)
  t.equal(down.heads[0]?.status, 503)
  t.equal(down.heads[0]?.fields.has(MARK), false)
})

t.test('nor when a limit of ours is reached: elsewhere it is no better', async (t) => {
  const bench = new ExchangeBench({ inbound: true, caller: { principal: WEB, tls: true }, maxRequests: 0 })
  t.equal(bench.request(POST).heads[0]?.fields.has(MARK), false)
})
