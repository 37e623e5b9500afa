import t from 'tap'
import { REUSED_CONNECTION_CLOSED } from '../../../proxy/codec/http1/reasons.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { type Reason, reasons } from '../../../proxy/message/reason.ts'
import { ENDPOINT_REMOVED } from '../../../proxy/upstream/endpoint-pool.ts'
import { ExchangeBench, type FakePool, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

const GET = Head.request('GET', 'http', 'a.test', '/')
const POST = Head.request('POST', 'http', 'a.test', '/')
const GRPC_FIELDS = Fields.of({ 'content-type': 'application/grpc' })
const GRPC = Head.request('POST', 'http', 'a.test', '/a.B/C', GRPC_FIELDS)
const OK = Head.response(200)
const FULL = 64 * 1024

function streams(bench: ExchangeBench): [FakeStream, FakeStream] {
  return bench.pools.map(({ streams }) => streams.at(-1)) as [FakeStream, FakeStream]
}

t.test('what was never processed is tried again without asking, whatever the method', async (t) => {
  for (const reason of [
    reasons.goaway,
    reasons.refusedStream,
    reasons.connectFailure,
    reasons.upstreamClosed.asUnprocessed(),
  ]) {
    const bench = new ExchangeBench()
    const down = bench.request(POST, false)
    down.receive('abc')
    bench.pools[0]?.streams[0]?.receiver?.reset(reason)
    const [, second] = streams(bench)
    t.equal(second.body, 'abc', reason.code)
    down.receive('def', true)
    t.equal(second.body, 'abcdef')
    t.equal(down.credited, 6, 'each byte once')
    second.receiver?.head(OK, null, true)
    t.match(down.heads, [{ status: 200 }])
    t.match(bench.records, [{ code: 200, attempts: 2 }])
    t.strictSame(bench.held, NOTHING_HELD)
    t.equal(bench.cluster.stats.retries, 1)
    t.strictSame(bench.results, reason.is(reasons.goaway) ? ['1 good'] : ['0 failed', '1 good'])
  }
})

t.test('what may have been processed is not, unless the route says so', async (t) => {
  const cases: [Reason, Head, boolean][] = [
    [reasons.upstreamReset, GET, false],
    [reasons.upstreamClosed, GET, false],
    [reasons.upstreamProtocol, GET, false],
    [REUSED_CONNECTION_CLOSED, GET, true],
    [REUSED_CONNECTION_CLOSED, POST, false],
  ]
  for (const [reason, head, again] of cases) {
    const bench = new ExchangeBench()
    const down = bench.request(head)
    bench.upstream[0]?.receiver?.reset(reason)
    t.equal(bench.upstream.length, again ? 2 : 1, `${reason.code}, ${head.method}`)
    if (!again) {
      t.match(down.heads, [{ status: reason.status }])
      t.equal(down.heads[0]?.fields.get('x-pillion-reason'), reason.code)
      t.strictSame(bench.held, NOTHING_HELD)
    }
  }
})

t.test('a policy for resets', async (t) => {
  const bench = new ExchangeBench({ endpoints: 3, retry: { on: ['reset'], attempts: 3 } })
  const down = bench.request(GET)
  for (const pool of bench.pools) pool.streams[0]?.receiver?.reset(reasons.upstreamReset)
  t.equal(bench.upstream.length, 3)
  t.match(down.heads, [{ status: 503 }])
  t.match(bench.records, [{ attempts: 3, flags: 'upstream-reset' }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('no more tries than the policy allows', async (t) => {
  const bench = new ExchangeBench({ endpoints: 5, retry: { on: ['5xx'], attempts: 2 } })
  const down = bench.request(GET)
  for (const pool of bench.pools) pool.streams[0]?.receiver?.head(Head.response(500), null, true)
  t.equal(bench.upstream.length, 2)
  t.match(down.heads, [{ status: 500 }], 'the last answer is the answer')
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('a response that the route wants tried again is dropped, body and all', async (t) => {
  const bench = new ExchangeBench({ retry: { on: ['5xx'] } })
  const down = bench.request(GET)
  const first = bench.pools[0]?.streams[0] as FakeStream
  first.receiver?.head(Head.response(503), null, false)
  t.equal(first.cancels.length, 1)
  t.equal(first.cancels[0]?.http2, 8, 'CANCEL: nothing is wrong on our side')
  t.strictSame(down.heads, [])
  streams(bench)[1].receiver?.head(OK, null, true)
  t.match(down.heads, [{ status: 200 }])
  t.strictSame(bench.results, ['0 failed', '1 good'])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('an answer is better than none: when every endpoint is gone it is passed on', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1, retry: { on: ['5xx'] } })
  const down = bench.request(GET)
  bench.cluster.set.update([])
  bench.upstream[0]?.receiver?.head(Head.response(503), null, false)
  t.match(down.heads, [{ status: 503 }])
  bench.upstream[0]?.receive('sorry', true)
  t.equal(down.body, 'sorry')
})

t.test('where the route asks for more attempts than there are endpoints, they are asked again', async (t) => {
  await t.test('the only one, after a wait', async (t) => {
    const bench = new ExchangeBench({ endpoints: 1, retry: { on: ['5xx'] }, jitter: 0.999 })
    const down = bench.request(GET)
    for (let i = 0; i < 3; i++) {
      t.equal(bench.upstream.length, i + 1)
      bench.upstream[i]?.receiver?.head(Head.response(503 - i), null, true)
      if (i < 2) t.strictSame(down.heads, [])
      bench.clock.advance(100)
    }
    t.match(down.heads, [{ status: 501 }])
    t.match(bench.records, [{ attempts: 3, code: 501 }])
    t.strictSame(bench.held, NOTHING_HELD)
  })
  await t.test('two in turns', async (t) => {
    const bench = new ExchangeBench({ endpoints: 2, retry: { on: ['reset'], attempts: 4 } })
    bench.request(GET)
    for (let i = 0; i < 4; i++) streams(bench)[i % 2]?.receiver?.reset(reasons.upstreamReset)
    t.strictSame(bench.results, ['0 failed', '1 failed', '0 failed', '1 failed'])
    t.match(bench.records, [{ attempts: 4, code: 503 }])
    t.strictSame(bench.held, NOTHING_HELD)
  })
  await t.test('after a wait and from the budget also when nothing was processed', async (t) => {
    const bench = new ExchangeBench({ endpoints: 1, retry: { on: ['connect-failure'] }, jitter: 0.999 })
    const down = bench.request(POST)
    bench.upstream[0]?.receiver?.reset(reasons.connectFailure)
    t.equal(bench.upstream.length, 1, 'it waits')
    bench.clock.advance(100)
    t.equal(bench.upstream.length, 2)
    while (bench.cluster.spendRetry(bench.clock.now()));
    bench.upstream[1]?.receiver?.reset(reasons.connectFailure)
    t.match(down.heads, [{ status: 503 }])
    t.strictSame(bench.held, NOTHING_HELD)
  })
  await t.test('not without being asked to', async (t) => {
    const bench = new ExchangeBench({ endpoints: 1 })
    const down = bench.request(GET)
    bench.upstream[0]?.receiver?.reset(reasons.connectFailure)
    t.match(down.heads, [{ status: 503 }])
    t.equal(bench.upstream.length, 1)
  })
})

t.test('a gRPC status in a head alone', async (t) => {
  const bench = new ExchangeBench({ retry: { on: ['unavailable'] } })
  const down = bench.request(GRPC)
  const unavailable = Fields.of({ 'content-type': 'application/grpc', 'grpc-status': '14' })
  bench.pools[0]?.streams[0]?.receiver?.head(Head.response(200, unavailable), null, true)
  const [, second] = streams(bench)
  second.receiver?.head(Head.response(200, GRPC_FIELDS), null, false)
  second.receiver?.trailers(Fields.of({ 'grpc-status': '0' }))
  t.equal(down.fields?.get('grpc-status'), '0')
  t.match(bench.records, [{ grpcStatus: 0, attempts: 2 }])
})

t.test('a body up to the limit is sent again whole, with its trailers', async (t) => {
  const bench = new ExchangeBench()
  const down = bench.request(POST, false)
  const parts = ['a'.repeat(30_000), 'b'.repeat(30_000), 'c'.repeat(FULL - 60_000)]
  for (const part of parts) down.receive(part)
  down.receiver?.trailers(Fields.of({ 'x-a': 'b' }))
  t.equal(down.credited, FULL)
  bench.pools[0]?.streams[0]?.receiver?.reset(reasons.refusedStream)
  const [, second] = streams(bench)
  t.equal(second.body, parts.join(''))
  t.equal(second.fields?.get('x-a'), 'b')
  t.equal(second.ended, true)
  t.equal(down.credited, FULL)
})

t.test('a longer body is committed to its endpoint', async (t) => {
  const bench = new ExchangeBench()
  const down = bench.request(POST, false)
  down.receive('x'.repeat(FULL))
  down.receive('x')
  bench.pools[0]?.streams[0]?.receiver?.reset(reasons.refusedStream)
  t.equal(bench.upstream.length, 1)
  t.match(down.heads, [{ status: 503 }])
  t.equal(down.credited, FULL + 1)
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('bytes that the first endpoint did not take are credited when the second does', async (t) => {
  const bench = new ExchangeBench()
  const [first, second] = bench.pools as [FakePool, FakePool]
  first.crediting = false
  second.crediting = false
  const down = bench.request(POST, false)
  down.receive('x'.repeat(100))
  first.streams[0]?.source?.credit(60)
  t.equal(down.credited, 60)
  first.streams[0]?.receiver?.reset(reasons.goaway)
  t.equal(second.streams[0]?.body.length, 100)
  second.streams[0]?.source?.credit(50)
  t.equal(down.credited, 60, 'these were credited before')
  second.streams[0]?.source?.credit(50)
  t.equal(down.credited, 100)
  down.receive('x'.repeat(10), true)
  second.streams[0]?.source?.credit(10)
  t.equal(down.credited, 110)
})

t.test(
  'a response that is dropped ends its try, unless request and response are both complete',
  async (t) => {
    for (const taken of [false, true]) {
      const bench = new ExchangeBench({ retry: { on: ['unavailable'] } })
      const [first, second] = bench.pools as [FakePool, FakePool]
      first.crediting = taken
      second.crediting = false
      const down = bench.request(GRPC, false)
      down.receive('x'.repeat(100), true)
      const [one] = first.streams as [FakeStream]
      one.receiver?.head(Head.response(200, Fields.of({ 'grpc-status': '14' })), null, true)
      t.equal(second.streams[0]?.body.length, 100)
      t.equal(
        one.cancels.length,
        taken ? 0 : 1,
        'bytes that still wait must not be sent, nor credited for another',
      )
      t.equal(down.credited, taken ? 100 : 0)
    }
  },
)

t.test('bytes that no endpoint took are credited when the proxy answers', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1 })
  const [pool] = bench.pools as [FakePool]
  pool.crediting = false
  const down = bench.request(POST, false)
  down.receive('x'.repeat(100))
  pool.streams[0]?.source?.credit(30)
  pool.streams[0]?.receiver?.reset(reasons.upstreamReset)
  t.match(down.heads, [{ status: 503 }])
  t.equal(down.credited, 100)
  down.receive('x'.repeat(5), true)
  t.equal(down.credited, 105)
})

t.test('connections that fail: the next endpoint, then the reason', async (t) => {
  const bench = new ExchangeBench({ endpoints: 3 })
  for (const pool of bench.pools) pool.connected = false
  const down = bench.request(POST, false)
  down.receive('abc', true)
  bench.pools[0]?.fail(reasons.connectFailure.with('ECONNREFUSED'))
  bench.pools[1]?.fail(reasons.connectTimeout)
  t.strictSame(
    bench.pools.map(({ waiting }) => waiting.length),
    [0, 0, 1],
  )
  bench.pools[2]?.fail(reasons.connectFailure.with('ECONNREFUSED 10.0.0.1:3'))
  t.match(down.heads, [{ status: 503 }])
  t.match(down.body, 'ECONNREFUSED 10.0.0.1:3')
  t.equal(down.credited, 3)
  t.strictSame(bench.held, NOTHING_HELD)
  t.match(bench.records, [{ attempts: 3, flags: 'connect-failure' }])
})

t.test('a pool that cannot be waited for is passed over', async (t) => {
  const bench = new ExchangeBench()
  const [first, second] = bench.pools as [FakePool, FakePool]
  first.connected = false
  first.refusal = reasons.goaway.with('the endpoint has been removed')
  const down = bench.request(GET)
  second.streams[0]?.receiver?.head(OK, null, true)
  t.match(down.heads, [{ status: 200 }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('an endpoint that goes away is asked again when there is no other, up to a bound', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1 })
  const [pool] = bench.pools as [FakePool]
  const down = bench.request(POST)
  pool.streams[0]?.receiver?.reset(reasons.goaway)
  t.equal(pool.streams.length, 2)
  for (let i = 1; i < 20; i++) pool.streams[i]?.receiver?.reset(reasons.goaway)
  t.equal(pool.streams.length, 10)
  t.match(down.heads, [{ status: 503 }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('a request that waits is moved as often as its endpoints are removed', async (t) => {
  const bench = new ExchangeBench({ endpoints: 30 })
  for (const pool of bench.pools) pool.connected = false
  const down = bench.request(POST)
  for (const pool of bench.pools.slice(0, 29)) pool.fail(ENDPOINT_REMOVED)
  const [last] = bench.pools.slice(-1) as [FakePool]
  t.equal(last.waiting.length, 1)
  last.connect()
  last.streams[0]?.receiver?.head(OK, null, true)
  t.match(down.heads, [{ status: 200 }])
  t.strictSame(bench.held, NOTHING_HELD)
  t.match(bench.records, [{ attempts: 1 }])
})

t.test('retries draw on a budget, moves away from a dead endpoint do not', async (t) => {
  const bench = new ExchangeBench({ endpoints: 2, retry: { on: ['5xx'] }, retryBudget: 0 })
  const downs = Array.from({ length: 100 }, () => bench.request(GET))
  const first = bench.pools.map(({ streams }) => [...streams])
  for (const stream of first.flat()) stream.receiver?.head(Head.response(503), null, true)
  t.equal(bench.upstream.length - 100, 30, 'thirty are always allowed')
  t.equal(downs.filter(({ ended }) => ended).length, 70)
  t.equal(bench.cluster.stats.retriesOverflow, 70)
  const moved = Array.from({ length: 10 }, () => bench.request(POST))
  const before = bench.upstream.length
  for (const { streams } of bench.pools) {
    for (const stream of streams.slice(-5)) stream.receiver?.reset(reasons.goaway)
  }
  t.equal(bench.upstream.length, before + 10)
  for (const stream of bench.upstream)
    if (!stream.ended || stream.receiver !== null) stream.receiver?.reset(reasons.upstreamReset)
  t.ok([...downs, ...moved].every(({ ended }) => ended))
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('under a full outage retries stay a share of the requests, however many a route allows', async (t) => {
  for (const perSecond of [10, 100, 1000]) {
    const seconds = 40
    const bench = new ExchangeBench({ endpoints: 5, retry: { on: ['5xx'], attempts: 5 } })
    for (let i = 0; i < perSecond * seconds; i++) {
      const down = bench.request(GET)
      // Each try fails at once, until nothing is tried any more.
      while (!down.ended) {
        for (const pool of bench.pools)
          for (const stream of pool.streams.splice(0)) stream.receiver?.head(Head.response(500), null, true)
      }
      bench.clock.jump(1000 / perSecond)
    }
    const tries = bench.records.reduce((sum, { attempts }) => sum + attempts, 0)
    t.equal(bench.records.length, perSecond * seconds)
    t.ok(tries <= 1.2 * perSecond * seconds + 30 + 3 * seconds, `${tries} tries at ${perSecond}/s`)
    t.ok(tries >= 1.19 * perSecond * seconds, 'the share is used')
    t.strictSame(bench.held, NOTHING_HELD)
  }
})

t.test('an endpoint is told of earlier attempts that may have been processed', async (t) => {
  const grpc = 'grpc-previous-rpc-attempts'
  const ours = 'x-pillion-previous-attempts'
  const cases: [Head, string, Reason[], string[]][] = [
    [GET, ours, [reasons.upstreamReset, reasons.upstreamReset], ['', '1', '2']],
    [GET, ours, [reasons.connectFailure, reasons.upstreamReset], ['', '', '1']],
    [GRPC, grpc, [reasons.upstreamReset, reasons.refusedStream], ['', '1', '1']],
  ]
  for (const [head, name, failures, told] of cases) {
    const bench = new ExchangeBench({ endpoints: 3, retry: { on: ['reset'] } })
    bench.request(head)
    for (const [i, reason] of failures.entries()) bench.pools[i]?.streams[0]?.receiver?.reset(reason)
    t.strictSame(
      bench.upstream.map(({ addeds }) => addeds[0]?.get(name) ?? ''),
      told,
    )
  }
  const bench = new ExchangeBench({ retry: { on: ['5xx'] } })
  bench.request(Head.request('GET', 'http', 'a.test', '/', Fields.of({ [ours]: '7' })))
  bench.upstream[0]?.receiver?.head(Head.response(500), null, true)
  t.equal(bench.upstream[1]?.addeds[0], null, 'not a second time')
  t.equal(bench.upstream[1]?.heads[0]?.fields.get(ours), '7', 'an application says it itself')
  const inbound = new ExchangeBench({ retry: { on: ['5xx'] }, inbound: true })
  inbound.request(Head.request('GET', 'http', 'a.test', '/', Fields.of({ [ours]: '0' })))
  inbound.upstream[0]?.receiver?.head(Head.response(500), null, true)
  t.equal(inbound.upstream[1]?.addeds[0]?.get(ours), '1', 'whoever is not believed keeps nothing back either')
})

t.test('when a priority has nobody left the next one is asked', async (t) => {
  for (const free of [true, false]) {
    const bench = new ExchangeBench({
      endpoints: 5,
      priorities: [1, 0, 2, 0, 1],
      retry: free ? null : { on: ['reset'], attempts: 5 },
    })
    const down = bench.request(GET)
    const order: number[] = []
    for (let i = 0; i < 5; i++) {
      const at = bench.pools.findIndex(({ streams }, at) => streams.length > 0 && !order.includes(at))
      order.push(at)
      bench.pools[at]?.streams[0]?.receiver?.reset(free ? reasons.connectFailure : reasons.upstreamReset)
    }
    t.strictSame(
      order.map((at) => bench.cluster.set.endpoints[at]?.priority),
      [0, 0, 1, 1, 2],
    )
    t.match(down.heads, [{ status: 503 }])
    t.match(bench.records, [{ attempts: 5 }])
    t.strictSame(bench.held, NOTHING_HELD)
  }
})

t.test('what a first try sends too late is not heard', async (t) => {
  const bench = new ExchangeBench({ retry: { on: ['5xx'], perTryTimeout: 100 } })
  const down = bench.request(GET)
  const first = bench.pools[0]?.streams[0] as FakeStream
  const { receiver } = first
  bench.clock.advance(130)
  receiver?.head(OK, null, true)
  t.strictSame(down.heads, [])
  receiver?.reset(reasons.upstreamReset)
  const [, second] = streams(bench)
  second.receiver?.head(Head.response(201), null, true)
  t.match(down.heads, [{ status: 201 }])
  t.strictSame(bench.held, NOTHING_HELD)
})
