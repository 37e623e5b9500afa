import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { ConcurrencyLimit } from '../../../proxy/policy/concurrency-limit.ts'
import { ConcurrencyStats } from '../../../proxy/telemetry/concurrency-stats.ts'
import { byKey, rateLimit } from '../policy/rate-limits.ts'
import { ExchangeBench, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

const GET = Head.request('GET', 'http', 'a.test', '/')
const POST = Head.request('POST', 'http', 'a.test', '/')
const GRPC = Head.request('POST', 'http', 'a', '/a.B/C', Fields.of({ 'content-type': 'application/grpc' }))
const OK = Head.response(200)

function concurrency(least: number, place = 'upstream shop'): ConcurrencyLimit {
  const range = { min: least, max: least, start: least }
  return new ConcurrencyLimit(range, place, new ConcurrencyStats('', 'shop'), new SeededRandom(1))
}

function fieldsOf(stream: FakeStream): Record<string, string> {
  const { names, values } = stream.heads[0]!.fields
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]))
}

t.test('requests beyond a rate limit are refused, and told when to come again', async (t) => {
  const limit = rateLimit({ name: '3/10s', requests: 3, per: 10_000 })
  const bench = new ExchangeBench({ rateLimits: [limit] })
  for (let i = 0; i < 3; i++) t.strictSame(bench.request(GET).heads, [], 'passes')
  const refused = bench.request(GET)
  t.match(refused.heads, [{ status: 429 }])
  t.match(fieldsOf(refused), { 'retry-after': '4', 'x-pillion-reason': 'rate-limited' })
  t.notOk('ratelimit' in fieldsOf(refused), 'no more than that')
  t.equal(refused.body, 'more requests than a rate limit allows: 3/10s of route r\n')
  const call = bench.request(GRPC)
  t.match(call.heads, [{ status: 200 }])
  t.match(fieldsOf(call), { 'grpc-status': '8', 'grpc-retry-pushback-ms': '3334' })
  t.match(fieldsOf(call)['grpc-message'], /a rate limit allows: 3\/10s of route r$/)
  t.notOk('retry-after' in fieldsOf(call))
  t.equal(bench.upstream.length, 3)
  bench.clock.advance(3340)
  t.strictSame(bench.request(GET).heads, [], 'one has come back')
  t.match(bench.request(GET).heads, [{ status: 429 }])
  t.equal(limit.stats.refused, 3)
  t.match(bench.records.at(-1), { code: 429, flags: 'rate-limited', attempts: 0, route: 'route' })
  t.equal(bench.listener.localReplies.get('rate-limited'), 3)
})

t.test('a body that comes with a refused request is thrown away', async (t) => {
  const bench = new ExchangeBench({ rateLimits: [rateLimit({ requests: 1 })] })
  bench.request(GET)
  const refused = bench.request(POST, false)
  t.match(refused.heads, [{ status: 429 }])
  refused.receive('abcdef', true)
  t.equal(refused.credited, 6)
})

t.test('one head, on one connection or several, draws on one bucket; other keys on others', async (t) => {
  const limit = byKey({ requests: 2 })
  const keyed = (key: string) => Head.request('GET', 'http', 'a', '/', Fields.of({ 'x-key': key }))
  const bench = new ExchangeBench({ rateLimits: [limit] })
  const again = new ExchangeBench({ rateLimits: [limit] })
  const [a, b] = [keyed('a'), keyed('b')]
  const statuses = [
    bench.request(a),
    again.request(keyed('a')),
    bench.request(a),
    again.request(a),
    bench.request(b),
  ].map(({ heads }) => heads[0]?.status ?? 0)
  t.strictSame(statuses, [0, 0, 429, 429, 0])
})

t.test('what is refused for other reasons takes nothing', async (t) => {
  const limit = rateLimit({ requests: 2 })
  const bench = new ExchangeBench({
    rateLimits: [limit],
    authorize: [{ action: 'deny', principals: null, methods: ['DELETE'], paths: null }],
  })
  const denied = Head.request('DELETE', 'http', 'a', '/')
  for (let i = 0; i < 5; i++) t.match(bench.request(denied).heads, [{ status: 403 }])
  t.equal(limit.stats.refused, 0)
})

