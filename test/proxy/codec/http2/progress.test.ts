import t from 'tap'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import {
  data,
  END_STREAM,
  GET,
  headers,
  POST,
  rstStream,
  settings,
  windowUpdate,
} from '../../../support/frames.ts'
import { type Accepted, ClientBench, ServerBench } from '../../../support/http2-bench.ts'

const MINUTE = 60_000
const GRPC = [...POST, ['content-type', 'application/grpc']] as const

/** Steps of a second, so that what was sent is seen before a closing connection gives up waiting. */
function pass(bench: ServerBench | ClientBench, ms: number): void {
  for (let left = ms; left > 0 && !bench.transport.closing; left -= 1000)
    bench.clock.advance(Math.min(1000, left))
}

function only(bench: ServerBench): Accepted {
  return bench.accepted[0] as Accepted
}

// A body that does not come.

t.test('a body that stops coming is answered 408, up to a half later', async (t) => {
  const bench = new ServerBench({ bodyMs: MINUTE })
  bench.send(headers(1, POST), data(1, 'x'.repeat(2000)))
  only(bench).stream.credit(2000)
  bench.take()
  pass(bench, MINUTE - 1000)
  bench.expect()
  pass(bench, MINUTE / 2 + 1000)
  bench.expect(
    headers(
      1,
      { ':status': '408', 'content-length': '0', 'x-pillion-reason': 'request-timeout' },
      END_STREAM,
    ),
    rstStream(1, 'NO_ERROR'),
  )
  t.match(only(bench).resets, [{ code: 'request-timeout', detail: 'no 1 KiB of its body in 60000 ms' }])
  t.strictSame(bench.limits, ['timeouts.body'])
  t.equal(bench.connection.active, 0)
  t.equal(bench.transport.closing, false)
})

t.test('a body of a byte a second is no progress, one of a KiB a minute is', async (t) => {
  for (const [size, ends] of [
    [1, true],
    [20, false],
  ] as const) {
    const bench = new ServerBench({ bodyMs: MINUTE })
    bench.send(headers(1, POST))
    for (let second = 0; second < 600; second++) {
      bench.send(data(1, 'x'.repeat(size)))
      only(bench).stream.credit(size)
      pass(bench, 1000)
    }
    t.strictSame(bench.limits, ends ? ['timeouts.body'] : [], `${size} bytes a second`)
  }
})

t.test('a body that may not come is not waited for', async (t) => {
  const bench = new ServerBench({ bodyMs: MINUTE, streamWindow: 16_384 })
  bench.send(headers(1, POST), data(1, 'x'.repeat(16_384)))
  pass(bench, 60 * MINUTE)
  t.strictSame(bench.limits, [], 'our receiver is what is slow')
  only(bench).stream.credit(16_384)
  pass(bench, 2 * MINUTE)
  t.strictSame(bench.limits, ['timeouts.body'])
})

t.test('with the response begun the stream is reset; with it complete, without blame', async (t) => {
  for (const [end, code] of [
    [false, 'CANCEL'],
    [true, 'NO_ERROR'],
  ] as const) {
    const bench = new ServerBench({ bodyMs: MINUTE })
    bench.send(headers(1, POST))
    only(bench).stream.head(Head.response(200), null, end)
    bench.take()
    pass(bench, 2 * MINUTE)
    bench.expect(rstStream(1, code))
    t.match(only(bench).resets, [{ code: 'request-timeout' }])
  }
})

t.test('calls and tunnels may be silent', async (t) => {
  const bench = new ServerBench({ bodyMs: MINUTE })
  bench.send(headers(1, GRPC), headers(3, { ':method': 'CONNECT', ':authority': 'a.test:1' }))
  // A client-streaming call and a tunnel, silent for hours, and a slow upload beside them.
  bench.send(headers(5, POST))
  for (let i = 0; i < 240; i++) {
    bench.send(data(5, 'x'.repeat(1024)))
    bench.accepted[2]?.stream.credit(1024)
    pass(bench, 50_000)
  }
  t.strictSame(bench.limits, [])
  t.equal(bench.connection.active, 3)
})

// Output that does not leave.

/** A response of 100 KiB, of which the client takes `window` bytes. */
function responding(bench: ServerBench, window: number): Accepted {
  bench.send(settings({ 4: window }), headers(1, GET, END_STREAM))
  const accepted = only(bench)
  accepted.stream.head(Head.response(200), null, false)
  accepted.stream.data(Buffer.alloc(100 * 1024), 0, 100 * 1024, true)
  bench.take()
  return accepted
}

