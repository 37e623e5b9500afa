import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { ExchangeBench, type FakePool, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

const POST = Head.request('POST', 'http', 'a.test', '/')
const GRPC = Head.request('POST', 'http', 'a', '/a.B/C', Fields.of({ 'content-type': 'application/grpc' }))
const OK = Head.response(200)

t.test('a response that does not come is 504, and the endpoint is told to stop', async (t) => {
  const bench = new ExchangeBench({ timeout: 1000 })
  const down = bench.request()
  bench.clock.advance(990)
  t.strictSame(down.heads, [])
  bench.clock.advance(30)
  t.match(down.heads, [{ status: 504 }])
  t.match(down.body, 'no response within 1000 ms')
  t.match(bench.upstream[0]?.cancels, [{ code: 'timeout', http2: 8 }])
  t.match(bench.records, [{ code: 504, flags: 'timeout' }])
  t.strictSame(bench.results, ['0 failed'])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('a gRPC call gets DEADLINE_EXCEEDED', async (t) => {
  const bench = new ExchangeBench({ timeout: 1000 })
  const down = bench.request(GRPC)
  bench.clock.advance(1030)
  t.match(down.heads, [{ status: 200 }])
  t.equal(down.heads[0]?.fields.get('grpc-status'), '4')
})

t.test('the time runs from the end of the request', async (t) => {
  const bench = new ExchangeBench({ timeout: 1000 })
  const down = bench.request(POST, false)
  down.receive('abc')
  bench.clock.advance(5000)
  t.strictSame(down.heads, [])
  down.receive('def', true)
  bench.clock.advance(900)
  t.strictSame(down.heads, [])
  bench.clock.advance(130)
  t.match(down.heads, [{ status: 504 }])
})

t.test(
  'without a connection: the request leaves the queue, and the endpoint failed to connect',
  async (t) => {
    const bench = new ExchangeBench({ timeout: 1000 })
    for (const pool of bench.pools) pool.connected = false
    const down = bench.request()
    bench.clock.advance(1030)
    t.match(down.heads, [{ status: 504 }])
    t.strictSame(bench.results, ['0 failed'])
    t.strictSame(bench.held, NOTHING_HELD)
  },
)

t.test(
  'connections that have no room: the request leaves the queue, and that says nothing of the endpoint',
  async (t) => {
    for (const options of [
      { timeout: 1000 },
      { retry: { on: ['5xx'], perTryTimeout: 1000, attempts: 1 } },
    ] as const) {
      const bench = new ExchangeBench(options)
      for (const pool of bench.pools) {
        pool.connected = false
        pool.connections = 1
      }
      const down = bench.request()
      bench.clock.advance(1030)
      t.match(down.heads, [{ status: 504 }])
      t.strictSame(bench.results, [], 'neither good nor bad')
      t.strictSame(bench.held, NOTHING_HELD)
    }
  },
)

t.test('waiting for room for too long: an overflow that says nothing of the endpoint', async (t) => {
  const bench = new ExchangeBench()
  const [pool] = bench.pools as [FakePool]
  pool.connected = false
  pool.connections = 1
  const down = bench.request()
  pool.fail(reasons.overflow.with('limits.pendingTimeout'))
  t.match(down.heads, [{ status: 503 }])
  t.strictSame(bench.results, [])
  t.equal(bench.cluster.stats.overflow, 1)
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('what takes too long because this process stood still is not held against the endpoint', async (t) => {
  const cases = [{ timeout: 1000 }, { retry: { on: ['5xx'], perTryTimeout: 1000, attempts: 1 } }] as const
  for (const options of cases) {
    const bench = new ExchangeBench(options)
    bench.stalls.start()
    const down = bench.request()
    bench.clock.advance(500)
    bench.clock.jump(2000)
    t.match(down.heads, [{ status: 504 }])
    t.strictSame(bench.results, [])
    const other = bench.request()
    bench.clock.advance(1100)
    t.match(other.heads, [{ status: 504 }])
    t.strictSame(bench.results, ['1 failed'], 'without a stall it is')
    bench.stalls.stop()
    t.strictSame(bench.held, NOTHING_HELD)
  }
})

t.test('a connection that takes too long because this process stood still neither', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1 })
  bench.stalls.start()
  const [pool] = bench.pools as [FakePool]
  pool.connected = false
  bench.request()
  bench.clock.jump(2000)
  pool.fail(reasons.connectTimeout)
  t.strictSame(bench.results, [])
  bench.request()
  bench.clock.advance(1000)
  pool.fail(reasons.connectTimeout)
  t.strictSame(bench.results, ['0 failed'])
  bench.stalls.stop()
})

t.test('a time for each try', async (t) => {
  const bench = new ExchangeBench({
    endpoints: 3,
    timeout: 10_000,
    retry: { on: ['5xx'], attempts: 3, perTryTimeout: 100 },
  })
  const down = bench.request()
  bench.clock.advance(130)
  t.equal(bench.upstream.length, 2)
  t.match(bench.pools[0]?.streams[0]?.cancels, [{ code: 'timeout' }])
  bench.clock.advance(130)
  t.equal(bench.upstream.length, 3)
  bench.pools[2]?.streams[0]?.receiver?.head(OK, null, true)
  t.match(down.heads, [{ status: 200 }])
  t.strictSame(bench.held, NOTHING_HELD)
  t.strictSame(bench.results, ['0 failed', '1 failed', '2 good'])
})

t.test('when every try took too long', async (t) => {
  const bench = new ExchangeBench({ retry: { on: ['5xx'], attempts: 2, perTryTimeout: 100 } })
  const down = bench.request()
  bench.clock.advance(300)
  t.match(down.heads, [{ status: 504 }])
  t.match(down.body, 'no response to this try in time')
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('the time for a try ends with its response’s head', async (t) => {
  const bench = new ExchangeBench({ retry: { on: ['5xx'], perTryTimeout: 100 } })
  const down = bench.request()
  const [up] = bench.upstream as [FakeStream]
  up.receiver?.head(OK, null, false)
  bench.clock.advance(1000)
  up.receive('late but welcome', true)
  t.equal(down.body, 'late but welcome')
  t.equal(bench.upstream.length, 1)
})

t.test('the whole time counts over all tries', async (t) => {
  const bench = new ExchangeBench({
    endpoints: 5,
    timeout: 250,
    retry: { on: ['5xx'], attempts: 5, perTryTimeout: 100 },
  })
  const down = bench.request()
  bench.clock.advance(400)
  t.equal(bench.upstream.length, 3)
  t.match(down.heads, [{ status: 504 }])
  t.match(down.body, 'within 250 ms')
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('an overdue try that is still waiting for a connection', async (t) => {
  const bench = new ExchangeBench({ retry: { on: ['5xx'], perTryTimeout: 100 } })
  const [first, second] = bench.pools as [FakePool, FakePool]
  first.connected = false
  const down = bench.request()
  bench.clock.advance(130)
  t.equal(first.waiting.length, 0)
  second.streams[0]?.receiver?.head(OK, null, true)
  t.match(down.heads, [{ status: 200 }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('a stall fires late, once', async (t) => {
  const bench = new ExchangeBench({ timeout: 1000, retry: { on: ['connect-failure'], perTryTimeout: 500 } })
  const down = bench.request()
  bench.clock.jump(60_000)
  t.match(down.heads, [{ status: 504 }])
  t.equal(bench.records.length, 1)
  t.strictSame(bench.held, NOTHING_HELD)
})