t.test('further tries of a request take nothing', async (t) => {
  const limit = rateLimit({ requests: 2 })
  const bench = new ExchangeBench({ rateLimits: [limit], endpoints: 3, retry: { on: ['5xx'], attempts: 3 } })
  const down = bench.request(GET)
  for (let i = 0; i < 2; i++) bench.upstream.at(-1)?.receiver?.head(Head.response(500), null, true)
  bench.upstream.find(({ receiver }) => receiver !== null)
  for (const stream of bench.upstream) stream.receiver?.head(OK, null, true)
  t.match(down.heads, [{ status: 200 }])
  t.equal(bench.upstream.length, 3)
  t.strictSame(bench.request(GET).heads, [], 'the second request of two')
  t.match(bench.request(GET).heads, [{ status: 429 }])
})

t.test('responses tell what is left where a limit is advertised', async (t) => {
  const limit = rateLimit({ name: 'all', requests: 5, per: 60_000, advertise: true })
  const bench = new ExchangeBench({ rateLimits: [limit, rateLimit({ requests: 100 })] })
  const down = bench.request(GET)
  bench.upstream[0]?.receiver?.head(OK, null, true)
  t.strictSame(down.added, [{ 'ratelimit-policy': '"all";q=5;w=60', ratelimit: '"all";r=4;t=48' }])
  for (let i = 0; i < 4; i++) bench.request(GET)
  const refused = fieldsOf(bench.request(GET))
  t.match(refused, {
    'retry-after': '12',
    'ratelimit-policy': '"all";q=5;w=60',
    ratelimit: '"all";r=0;t=12',
  })
})

t.test('requests beyond the concurrency are refused at once, with a time to wait', async (t) => {
  const limit = concurrency(2)
  const bench = new ExchangeBench({ concurrency: [limit] })
  bench.request(GET)
  bench.request(POST, false)
  const refused = bench.request(GET)
  t.match(refused.heads, [{ status: 503 }])
  t.match(fieldsOf(refused), { 'retry-after': '1', 'x-pillion-reason': 'overloaded' })
  t.match(refused.body, /: 2 requests to upstream shop\n$/)
  const call = fieldsOf(bench.request(GRPC))
  t.match(call, { 'grpc-status': '14', 'x-pillion-reason': 'overloaded' })
  const wait = Number(call['grpc-retry-pushback-ms'])
  t.ok(wait >= 100 && wait <= 200, `${wait}`)
  t.equal(bench.upstream.length, 2)
  t.match(limit.stats, { inFlight: 2, refused: 2 })
  t.equal(bench.cluster.active, 2, 'and the upstream is not charged')
})

t.test('a place is given back when the response begins, however long it lasts', async (t) => {
  const limit = concurrency(1)
  const bench = new ExchangeBench({ concurrency: [limit], tunnels: ['websocket'] })
  const stream = bench.request(GRPC, false)
  t.equal(limit.stats.inFlight, 1)
  bench.upstream[0]?.receiver?.head(Head.response(100), null, false)
  t.equal(limit.stats.inFlight, 1, 'an interim response is none')
  bench.upstream[0]?.receiver?.head(OK, null, false)
  t.equal(limit.stats.inFlight, 0)
  const socket = bench.request(Head.tunnel('websocket', 'http', 'a', '/'), false)
  t.equal(limit.stats.inFlight, 1)
  const opened = new Head('', '', '', '', 200, new Fields([], []), -1, false, 'websocket')
  bench.upstream[1]?.receiver?.head(opened, null, false)
  t.equal(limit.stats.inFlight, 0)
  t.match(socket.heads, [{ status: 200 }])
  bench.request(GET)
  t.equal(limit.stats.inFlight, 1)
  stream.receiver?.reset(reasons.downstreamReset)
  t.equal(limit.stats.inFlight, 1, 'and not a second time')
})

