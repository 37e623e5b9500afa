import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head, tunnelHead } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { ExchangeBench, type FakePool, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

const POST = Head.request('POST', 'http', 'a.test', '/')
const GRPC_FIELDS = { 'content-type': 'application/grpc' }
const GRPC = Head.request('POST', 'http', 'a', '/a.B/C', Fields.of(GRPC_FIELDS))
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
  t.match(
    down.body,
    'no response to this try within 100 ms (perTryTimeout), while waiting for the head of the response from 10.0.0.1:2',
  )
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

t.test('what was waited for is told', async (t) => {
  const waiting = (prepare: (bench: ExchangeBench, down: FakeStream) => void, connected = true): string => {
    const bench = new ExchangeBench({ maxDuration: 1000 })
    for (const pool of bench.pools) pool.connected = connected
    const down = bench.request(POST, false)
    prepare(bench, down)
    bench.clock.advance(1030)
    t.strictSame(bench.held, NOTHING_HELD)
    return bench.records[0]?.detail.replace(/.* waiting for /, '') ?? ''
  }
  t.equal(
    waiting(() => {}, false),
    'a connection to 10.0.0.1:1',
  )
  const full = (bench: ExchangeBench): void => {
    for (const pool of bench.pools) pool.connecting = false
  }
  t.equal(waiting(full, false), 'a free connection to 10.0.0.1:1')
  t.equal(
    waiting((_, down) => down.receive('abc')),
    'the rest of the request or the head of the response from 10.0.0.1:1',
  )
  const blocked = ({ pools }: ExchangeBench, down: FakeStream): void => {
    ;(pools[0]?.streams[0] as FakeStream).crediting = false
    down.receive('abc')
  }
  t.equal(waiting(blocked), '10.0.0.1:1 to take the body of the request')
  t.equal(
    waiting((_, down) => down.receive('abc', true)),
    'the head of the response from 10.0.0.1:1',
  )
  const begun = ({ upstream }: ExchangeBench): void => {
    upstream[0]?.receiver?.head(OK, null, false)
  }
  t.equal(waiting(begun), 'the rest of the response from 10.0.0.1:1')
})

t.test('maxDuration: from the head of the request, whatever moves', async (t) => {
  const bench = new ExchangeBench({ maxDuration: 1000 })
  const down = bench.request(POST, false)
  for (let i = 0; i < 9; i++) {
    bench.clock.advance(100)
    down.receive('x')
  }
  t.strictSame(down.heads, [])
  bench.clock.advance(130)
  t.match(down.heads, [{ status: 504 }])
  t.match(down.body, 'not complete within 1000 ms (maxDuration)')
  t.match(bench.upstream[0]?.cancels, [{ code: 'deadline-exceeded', http2: 8 }])
  t.strictSame(bench.results, [], 'the caller was not done: the endpoint is not to blame')
  t.strictSame(bench.upstream[0]?.added, [{}], 'only gRPC has a field that tells')
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('maxDuration: a response that has begun is cut', async (t) => {
  const bench = new ExchangeBench({ maxDuration: 1000, timeout: 100 })
  const down = bench.request()
  bench.upstream[0]?.receiver?.head(OK, null, false)
  bench.upstream[0]?.receive('begun')
  bench.clock.advance(990)
  t.strictSame(down.cancels, [])
  bench.clock.advance(40)
  t.match(down.cancels, [{ code: 'deadline-exceeded', http2: 8 }])
  t.match(bench.upstream[0]?.cancels, [{ code: 'deadline-exceeded', http2: 8 }])
  t.match(bench.records, [{ code: 200, flags: 'deadline-exceeded' }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('maxDuration: a tunnel, too', async (t) => {
  const bench = new ExchangeBench({ maxDuration: 1000, tunnels: ['websocket'] })
  const ask = Head.tunnel('websocket', 'http', 'a.test', '/')
  const down = bench.request(ask, false)
  const [up] = bench.upstream as [FakeStream]
  up.receiver?.head(tunnelHead(OK, 'websocket'), null, false)
  bench.clock.advance(1030)
  t.match(down.cancels, [{ code: 'deadline-exceeded', http2: 8 }])
  t.match(up.cancels, [{ code: 'deadline-exceeded' }])
  t.strictSame(bench.held, NOTHING_HELD)
})

function call(timeout: string | null): Head {
  const fields =
    timeout === null ? GRPC_FIELDS : { ...GRPC_FIELDS, 'grpc-timeout': timeout, 'x-other': 'kept' }
  return Head.request('POST', 'http', 'a', '/a.B/C', Fields.of(fields))
}

t.test('grpc-timeout: the endpoint is told what is left, each try anew', async (t) => {
  const bench = new ExchangeBench({
    endpoints: 3,
    retry: { on: ['unavailable', 'deadline-exceeded'], attempts: 3, perTryTimeout: 200 },
  })
  const [first] = bench.pools as [FakePool]
  first.connected = false
  const down = bench.request(call('2S'))
  bench.clock.advance(100)
  first.connect()
  t.strictSame(first.streams[0]?.added, [{ 'grpc-timeout': '1900000u' }])
  t.equal(first.streams[0]?.heads[0]?.fields.get('grpc-timeout'), null, 'only once')
  t.equal(first.streams[0]?.heads[0]?.fields.get('x-other'), 'kept')
  bench.clock.advance(120)
  t.strictSame(bench.pools[1]?.streams[0]?.added, [
    { 'grpc-timeout': '1790000u', 'grpc-previous-rpc-attempts': '1' },
  ])
  bench.pools[1]?.streams[0]?.receiver?.head(
    Head.response(200, Fields.of({ ...GRPC_FIELDS, 'grpc-status': '14' })),
    null,
    true,
  )
  t.strictSame(bench.pools[2]?.streams[0]?.added, [
    { 'grpc-timeout': '1780000u', 'grpc-previous-rpc-attempts': '2' },
  ])
  bench.pools[2]?.streams[0]?.receiver?.head(OK, null, true)
  t.match(down.heads, [{ status: 200 }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('grpc-timeout: heads of equal bytes go on sharing what was worked out for them', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1 })
  const head = call('1S')
  bench.request(head)
  bench.clock.advance(300)
  bench.request(head)
  const [one, two] = bench.upstream as [FakeStream, FakeStream]
  t.equal(one.heads[0], two.heads[0])
  t.strictSame([one.added, two.added], [[{ 'grpc-timeout': '1000000u' }], [{ 'grpc-timeout': '1000000u' }]])
})

t.test('grpc-timeout: DEADLINE_EXCEEDED, and the endpoint is told to stop', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1, timeout: 60_000 })
  const down = bench.request(call('500m'))
  bench.clock.advance(490)
  t.strictSame(down.heads, [])
  bench.clock.advance(30)
  t.match(down.heads, [{ status: 200 }])
  t.equal(down.ended, true)
  t.equal(down.heads[0]?.fields.get('grpc-status'), '4')
  t.match(
    down.heads[0]?.fields.get('grpc-message'),
    'not complete within 500 ms (grpc-timeout), while waiting for the head',
  )
  t.match(bench.upstream[0]?.cancels, [{ http2: 8 }])
  t.strictSame(bench.results, ['0 failed'])
  t.match(bench.records, [{ code: 200, grpcStatus: 4, flags: 'deadline-exceeded' }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('grpc-timeout: within a response', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1, timeout: 100 })
  const down = bench.request(call('1S'), false)
  const [up] = bench.upstream as [FakeStream]
  up.receiver?.head(Head.response(200, Fields.of(GRPC_FIELDS)), null, false)
  up.receive('message')
  bench.clock.advance(1030)
  t.equal(down.body, 'message')
  t.equal(down.fields?.get('grpc-status'), '4')
  t.match(up.cancels, [{ code: 'deadline-exceeded', http2: 8 }])
  t.strictSame(bench.results, ['0 good'])
  t.strictSame(bench.held, NOTHING_HELD)

  const plain = new ExchangeBench({ endpoints: 1, protocol: 'http1' })
  const cut = plain.request(call('1S'))
  plain.upstream[0]?.receiver?.head(Head.response(200, Fields.of(GRPC_FIELDS)), null, false)
  plain.clock.advance(1030)
  t.match(
    cut.cancels,
    [{ code: 'deadline-exceeded' }],
    'over HTTP/1.1 nothing but an end before the end says so',
  )
})

t.test('grpc-timeout: a deadline that was never fair says nothing of the endpoint', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1 })
  const down = bench.request(call('50m'))
  bench.clock.advance(80)
  t.equal(down.heads[0]?.fields.get('grpc-status'), '4')
  t.strictSame(bench.results, [])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('grpc-timeout: an endpoint that keeps to it is judged the same', async (t) => {
  const late = Fields.of({ ...GRPC_FIELDS, 'grpc-status': '4' })
  for (const [timeout, ms, results] of [
    ['50m', 40, []],
    ['500m', 490, ['0 failed']],
    [null, 10, ['0 failed']],
  ] as const) {
    const bench = new ExchangeBench({ endpoints: 1 })
    bench.request(call(timeout))
    bench.clock.advance(ms)
    bench.upstream[0]?.receiver?.head(Head.response(200, late), null, true)
    t.strictSame(bench.results, results, `${timeout}`)
    t.strictSame(bench.held, NOTHING_HELD)
  }
  const begun = new ExchangeBench({ endpoints: 1 })
  begun.request(call('500m'))
  begun.upstream[0]?.receiver?.head(Head.response(200, Fields.of(GRPC_FIELDS)), null, false)
  begun.clock.advance(490)
  begun.upstream[0]?.receiver?.trailers(Fields.of({ 'grpc-status': '4' }))
  t.strictSame(begun.results, ['0 good'])
})

t.test('grpc-timeout: the route’s limits count beside it', async (t) => {
  const timeout = new ExchangeBench({ timeout: 300 })
  const down = timeout.request(call('10S'))
  timeout.clock.advance(330)
  t.match(down.heads[0]?.fields.get('x-pillion-reason'), 'timeout')

  for (const asked of ['10S', null]) {
    const capped = new ExchangeBench({ maxDuration: 300 })
    const late = capped.request(call(asked))
    t.strictSame(capped.upstream[0]?.added, [{ 'grpc-timeout': '300000u' }])
    capped.clock.advance(330)
    t.match(late.heads[0]?.fields.get('grpc-message'), 'within 300 ms (maxDuration)')
  }
  const shorter = new ExchangeBench({ maxDuration: 300 })
  shorter.request(call('100m'))
  t.strictSame(shorter.upstream[0]?.added, [{ 'grpc-timeout': '100000u' }])
})

t.test('grpc-timeout: nothing is sent when no time is left', async (t) => {
  const none = new ExchangeBench()
  const down = none.request(call('0n'))
  t.equal(down.heads[0]?.fields.get('grpc-status'), '4')
  t.strictSame(none.upstream, [])
  t.strictSame(none.results, [])
  t.strictSame(none.held, NOTHING_HELD)

  // The process stood still: a connection is there before any timer has fired.
  const late = new ExchangeBench()
  for (const pool of late.pools) pool.connected = false
  const waiting = late.request(call('1S'))
  late.clock.stall(1500)
  ;(late.pools[0] as FakePool).connect()
  t.equal(waiting.heads[0]?.fields.get('grpc-status'), '4')
  t.match(waiting.heads[0]?.fields.get('grpc-message'), 'waiting for a connection to 10.0.0.1:1')
  t.strictSame(late.upstream, [])
  t.strictSame(late.held, NOTHING_HELD)

  const again = new ExchangeBench({ retry: { on: ['unavailable'], attempts: 3 } })
  const retried = again.request(call('1S'))
  again.clock.stall(1500)
  again.upstream[0]?.receiver?.reset(reasons.upstreamClosed)
  t.equal(retried.heads[0]?.fields.get('grpc-status'), '4')
  t.equal(again.upstream.length, 1)
  t.strictSame(again.held, NOTHING_HELD)
})

t.test('grpc-timeout: one that cannot be read is INTERNAL, as gRPC servers have it', async (t) => {
  for (const timeout of ['1', 'S', '1s', '123456789m', '1S, 2S', '-1S']) {
    const bench = new ExchangeBench()
    const down = bench.request(call(timeout))
    t.equal(down.heads[0]?.fields.get('grpc-status'), '13', timeout)
    t.match(down.heads[0]?.fields.get('grpc-message'), 'grpc-timeout is not 1 to 8 digits')
    t.strictSame(bench.upstream, [])
    t.strictSame(bench.held, NOTHING_HELD)
  }
  const twice = new ExchangeBench()
  const fields = new Fields(
    ['content-type', 'grpc-timeout', 'grpc-timeout'],
    ['application/grpc', '1S', '2S'],
  )
  const down = twice.request(Head.request('POST', 'http', 'a', '/a.B/C', fields))
  t.equal(down.heads[0]?.fields.get('grpc-status'), '13')
})

t.test('grpc-timeout means nothing in what is no gRPC', async (t) => {
  const bench = new ExchangeBench()
  const down = bench.request(Head.request('GET', 'http', 'a', '/', Fields.of({ 'grpc-timeout': 'soon' })))
  bench.clock.advance(5000)
  t.strictSame(down.heads, [])
  t.equal(bench.upstream[0]?.heads[0]?.fields.get('grpc-timeout'), 'soon')
})

t.test('how long a request may be silent is the codec’s to see to', async (t) => {
  const bench = new ExchangeBench({ silence: 5000, grpcSilence: 60_000 })
  t.equal(bench.request().silenceMs, 5000)
  t.equal(bench.request(GRPC).silenceMs, 60_000)
  t.equal(new ExchangeBench({ silence: 0 }).request().silenceMs, 0)
  t.equal(new ExchangeBench().request().silenceMs, -1)
})