t.test('a window that is never opened', async (t) => {
  const bench = new ServerBench({ writeMs: MINUTE })
  const accepted = responding(bench, 0)
  pass(bench, MINUTE - 1000)
  bench.expect()
  pass(bench, MINUTE / 2 + 1000)
  bench.expect(rstStream(1, 'CANCEL'))
  t.match(accepted.resets, [
    { code: 'write-timeout', fault: 'downstream', detail: 'its windows let nothing through for 60000 ms' },
  ])
  t.strictSame(bench.limits, ['timeouts.write'])
  t.equal(bench.transport.closing, false)
})

t.test('a reader of a byte a second is as bad, one that is slow but steady is not', async (t) => {
  for (const [size, ends] of [
    [1, true],
    [100, false],
  ] as const) {
    const bench = new ServerBench({ writeMs: MINUTE })
    const accepted = responding(bench, 0)
    for (let second = 0; second < 1100 && bench.connection.active > 0; second++) {
      bench.send(windowUpdate(1, size), windowUpdate(0, size))
      bench.take()
      pass(bench, 1000)
    }
    t.strictSame(bench.limits, ends ? ['timeouts.write'] : [])
    if (!ends) t.equal(accepted.credited, 100 * 1024, 'all of it')
  }
})

t.test('a connection window that is never opened', async (t) => {
  const bench = new ServerBench({ writeMs: MINUTE })
  responding(bench, 1_000_000)
  pass(bench, 2 * MINUTE)
  t.match(bench.take(), [{ type: 'RST_STREAM', stream: 1, code: 'CANCEL' }])
  t.strictSame(bench.limits, ['timeouts.write'])
})

t.test('many streams that share a slow connection window wait for their turn in peace', async (t) => {
  const bench = new ServerBench({ writeMs: MINUTE, maxStreams: 200 })
  bench.send(settings({ 4: 1_000_000 }))
  for (let i = 0; i < 100; i++) bench.send(headers(i * 2 + 1, GET, END_STREAM))
  const body = Buffer.alloc(64 * 1024)
  for (const { stream } of bench.accepted) {
    stream.head(Head.response(200), null, false)
    stream.data(body, 0, body.length, true)
  }
  // 16 KiB every ten seconds: a stream has its turn after 1000 s.
  for (let i = 0; i < 600; i++) {
    bench.send(windowUpdate(0, 16_384))
    pass(bench, 10_000)
    bench.take()
  }
  t.strictSame(bench.limits, [])
  t.equal(bench.connection.active, 0, 'and all were served')
})

t.test('a socket that takes nothing is closed', async (t) => {
  const bench = new ServerBench({ writeMs: MINUTE })
  bench.send(headers(1, GET, END_STREAM))
  bench.stall()
  bench.socket.writableLength = 300_000
  pass(bench, 2 * MINUTE)
  t.equal(bench.socket.destroyed, true)
  t.match(only(bench).resets, [{ code: 'write-timeout', detail: /the connection took nothing/ }])
  t.strictSame(bench.limits, ['timeouts.write'])
  t.equal(bench.clock.timers.armed, 0)
})

t.test(
  'a socket that is slow but takes something is not, however long it has been quiet before',
  async (t) => {
    const bench = new ServerBench({ writeMs: MINUTE })
    bench.clock.advance(10 * MINUTE)
    bench.send(headers(1, GET, END_STREAM))
    bench.stall()
    for (let left = 300_000; left > 0; left -= 1000) {
      bench.socket.writableLength = left
      pass(bench, 10_000)
    }
    t.strictSame(bench.limits, [])
  },
)

t.test('an endpoint that does not take a request', async (t) => {
  const bench = new ClientBench({ writeMs: MINUTE })
  bench.send(settings({ 4: 0 }))
  const { stream, response } = bench.request(Head.request('POST', 'http', 'a', '/'), false)
  stream.data(Buffer.alloc(2000), 0, 2000, true)
  bench.take()
  pass(bench, 2 * MINUTE)
  bench.expect(rstStream(1, 'CANCEL'))
  t.match(response.resets, [{ code: 'timeout', fault: 'upstream' }])
  t.strictSame(bench.limits, ['timeouts.write'])
})

// Nothing at all.