t.test('a place is given back whatever happens, once', async (t) => {
  const ends: Record<string, (bench: ExchangeBench, down: FakeStream) => void> = {
    'the caller cancels': (_, down) => down.receiver?.reset(reasons.downstreamReset),
    'the endpoint resets': (bench) => bench.upstream[0]?.receiver?.reset(reasons.upstreamReset),
    'it takes too long': (bench) => bench.clock.advance(1100),
    'it answers': (bench) => bench.upstream[0]?.receiver?.head(OK, null, true),
    'it answers with more to come': (bench, down) => {
      bench.upstream[0]?.receiver?.head(OK, null, false)
      down.receiver?.reset(reasons.downstreamReset)
    },
  }
  for (const [what, end] of Object.entries(ends)) {
    const limits = [concurrency(1), concurrency(2)]
    const bench = new ExchangeBench({ concurrency: limits, timeout: 1000 })
    end(bench, bench.request(GET))
    t.strictSame(
      limits.map(({ stats }) => stats.inFlight),
      [0, 0],
      what,
    )
    t.strictSame(bench.held, NOTHING_HELD, what)
  }
})

t.test('of two limits one without room takes nothing of the other', async (t) => {
  const [wide, narrow] = [concurrency(5, 'route wide'), concurrency(1)]
  const bench = new ExchangeBench({ concurrency: [wide, narrow] })
  bench.request(GET)
  for (let i = 0; i < 3; i++) t.match(bench.request(GET).heads, [{ status: 503 }])
  t.strictSame([wide.stats.inFlight, narrow.stats.inFlight], [1, 1])
  t.strictSame([wide.stats.refused, narrow.stats.refused], [0, 3])
})

t.test('further tries keep the place', async (t) => {
  const limit = concurrency(3)
  const bench = new ExchangeBench({ concurrency: [limit], retry: { on: ['5xx'] } })
  bench.request(GET)
  bench.upstream[0]?.receiver?.head(Head.response(503), null, true)
  t.equal(bench.upstream.length, 2)
  t.equal(limit.stats.inFlight, 1)
  bench.upstream[1]?.receiver?.head(OK, null, true)
  t.equal(limit.stats.inFlight, 0)
})

t.test('the latency is that of good answers, from the end of the request', async (t) => {
  const measured = (answer: (bench: ExchangeBench, i: number) => void): number => {
    const limit = concurrency(5)
    const bench = new ExchangeBench({ concurrency: [limit], endpoints: 1, timeout: 500 })
    for (let i = 0; i < 25; i++) answer(bench, i)
    return limit.stats.baselineMs
  }
  const last = (bench: ExchangeBench) => bench.upstream.at(-1)?.receiver
  const baseline = measured((bench) => {
    bench.request(GET)
    bench.clock.advance(30)
    last(bench)?.head(OK, null, true)
  })
  t.equal(baseline, 30)
  const uploads = measured((bench) => {
    const down = bench.request(POST, false)
    bench.clock.advance(5000)
    down.receive('abc', true)
    bench.clock.advance(40)
    last(bench)?.head(OK, null, true)
  })
  t.equal(uploads, 40, 'a slow caller is not a slow endpoint')
  const failures = measured((bench) => {
    bench.request(GET)
    bench.clock.advance(10)
    last(bench)?.head(Head.response(503), null, true)
    const call = new Fields(['content-type', 'grpc-status'], ['application/grpc', '14'])
    bench.request(GRPC)
    last(bench)?.head(Head.response(200, call), null, true)
    bench.request(GET)
    last(bench)?.reset(reasons.upstreamReset)
  })
  t.equal(failures, 0, 'failures come fast')
  const timeouts = measured((bench) => {
    bench.request(GET)
    bench.clock.advance(520)
  })
  t.ok(timeouts >= 500, `what does not come in time took ${timeouts} ms`)
})
