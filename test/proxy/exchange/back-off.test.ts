import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { ExchangeBench, NOTHING_HELD } from './exchange-bench.ts'

const GET = Head.request('GET', 'http', 'a.test', '/')
const POST = Head.request('POST', 'http', 'a.test', '/')
const GRPC_FIELDS = Fields.of({ 'content-type': 'application/grpc' })
const GRPC = Head.request('POST', 'http', 'a.test', '/a.B/C', GRPC_FIELDS)
const OK = Head.response(200)
/** Draws nearly the longest wait. */
const LONGEST = 0.999

function unavailable(more: Record<string, string> = {}): Head {
  return Head.response(503, Fields.of(more))
}

/** Milliseconds until the next try begins, in steps of ten; -1 when none does within a minute. */
function untilNext(bench: ExchangeBench): number {
  const before = bench.upstream.length
  for (let ms = 0; ms <= 60_000; ms += 10) {
    if (bench.upstream.length > before) return ms
    bench.clock.advance(10)
  }
  return -1
}

t.test('each further try waits longer, none too long', async (t) => {
  const bench = new ExchangeBench({ endpoints: 7, retry: { on: ['5xx'], attempts: 7 }, jitter: LONGEST })
  const down = bench.request(GET)
  const waits: number[] = []
  for (const pool of bench.pools.slice(0, 6)) {
    pool.streams[0]?.receiver?.head(unavailable(), null, true)
    waits.push(untilNext(bench))
  }
  const bounds = [25, 75, 175, 250, 250, 250]
  for (const [i, bound] of bounds.entries()) {
    const wait = waits[i] ?? -1
    t.ok(wait >= bound - 10 && wait <= bound + 20, `${wait}`)
  }
  bench.pools[6]?.streams[0]?.receiver?.head(OK, null, true)
  t.match(down.heads, [{ status: 200 }])
  t.match(bench.records, [{ attempts: 7 }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('as configured', async (t) => {
  const backOff = { base: 1000, max: 2000 }
  const bench = new ExchangeBench({ endpoints: 3, retry: { on: ['reset'], backOff }, jitter: 0.5 })
  bench.request(GET)
  bench.upstream[0]?.receiver?.reset(reasons.upstreamReset)
  const first = untilNext(bench)
  t.ok(first >= 500 && first <= 530, `${first}`)
  bench.upstream[1]?.receiver?.reset(reasons.upstreamReset)
  const second = untilNext(bench)
  t.ok(second >= 1000 && second <= 1030, `${second}`)
})

t.test('what was not processed moves on at once, refused streams once', async (t) => {
  for (const reason of [reasons.connectFailure, reasons.goaway, reasons.refusedStream]) {
    const bench = new ExchangeBench({ endpoints: 3, retry: { on: ['5xx'] }, jitter: LONGEST })
    bench.request(POST)
    bench.upstream[0]?.receiver?.reset(reason)
    t.equal(bench.upstream.length, 2, reason.code)
    bench.upstream[1]?.receiver?.reset(reason)
    t.equal(bench.upstream.length, reason.is(reasons.refusedStream) ? 2 : 3, reason.code)
    if (reason.is(reasons.refusedStream)) t.ok(untilNext(bench) >= 50, 'overload is not stormed')
  }
})

t.test('while it waits', async (t) => {
  await t.test('the body gathers, uncredited, and goes with the next try', async (t) => {
    const bench = new ExchangeBench({ retry: { on: [], statuses: [425] }, jitter: LONGEST })
    const down = bench.request(POST, false)
    down.receive('abc')
    bench.upstream[0]?.receiver?.head(Head.response(425), null, true)
    t.equal(bench.upstream[0]?.cancels.length, 1, 'its request was not complete')
    down.receive('def')
    down.receive('ghi', true)
    t.equal(down.credited, 3)
    untilNext(bench)
    t.equal(bench.upstream[1]?.body, 'abcdefghi')
    t.equal(down.credited, 9)
    bench.upstream[1]?.receiver?.head(OK, null, true)
    t.match(down.heads, [{ status: 200 }])
    t.strictSame(bench.held, NOTHING_HELD)
  })
  await t.test('the caller may leave', async (t) => {
    const bench = new ExchangeBench({ retry: { on: ['5xx'] }, jitter: LONGEST })
    const down = bench.request(GET)
    bench.upstream[0]?.receiver?.head(unavailable(), null, true)
    down.receiver?.reset(reasons.downstreamReset)
    t.strictSame(bench.held, NOTHING_HELD)
    t.equal(untilNext(bench), -1)
    t.match(bench.records, [{ code: 499 }])
  })
  await t.test('the time of the route may run out', async (t) => {
    const backOff = { base: 150, max: 150 }
    const bench = new ExchangeBench({ timeout: 200, retry: { on: ['reset'], backOff }, jitter: LONGEST })
    const down = bench.request(GET)
    bench.upstream[0]?.receiver?.reset(reasons.upstreamReset)
    bench.clock.advance(160)
    t.equal(bench.upstream.length, 2)
    bench.upstream[1]?.receiver?.head(Head.response(100), null, false)
    bench.clock.advance(60)
    t.match(down.heads.at(-1), { status: 504 })
    t.strictSame(bench.held, NOTHING_HELD)
  })
  await t.test('an endpoint that is ejected is not asked', async (t) => {
    const bench = new ExchangeBench({ endpoints: 3, retry: { on: ['5xx'] }, jitter: LONGEST })
    bench.request(GET)
    bench.upstream[0]?.receiver?.head(unavailable(), null, true)
    const [, next] = bench.cluster.set.endpoints
    if (next === undefined) return
    bench.cluster.set.eject(next, bench.clock.now() + 1000, 'test')
    untilNext(bench)
    t.strictSame(
      bench.pools.map(({ streams }) => streams.length),
      [1, 0, 1],
    )
  })
})

t.test('no try that the route has no time for: the last answer is passed on', async (t) => {
  const bench = new ExchangeBench({ timeout: 1000, retry: { on: ['5xx'] } })
  const down = bench.request(GET)
  bench.upstream[0]?.receiver?.head(unavailable({ 'retry-after': '1' }), null, true)
  t.match(down.heads, [{ status: 503 }])
  t.equal(down.heads[0]?.fields.get('retry-after'), '1')
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('Retry-After', async (t) => {
  const wall = new ExchangeBench().clock.wall()
  const cases: [string, number][] = [
    ['2', 2000],
    [new Date(wall + 3000).toUTCString(), 3000],
    ['0', 0],
    ['10', 10_000],
    ['11', -1],
    [new Date(wall + 3_600_000).toUTCString(), -1],
    ['tomorrow', 0],
  ]
  for (const [value, wait] of cases) {
    const bench = new ExchangeBench({ retry: { on: ['5xx'] } })
    const down = bench.request(GET)
    const before = bench.upstream.length
    bench.upstream[0]?.receiver?.head(unavailable({ 'retry-after': value }), null, true)
    const waited = bench.upstream.length > before ? 0 : untilNext(bench)
    // A date has whole seconds.
    if (wait > 0) t.ok(waited > wait - 1000 && waited <= wait + 30, `${value}: ${waited}`)
    else t.equal(waited, wait, value)
    if (wait < 0) t.match(down.heads, [{ status: 503 }], 'the caller hears it')
  }
})

t.test('grpc-retry-pushback-ms, in a head alone and in trailers', async (t) => {
  const cases: [string, number][] = [
    ['0', 0],
    ['500', 500],
    ['-1', -1],
    ['soon', -1],
    ['10001', -1],
  ]
  for (const where of ['head', 'trailers']) {
    for (const [value, wait] of cases) {
      const bench = new ExchangeBench({ retry: { on: ['unavailable'] }, jitter: LONGEST })
      const down = bench.request(GRPC)
      const before = bench.upstream.length
      const status = Fields.of({ 'grpc-status': '14', 'grpc-retry-pushback-ms': value })
      if (where === 'head') bench.upstream[0]?.receiver?.head(Head.response(200, status), null, true)
      else {
        bench.upstream[0]?.receiver?.head(Head.response(200, GRPC_FIELDS), null, false)
        bench.upstream[0]?.receiver?.trailers(status)
      }
      const waited = bench.upstream.length > before ? 0 : untilNext(bench)
      if (wait > 0) t.ok(waited >= wait && waited <= wait + 30, `${where} ${value}: exactly, ${waited}`)
      else t.equal(waited, wait, `${where} ${value}`)
      t.equal(down.ended, wait < 0)
    }
  }
})

t.test('observers hear how long an endpoint wants to be left alone', async (t) => {
  const bench = new ExchangeBench({ retry: { on: ['5xx', 'unavailable'] } })
  bench.request(GET)
  bench.upstream[0]?.receiver?.head(unavailable({ 'retry-after': '2' }), null, true)
  bench.clock.advance(2030)
  bench.upstream[1]?.receiver?.head(unavailable({ 'retry-after': '3600' }), null, true)
  t.strictSame(bench.backOffs, [2000, 3_600_000], 'on a try that is dropped, and on one that is passed on')
  t.strictSame(bench.results, ['0 failed', '1 failed'])

  const quiet = new ExchangeBench({ endpoints: 1 })
  quiet.request(GET)
  quiet.upstream[0]?.receiver?.head(Head.response(200, Fields.of({ 'retry-after': '2' })), null, true)
  quiet.request(GET)
  quiet.upstream[1]?.receiver?.head(Head.response(429, Fields.of({ 'retry-after': '2' })), null, true)
  quiet.request(GRPC)
  quiet.upstream[2]?.receiver?.head(Head.response(200, GRPC_FIELDS), null, false)
  quiet.upstream[2]?.receiver?.trailers(Fields.of({ 'grpc-status': '8', 'grpc-retry-pushback-ms': '700' }))
  quiet.request(GRPC)
  const never = Fields.of({ 'grpc-status': '14', 'grpc-retry-pushback-ms': '-1' })
  quiet.upstream[3]?.receiver?.head(Head.response(200, never), null, true)
  t.strictSame(quiet.backOffs, [0, 2000, 700, 0], 'good answers ask for nothing')
})

t.test('a sidecar that sheds load and says when to come again does not count as failed', async (t) => {
  for (const meshed of [false, true]) {
    for (const fields of [{ 'retry-after': '2' }, {}]) {
      const bench = new ExchangeBench({ meshed, endpoints: 1 })
      bench.request(GET)
      bench.upstream[0]?.receiver?.head(unavailable(fields), null, true)
      const sheds = meshed && 'retry-after' in fields
      t.strictSame(bench.results, [sheds ? '0 good' : '0 failed'], JSON.stringify({ meshed, fields }))
    }
  }
})

t.test('an endpoint that was chosen before the wait and cannot be used after it', async (t) => {
  await t.test('removed', async (t) => {
    const bench = new ExchangeBench({ retry: { on: ['5xx'] }, jitter: LONGEST })
    const down = bench.request(GET)
    bench.upstream[0]?.receiver?.head(unavailable(), null, true)
    const [, chosen] = bench.cluster.set.endpoints
    bench.cluster.set.update([])
    ;(bench.cluster.pools as unknown[]).length = 0
    ;(bench.cluster.endpointStats as unknown[]).length = 0
    bench.clock.advance(100)
    t.match(down.heads, [{ status: 503 }])
    t.match(bench.records, [{ flags: 'no-healthy-upstream', attempts: 1 }])
    t.equal(chosen?.active, 0)
    t.strictSame(bench.held, NOTHING_HELD)
  })
  await t.test('shut by the breaker', async (t) => {
    const breaker = { failures: 1, backOff: { from: 10_000, to: 10_000, jitter: 0 } }
    const bench = new ExchangeBench({ retry: { on: ['5xx'] }, jitter: LONGEST, breaker })
    const down = bench.request(GET)
    bench.request(POST)
    bench.pools[0]?.streams[0]?.receiver?.head(unavailable(), null, true)
    bench.pools[1]?.streams[0]?.receiver?.head(Head.response(500), null, true)
    bench.clock.advance(100)
    t.equal(bench.pools[1]?.streams.length, 1, 'only a trial may go there')
    t.match(down.heads, [{ status: 503 }])
  })
  await t.test('full', async (t) => {
    const bench = new ExchangeBench({
      endpoints: 3,
      retry: { on: ['5xx'] },
      jitter: LONGEST,
      requestsPerEndpoint: 1,
    })
    bench.request(GET)
    bench.pools[0]?.streams[0]?.receiver?.head(unavailable(), null, true)
    const chosen = bench.cluster.set.endpoints[1]
    if (chosen !== undefined) chosen.active += 1
    bench.clock.advance(100)
    t.equal(bench.pools[1]?.streams.length, 0)
    t.equal(bench.pools[2]?.streams.length, 1)
  })
})
