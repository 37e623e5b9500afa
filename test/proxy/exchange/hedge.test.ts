import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { ExchangeBench, type FakePool, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

const GET = Head.request('GET', 'http', 'a.test', '/')
const PUT = Head.request('PUT', 'http', 'a.test', '/')
const GRPC_FIELDS = Fields.of({ 'content-type': 'application/grpc' })
const GRPC = Head.request('POST', 'http', 'a.test', '/a.B/C', GRPC_FIELDS)
const OK = Head.response(200)
const BAD = Head.response(503)

/** A request whose first endpoint has been silent for long enough that a second was asked. */
function hedged(options: ConstructorParameters<typeof ExchangeBench>[0] = {}, request = GET) {
  const bench = new ExchangeBench({ endpoints: 3, hedge: {}, ...options })
  const down = bench.request(request)
  bench.clock.advance(70)
  const [first, second] = bench.pools.map(({ streams }) => streams[0]) as [FakeStream, FakeStream]
  return { bench, down, first, second }
}

t.test('the first good answer wins, the other is cancelled and says nothing of its endpoint', async (t) => {
  for (const winner of [0, 1]) {
    const { bench, down, first, second } = hedged()
    t.equal(bench.upstream.length, 2)
    const [won, lost] = winner === 0 ? [first, second] : [second, first]
    const { receiver } = lost
    won.receiver?.head(OK, null, false)
    t.equal(lost.cancels[0]?.http2, 8, 'CANCEL')
    receiver?.head(BAD, null, true)
    receiver?.reset(reasons.upstreamReset)
    won.receive('answer', true)
    t.strictSame(down.heads, [OK])
    t.equal(down.body, 'answer')
    t.equal(won.credited, 6)
    t.strictSame(bench.results, [`${winner} good`])
    t.match(bench.records, [{ code: 200, attempts: 2, endpoint: `10.0.0.1:${winner + 1}` }])
    t.match(bench.cluster.stats, { hedges: 1, hedgesWon: winner, retries: 0, retriesSucceeded: 0 })
    t.strictSame(bench.held, NOTHING_HELD)
  }
})

t.test('an answer in time: no other is asked', async (t) => {
  const bench = new ExchangeBench({ hedge: {} })
  bench.request(GET)
  bench.clock.advance(40)
  bench.upstream[0]?.receiver?.head(OK, null, false)
  bench.clock.advance(100)
  t.equal(bench.upstream.length, 1)
  bench.upstream[0]?.receive('', true)
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('a bad answer waits for a better one; when there is none it is the answer', async (t) => {
  for (const better of [true, false]) {
    const { bench, down, first, second } = hedged()
    first.receiver?.head(BAD, null, false)
    t.equal(first.cancels.length, 1)
    t.strictSame(down.heads, [])
    second.receiver?.head(better ? OK : BAD, null, true)
    t.match(down.heads, [{ status: better ? 200 : 503 }])
    t.strictSame(bench.results, ['0 failed', better ? '1 good' : '1 failed'])
    t.equal(bench.cluster.stats.retriesSucceeded, better ? 1 : 0)
    t.strictSame(bench.held, NOTHING_HELD)
  }
})

t.test('an endpoint that is lost: the other goes on alone, whichever it was', async (t) => {
  for (const lost of [0, 1]) {
    const { bench, down, first, second } = hedged()
    const [gone, stays] = lost === 0 ? [first, second] : [second, first]
    gone.receiver?.reset(reasons.upstreamReset)
    t.strictSame(down.heads, [])
    t.equal(bench.upstream.length, 2)
    stays.receiver?.head(OK, null, true)
    t.strictSame(down.heads, [OK])
    t.strictSame(bench.results, [`${lost} failed`, `${1 - lost} good`])
    t.strictSame(bench.held, NOTHING_HELD)
  }
})

t.test('when all are lost the route decides', async (t) => {
  const { bench, down, first, second } = hedged({ retry: { on: ['reset'] } })
  second.receiver?.reset(reasons.upstreamReset)
  first.receiver?.reset(reasons.upstreamReset)
  t.equal(bench.upstream.length, 3, 'another try, at an endpoint that was not asked yet')
  t.equal(bench.pools[2]?.streams.length, 1)
  t.equal(bench.upstream[2]?.addeds[0]?.get('x-pillion-previous-attempts'), '2')
  bench.upstream[2]?.receiver?.head(OK, null, true)
  t.strictSame(down.heads, [OK])
  t.strictSame(bench.held, NOTHING_HELD)

  const alone = hedged()
  alone.first.receiver?.reset(reasons.upstreamReset)
  alone.second.receiver?.reset(reasons.upstreamReset)
  t.match(alone.down.heads, [{ status: 503 }])
  t.strictSame(alone.bench.held, NOTHING_HELD)
})

t.test('as many at a time as the route says, each at another endpoint', async (t) => {
  const bench = new ExchangeBench({ endpoints: 5, hedge: { attempts: 3 } })
  const down = bench.request(GET)
  bench.clock.advance(1000)
  t.strictSame(
    bench.pools.map(({ streams }) => streams.length),
    [1, 1, 1, 0, 0],
  )
  bench.upstream[2]?.receiver?.head(OK, null, true)
  t.strictSame(
    bench.upstream.map(({ cancels }) => cancels.length),
    [1, 1, 0],
  )
  t.strictSame(down.heads, [OK])
  t.strictSame(bench.held, NOTHING_HELD)

  const few = new ExchangeBench({ endpoints: 1, hedge: {} })
  few.request(GET)
  few.clock.advance(1000)
  t.equal(few.upstream.length, 1, 'there is no other')
})

t.test('a body goes to both, and its bytes are credited once', async (t) => {
  const bench = new ExchangeBench({ hedge: {} })
  const [one, two] = bench.pools as [FakePool, FakePool]
  one.crediting = false
  two.crediting = false
  const down = bench.request(PUT, false)
  down.receive('abc')
  bench.clock.advance(100)
  t.equal(bench.upstream.length, 1, 'not before the request is complete')
  down.receive('def')
  down.receiver?.trailers(Fields.of({ 'x-a': 'b' }))
  bench.clock.advance(70)
  const [first, second] = bench.upstream as [FakeStream, FakeStream]
  t.equal(second.body, 'abcdef')
  t.equal(second.fields?.get('x-a'), 'b')
  first.source?.credit(4)
  second.source?.credit(6)
  first.source?.credit(2)
  t.equal(down.credited, 6)
  second.receiver?.head(OK, null, true)
  t.strictSame(second.cancels, [])
  t.strictSame(bench.held, NOTHING_HELD)

  const long = new ExchangeBench({ hedge: {} })
  const caller = long.request(PUT, false)
  caller.receive('x'.repeat(65_537), true)
  long.clock.advance(1000)
  t.equal(long.upstream.length, 1, 'what cannot be sent again is not')
})

t.test('who is not hedged', async (t) => {
  const post = Head.request('POST', 'http', 'a.test', '/')
  for (const request of [post, GRPC]) {
    const bench = new ExchangeBench({ hedge: {} })
    bench.request(request)
    t.equal(bench.held['deadlines'], 0, 'nothing is armed for it')
  }
  const willing = new ExchangeBench({ hedge: { grpc: true } })
  willing.request(GRPC)
  willing.clock.advance(100)
  t.equal(willing.upstream.length, 2)
})

t.test('gRPC: a call that fails in its trailers has not won', async (t) => {
  const { bench, down, first, second } = hedged({ hedge: { grpc: true } }, GRPC)
  const head = Head.response(200, GRPC_FIELDS)
  second.receiver?.head(head, null, false)
  t.strictSame(down.heads, [])
  second.receiver?.trailers(Fields.of({ 'grpc-status': '14' }))
  first.receiver?.head(head, null, false)
  first.receive('answer')
  first.receiver?.trailers(Fields.of({ 'grpc-status': '0' }))
  t.equal(down.fields?.get('grpc-status'), '0')
  t.match(bench.records, [{ grpcStatus: 0, endpoint: '10.0.0.1:1' }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('the caller leaves, the time is up, a connection never comes: nothing is left', async (t) => {
  const left = hedged()
  left.down.receiver?.reset(reasons.downstreamReset)
  for (const stream of [left.first, left.second]) t.equal(stream.cancels.length, 1)
  t.strictSame(left.bench.held, NOTHING_HELD)

  const late = hedged({ timeout: 200 })
  late.bench.clock.advance(200)
  t.match(late.down.heads, [{ status: 504 }])
  for (const stream of [late.first, late.second]) t.equal(stream.cancels.length, 1)
  t.strictSame(late.bench.held, NOTHING_HELD)

  const bench = new ExchangeBench({ hedge: {} })
  for (const pool of bench.pools) pool.connected = false
  const down = bench.request(GET)
  bench.clock.advance(70)
  t.equal(bench.held['waiting'], 2)
  bench.pools[1]?.connect()
  bench.upstream[0]?.receiver?.head(OK, null, true)
  t.strictSame(down.heads, [OK])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('a limit of one try holds for each', async (t) => {
  const { bench, down, first, second } = hedged({ retry: { on: ['reset'], perTryTimeout: 100 } })
  bench.clock.advance(50)
  t.equal(first.cancels.length, 1, 'its time is up')
  t.equal(second.cancels.length, 0, 'this one began later')
  second.receiver?.head(OK, null, true)
  t.strictSame(down.heads, [OK])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('hedging draws on the budget of retries', async (t) => {
  const bench = new ExchangeBench({ hedge: {}, retryBudget: 0 })
  for (let i = 0; i < 100; i++) bench.request(GET)
  bench.clock.advance(100)
  t.equal(bench.upstream.length, 130)
  t.equal(bench.cluster.stats.retriesOverflow, 70)
})

t.test('p95: late is what the route itself calls late', async (t) => {
  const bench = new ExchangeBench({ hedge: { after: null } })
  const request = (ms: number) => {
    const before = bench.upstream.length
    bench.request(GET)
    const stream = bench.pools.map(({ streams }) => streams.at(-1)).find((one) => one?.ended && one.receiver)
    bench.clock.advance(ms)
    const asked = bench.upstream.length - before
    for (const one of bench.upstream) if (!answered.has(one)) one.receiver?.head(OK, null, true)
    for (const one of bench.upstream) answered.add(one)
    t.ok(stream)
    return asked
  }
  const answered = new Set<FakeStream>()
  t.equal(request(5000), 1, 'nothing is known yet')
  for (let i = 0; i < 200; i++) request(i % 10 === 0 ? 60 : 20)
  t.equal(request(50), 1, 'as slow as one of ten')
  t.equal(request(120), 2, 'later than nearly all')
})

t.test('in any order of events: one answer, nothing held', async (t) => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SeededRandom(seed * 6364)
    const bench = new ExchangeBench({
      endpoints: 4,
      hedge: { attempts: 3, grpc: true },
      retry: seed % 2 === 0 ? { on: ['reset', '5xx', 'unavailable'] } : null,
      jitter: 0.9,
      timeout: 2000,
    })
    const grpc = seed % 3 === 0
    const down = bench.request(grpc ? GRPC : GET)
    const begun = new Set<FakeStream>()
    for (let i = 0; i < 60; i++) {
      bench.clock.advance(Math.floor(random.next() * 5) * 10)
      const running = bench.upstream.filter(
        ({ receiver, cancels }) => receiver !== null && cancels.length === 0,
      )
      const stream = running[Math.floor(random.next() * running.length)]
      if (stream === undefined) continue
      const what = random.next()
      const { receiver } = stream
      if (begun.has(stream)) {
        if (what < 0.3) stream.receive('some')
        else {
          stream.receiver = null
          if (what < 0.5) receiver?.reset(reasons.upstreamReset)
          else receiver?.trailers(Fields.of({ 'grpc-status': what < 0.7 ? '14' : '0' }))
        }
      } else if (what < 0.2) {
        stream.receiver = null
        receiver?.reset(reasons.upstreamClosed)
      } else if (what < 0.5) {
        stream.receiver = null
        receiver?.head(what < 0.35 ? BAD : Head.response(200, Fields.of({ 'grpc-status': '0' })), null, true)
      } else if (what < 0.7) {
        begun.add(stream)
        receiver?.head(Head.response(200, GRPC_FIELDS), null, false)
      }
    }
    if (!down.ended && down.cancels.length === 0) down.receiver?.reset(reasons.downstreamReset)
    bench.clock.advance(5000)
    t.equal(bench.records.length, 1)
    const { held } = bench
    if (Object.values(held).some((count) => count !== 0)) t.fail(`seed ${seed}: ${JSON.stringify(held)}`)
    t.ok(down.heads.length <= 1)
  }
})

t.test('a response to a rival that is held when the time is up has begun in time', async (t) => {
  const { bench, down, second } = hedged({ hedge: { grpc: true }, timeout: 100 }, GRPC)
  bench.clock.advance(20)
  second.receiver?.head(Head.response(200, GRPC_FIELDS), null, false)
  t.strictSame(down.heads, [])
  bench.clock.advance(10)
  bench.clock.jump(30)
  second.receiver?.trailers(Fields.of({ 'grpc-status': '0' }))
  t.match(down.heads, [{ status: 200 }])
  t.equal(down.fields?.get('grpc-status'), '0')
  t.match(bench.records, [{ code: 200, flags: '', endpoint: '10.0.0.1:2' }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('ten attempts in all, however many endpoints fail beside one that is silent', async (t) => {
  const bench = new ExchangeBench({ endpoints: 20, hedge: {}, retryBudget: 1 })
  const down = bench.request()
  for (let ms = 0; ms < 3000; ms += 10) {
    bench.clock.advance(10)
    for (const { receiver } of bench.upstream.slice(1)) receiver?.head(BAD, null, true)
  }
  t.equal(bench.upstream.length, 10)
  bench.upstream[0]?.receiver?.head(OK, null, true)
  t.strictSame(down.heads, [OK])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('nobody is asked any more when the time of the caller is up', async (t) => {
  const timed = Head.request(
    'POST',
    'http',
    'a.test',
    '/a.B/C',
    Fields.of({ 'content-type': 'application/grpc', 'grpc-timeout': '60m' }),
  )
  const bench = new ExchangeBench({ hedge: { grpc: true } })
  const down = bench.request(timed)
  const [, other] = bench.pools as [FakePool, FakePool]
  let asked = 0
  const { ready } = other
  other.ready = () => {
    asked += 1
    return ready.call(other)
  }
  bench.clock.jump(70)
  t.equal(asked, 0, 'an idle connection that is handed out and not used is lost')
  t.equal(down.heads[0]?.fields.get('grpc-status'), '4')
  t.match(bench.records, [{ flags: 'deadline-exceeded', attempts: 1 }])
  t.strictSame(bench.held, NOTHING_HELD)
})
