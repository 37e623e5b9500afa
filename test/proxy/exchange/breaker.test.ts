// The breaker as requests meet it: which of them is the trial, and what counts as its result.
import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { type BenchOptions, ExchangeBench, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

const GET = Head.request('GET', 'http', 'a.test', '/')
const OK = Head.response(200)
const BREAKER = { failures: 2, backOff: { from: 1000, to: 60_000, jitter: 0 } }

/** A bench whose first endpoint has just been shut; its time is over. */
function withTrialDue(options: BenchOptions = {}): ExchangeBench {
  const bench = new ExchangeBench({ endpoints: 2, breaker: BREAKER, ...options })
  while (bench.cluster.set.shut === 0) {
    const before = bench.upstream.length
    bench.request()
    const stream = bench.upstream.find(
      (one) => one.receiver !== null && one.cancels.length === 0,
    ) as FakeStream
    t.ok(bench.upstream.length > before)
    const first = stream === bench.pools[0]?.streams.at(-1)
    stream.receiver?.head(Head.response(first ? 503 : 200), null, true)
    stream.receiver = null
  }
  bench.clock.advance(1020)
  return bench
}

/** Where the next request goes; it stays open. */
function goesTo(bench: ExchangeBench): [number, FakeStream, FakeStream] {
  const before = bench.pools.map(({ streams }) => streams.length)
  const down = bench.request(GET)
  const at = bench.pools.findIndex(({ streams }, i) => streams.length > (before[i] as number))
  return [at, bench.pools[at]?.streams.at(-1) as FakeStream, down]
}

t.test('one request tries a shut endpoint, and its answer opens it', async (t) => {
  const bench = withTrialDue()
  const [first, trial] = goesTo(bench)
  t.equal(first, 0)
  for (let i = 0; i < 5; i++) t.equal(goesTo(bench)[0], 1)
  trial.receiver?.head(OK, null, true)
  t.equal(bench.cluster.set.shut, 0)
  t.same([goesTo(bench)[0], goesTo(bench)[0]].sort(), [0, 1])
})

t.test('a trial that fails shuts it for longer', async (t) => {
  const bench = withTrialDue()
  const [, trial] = goesTo(bench)
  trial.receiver?.reset(reasons.upstreamReset)
  bench.clock.advance(1500)
  t.equal(goesTo(bench)[0], 1)
  bench.clock.advance(600)
  t.equal(goesTo(bench)[0], 0)
})

t.test('a caller that leaves says nothing: the next request is the trial', async (t) => {
  const bench = withTrialDue()
  const [, , down] = goesTo(bench)
  down.receiver?.reset(reasons.downstreamReset)
  t.equal(bench.cluster.set.shut, 1)
  t.equal(goesTo(bench)[0], 0)
})

t.test('an endpoint that goes away and looked at nothing: the next request is the trial', async (t) => {
  const bench = withTrialDue()
  const [first, trial] = goesTo(bench)
  t.equal(first, 0)
  trial.receiver?.reset(reasons.goaway)
  t.equal(bench.cluster.set.shut, 1, 'that is no success')
  t.equal(goesTo(bench)[0], 0)
})

t.test('what was under way before has no say', async (t) => {
  const bench = new ExchangeBench({ endpoints: 2, breaker: BREAKER })
  const earlier = [0, 1, 2, 3, 4, 5].map(() => goesTo(bench)).filter(([at]) => at === 0)
  t.equal(earlier.length, 3)
  for (const [, stream] of earlier.slice(0, 2)) stream.receiver?.head(Head.response(500), null, true)
  t.equal(bench.cluster.set.shut, 1)
  bench.clock.advance(1020)
  const [at, trial] = goesTo(bench)
  t.equal(at, 0)
  earlier[2]?.[1].receiver?.reset(reasons.upstreamReset)
  t.equal(bench.breaker?.trialsFailed, 0)
  trial.receiver?.head(OK, null, true)
  t.equal(bench.cluster.set.shut, 0)
})

t.test('a stream that goes on for hours opens it with its head', async (t) => {
  const bench = withTrialDue()
  const [, trial] = goesTo(bench)
  trial.receiver?.head(OK, null, false)
  t.equal(bench.cluster.set.shut, 0)
  trial.receiver?.reset(reasons.upstreamReset)
  t.equal(bench.cluster.set.shut, 1, 'and the next failure shuts it again')
})

t.test('an interim head is no answer, and a 5xx with a body is a failure', async (t) => {
  const bench = withTrialDue()
  const [, trial] = goesTo(bench)
  trial.receiver?.head(Head.response(103), null, false)
  t.equal(bench.cluster.set.shut, 1)
  trial.receiver?.head(Head.response(503), null, false)
  t.equal(bench.cluster.set.shut, 1)
  trial.receive('sorry', true)
  t.equal(bench.breaker?.trialsFailed, 1)
})

t.test('a gRPC failure without a body is one', async (t) => {
  const bench = withTrialDue()
  const grpc = Fields.of({ 'content-type': 'application/grpc' })
  bench.request(Head.request('POST', 'http', 'a.test', '/a.B/C', grpc))
  const trial = bench.pools[0]?.streams.at(-1) as FakeStream
  const fields = Fields.of({ 'content-type': 'application/grpc', 'grpc-status': '14' })
  trial.receiver?.head(Head.response(200, fields), null, true)
  t.equal(bench.breaker?.trialsFailed, 1)
})

t.test('a trial that cannot even connect fails, and the request goes on elsewhere', async (t) => {
  const bench = withTrialDue()
  const [pool] = bench.pools as [ExchangeBench['pools'][0]]
  pool.connected = false
  const before = bench.pools[1]?.streams.length ?? 0
  bench.request(GET)
  t.equal(pool.waiting.length, 1)
  pool.fail(reasons.connectFailure)
  t.equal(bench.breaker?.trialsFailed, 1)
  t.equal(bench.pools[1]?.streams.length, before + 1)
})

t.test('a trial that the pool turns away is none', async (t) => {
  const bench = withTrialDue()
  const [pool] = bench.pools as [ExchangeBench['pools'][0]]
  pool.connected = false
  pool.refusal = reasons.overflow.with('full')
  bench.request(GET)
  pool.connected = true
  t.equal(goesTo(bench)[0], 0)
})

t.test('with every endpoint shut a request is refused at once, and told why', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1, breaker: BREAKER })
  for (let i = 0; i < 2; i++) goesTo(bench)[1].receiver?.reset(reasons.upstreamReset)
  const down = bench.request(GET)
  t.match(down.heads, [{ status: 503 }])
  t.equal(down.heads[0]?.fields.get('x-pillion-reason'), 'no-healthy-upstream')
  t.match(bench.records.at(-1)?.detail, /shop: of 1 endpoint 1 shut by the breaker until a trial succeeds$/)
  t.equal(bench.cluster.stats.noHealthy, 1)
  bench.clock.advance(1020)
  const [, trial, answered] = goesTo(bench)
  t.match(bench.request(GET).heads, [{ status: 503 }], 'while it is on trial, too')
  trial.receiver?.head(OK, null, true)
  t.match(answered.heads, [{ status: 200 }])
  goesTo(bench)[1].receiver?.head(OK, null, true)
  bench.breaker?.stop()
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('limits: just below everything passes, above it is refused and says which limit', async (t) => {
  const requests = new ExchangeBench({ endpoints: 2, maxRequests: 3 })
  const open = [0, 1, 2].map(() => requests.request(GET))
  t.ok(open.every(({ heads }) => heads.length === 0))
  const refused = requests.request(GET)
  t.match(refused.heads, [{ status: 503 }])
  t.match(requests.records.at(-1), {
    flags: 'overflow',
    detail: /limits\.requests of upstream shop, 3 in flight at once; raise it/,
  })
  requests.upstream[0]?.receiver?.head(OK, null, true)
  t.equal(requests.request(GET).heads.length, 0, 'a place that became free is given')
  t.equal(requests.cluster.stats.overflow, 1)
  t.equal(requests.cluster.stats.limits.get('limits.requests'), 1)

  const each = new ExchangeBench({ endpoints: 2, requestsPerEndpoint: 2 })
  const four = [0, 1, 2, 3].map(() => each.request(GET))
  t.ok(four.every(({ heads }) => heads.length === 0))
  t.same(
    each.pools.map(({ streams }) => streams.length),
    [2, 2],
  )
  t.match(each.request(GET).heads, [{ status: 503 }])
  t.match(each.records.at(-1), {
    flags: 'overflow',
    detail: /limits\.requestsPerEndpoint of upstream shop, 2 in flight at every endpoint asked; raise it/,
  })
  t.equal(each.cluster.stats.limits.get('limits.requestsPerEndpoint'), 1)
  each.pools[1]?.streams[0]?.receiver?.head(OK, null, true)
  t.equal(each.request(GET).heads.length, 0)
  t.equal(each.pools[1]?.streams.length, 3)
})