t.test('a stream on which nothing moves: whose fault it is', async (t) => {
  const bench = new ServerBench({ streamMs: MINUTE })
  bench.send(headers(1, POST), headers(3, GET, END_STREAM), headers(5, GRPC))
  pass(bench, 2 * MINUTE)
  const heads = bench.take().filter((frame) => frame.type === 'HEADERS')
  const answers = new Map(heads.map((frame) => [frame.stream, Object.fromEntries(frame.fields)]))
  t.match(answers.get(1), { ':status': '408', 'x-pillion-reason': 'request-timeout' })
  t.match(answers.get(3), { ':status': '504', 'x-pillion-reason': 'timeout' })
  t.match(answers.get(5), {
    ':status': '200',
    'grpc-status': '4',
    'grpc-message': /nothing moved for 60000 ms/,
  })
  t.strictSame(bench.limits, ['timeouts.stream', 'timeouts.stream', 'timeouts.stream'])
  t.equal(bench.connection.active, 0)
})

t.test('a stream that was given a limit of its own', async (t) => {
  const bench = new ServerBench({ streamMs: MINUTE, shortestSilenceMs: 10_000 })
  bench.send(headers(1, GET, END_STREAM), headers(3, GET, END_STREAM), headers(5, GET, END_STREAM))
  const [short, , long] = bench.accepted
  if (short !== undefined) short.stream.silenceMs = 10_000
  if (long !== undefined) long.stream.silenceMs = 0
  pass(bench, 13_000)
  const heads = bench.take().filter((frame) => frame.type === 'HEADERS')
  t.match(heads, [{ stream: 1 }])
  t.strictSame(bench.limits, ['idleTimeout'])
  pass(bench, 2 * MINUTE)
  t.strictSame(bench.limits, ['idleTimeout', 'timeouts.stream'])
  pass(bench, 600 * MINUTE)
  t.equal(bench.connection.active, 1, 'without a limit it may be silent for hours')
})

t.test('a tunnel has a deadline of its own', async (t) => {
  const bench = new ServerBench({ streamMs: MINUTE })
  bench.send(headers(1, { ':method': 'CONNECT', ':authority': 'a:1' }))
  pass(bench, 60 * MINUTE)
  t.strictSame(bench.limits, [])
  t.equal(bench.connection.active, 1)
})

t.test('whatever moves keeps a stream', async (t) => {
  const moves: Record<string, (bench: ServerBench, i: number) => void> = {
    'a byte of the request': (bench) => bench.send(data(1, 'x')),
    'a byte of the response': (bench) => only(bench).stream.data(Buffer.from('x'), 0, 1, false),
  }
  for (const [what, move] of Object.entries(moves)) {
    const bench = new ServerBench({ streamMs: MINUTE })
    bench.send(headers(1, GRPC))
    only(bench).stream.head(Head.response(200), null, false)
    for (let i = 0; i < 120; i++) {
      move(bench, i)
      pass(bench, 50_000)
    }
    t.strictSame(bench.limits, [], what)
    pass(bench, 2 * MINUTE)
    t.strictSame(bench.limits, ['timeouts.stream'])
  }
})

t.test('a response on which nothing moves', async (t) => {
  const bench = new ClientBench({ streamMs: MINUTE })
  const { response } = bench.request(Head.request('GET', 'http', 'a', '/'))
  bench.send(headers(1, { ':status': '200' }), data(1, 'half'))
  bench.take()
  pass(bench, 2 * MINUTE)
  bench.expect(rstStream(1, 'CANCEL'))
  t.match(response.resets, [{ code: 'timeout', status: 504 }])
})

t.test('without limits everything may be silent for hours', async (t) => {
  const bench = new ServerBench()
  bench.send(settings({ 4: 0 }), headers(1, POST), headers(3, GRPC), headers(5, GET, END_STREAM))
  const [, , third] = bench.accepted
  third?.stream.head(Head.response(200), null, false)
  third?.stream.data(Buffer.alloc(10), 0, 10, true)
  bench.clock.advance(60 * MINUTE)
  t.strictSame(bench.limits, [])
  t.equal(bench.connection.active, 3)
})

t.test('no timer is left once no stream is open', async (t) => {
  const bench = new ServerBench({ bodyMs: MINUTE, writeMs: MINUTE, streamMs: MINUTE })
  bench.onRequest = ({ stream }) => stream.head(Head.response(200, Fields.of({ a: 'b' })), null, true)
  bench.send(headers(1, GET, END_STREAM))
  t.equal(bench.clock.timers.armed, 1)
  bench.take()
  bench.clock.advance(MINUTE)
  t.equal(bench.clock.timers.armed, 0)
})
