// Each deadline of a server connection with what it ends, and the slowest that it has to let pass.
import t from 'tap'
import { DEFAULT_SERVER_TIMEOUTS } from '../../../../proxy/codec/http1/limits.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { type Accepted, ServerBench, turn } from '../../../support/http1-peer.ts'

const MINUTE = 60_000
const HELLO = Buffer.from('hello')
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const UPLOAD = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n'
const GRPC =
  'POST /a.B/C HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n'

function first(bench: ServerBench): Accepted {
  return bench.accepted[0] as Accepted
}

t.test('timeouts.body: a body that dribbles is 408', async (t) => {
  for (const [name, bytes, every] of [
    ['not a byte', 0, 10_000],
    ['a byte now and then', 1, 5000],
    ['almost 1 KiB a minute', 10, 1000],
  ] as const) {
    const bench = new ServerBench()
    bench.receive(UPLOAD)
    for (let ms = 0; ms < 70_000; ms += every) {
      if (bytes > 0 && !bench.socket.ended) bench.receive('x'.repeat(bytes))
      bench.time.pass(every)
    }
    t.match(await bench.sent(), /^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*its body brings too little/, name)
    t.strictSame(bench.limits, ['timeouts.body'])
    t.equal(first(bench).reason?.code, 'request-timeout')
    t.ok(bench.socket.ended)
    bench.dispose()
  }
})

t.test('timeouts.body: a slow but steady upload passes', async (t) => {
  const bench = new ServerBench()
  bench.receive(UPLOAD)
  for (let ms = 0; ms < 20 * MINUTE; ms += 1000) {
    bench.receive('x'.repeat(25))
    bench.time.pass(1000)
  }
  t.equal(first(bench).body.length, 30_000)
  t.strictSame(bench.limits, [])
  t.notOk(bench.socket.ended)
  bench.dispose()
})

t.test('timeouts.body: many small uploads on one connection pass', async (t) => {
  const bench = new ServerBench()
  bench.onRequest = (accepted) => {
    accepted.onEnd = () => accepted.stream.head(Head.response(204), null, true)
  }
  for (let i = 0; i < 200; i++) {
    bench.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na')
    bench.time.pass(2500)
    bench.receive('bc')
    await turn()
  }
  t.equal(bench.accepted.length, 200)
  t.strictSame(bench.limits, [])
  bench.dispose()
})

t.test(
  'timeouts.body: not while the endpoint holds it up, nor for gRPC, nor before 100 (Continue)',
  async (t) => {
    const held = new ServerBench({ timeouts: { ...DEFAULT_SERVER_TIMEOUTS, streamMs: 0 } })
    held.onRequest = (accepted) => {
      accepted.creditTo = null
    }
    held.receive(UPLOAD)
    held.receive('x'.repeat(900_000))
    held.time.pass(10 * MINUTE)
    t.strictSame(held.limits, [], 'paused')
    held.dispose()

    const grpc = new ServerBench()
    grpc.receive(GRPC)
    for (let i = 0; i < 10; i++) {
      grpc.time.pass(4 * MINUTE)
      grpc.receive('5\r\nhello\r\n')
    }
    t.strictSame(grpc.limits, [], 'a gRPC call that says little')
    grpc.dispose()

    const expecting = new ServerBench()
    expecting.receive(UPLOAD.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'))
    expecting.time.pass(2 * MINUTE)
    t.strictSame(expecting.limits, [], 'the caller waits for us')
    first(expecting).stream.head(Head.response(100), null, false)
    await turn()
    expecting.time.pass(70_000)
    t.strictSame(expecting.limits, ['timeouts.body'], 'and we for the caller')
    expecting.dispose()
  },
)

t.test('the end of a response that the caller does not take is cut with RST, not ended', async (t) => {
  const bench = new ServerBench()
  bench.receive('GET / HTTP/1.0\r\nHost: a\r\n\r\n')
  first(bench).stream.head(Head.response(200), null, false)
  first(bench).stream.data(Buffer.from('until the end'), 0, 13, true)
  await turn()
  bench.socket.writableLength = 1000
  bench.time.pass(5 * MINUTE)
  t.ok(bench.socket.wasReset)
})

t.test('timeouts.body behind the response’s head and behind its end', async (t) => {
  const begun = new ServerBench()
  begun.receive(UPLOAD)
  first(begun).stream.head(Head.response(200), null, false)
  await turn()
  begun.time.pass(70_000)
  t.ok(begun.socket.destroyed, 'a response that has begun is cut')
  t.notMatch(await begun.sent(), /408/)

  const answered = new ServerBench()
  answered.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n')
  first(answered).stream.head(Head.response(403), null, true)
  t.match(await answered.sent(), /^HTTP\/1\.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n$/)
  answered.time.pass(70_000)
  await turn()
  t.ok(answered.socket.ended, 'the connection is given up')
  answered.dispose()
})

t.test('timeouts.write: a caller that takes nothing', async (t) => {
  const bench = new ServerBench()
  bench.receive(GET)
  first(bench).stream.head(Head.response(200), null, false)
  await turn()
  bench.socket.writableLength = 1000
  for (let ms = 0; ms < 70_000; ms += 5000) {
    // An endpoint that goes on writing changes what waits, and nothing of what was taken.
    first(bench).stream.data(HELLO, 0, 5, false)
    await turn()
    bench.socket.writableLength += 10
    bench.time.pass(5000)
  }
  t.strictSame(bench.limits, ['timeouts.write'])
  t.equal(first(bench).reason?.code, 'write-timeout')
  t.ok(bench.socket.destroyed)
})

t.test('timeouts.write: a caller that takes a little passes', async (t) => {
  const bench = new ServerBench()
  bench.receive(GET)
  first(bench).stream.head(Head.response(200), null, false)
  for (let i = 0; i < 200; i++) {
    bench.transport.handed += 100
    bench.socket.writableLength = 1000
    bench.time.pass(5000)
  }
  t.strictSame(bench.limits, [])
  bench.dispose()
})

t.test('timeouts.stream: an endpoint that is silent', async (t) => {
  const waiting = new ServerBench()
  waiting.receive(GET)
  waiting.time.pass(299_000)
  t.equal(await waiting.sent(), '')
  waiting.time.pass(5000)
  t.match(await waiting.sent(), /^HTTP\/1\.1 504 Gateway Timeout\r\n[\s\S]*x-pillion-reason: timeout\r\n/)
  t.strictSame(waiting.limits, ['timeouts.stream'])
  t.equal(first(waiting).reason?.code, 'timeout')
  waiting.dispose()

  const head = new ServerBench()
  head.receive('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
  head.time.pass(305_000)
  t.match(await head.sent(), /^HTTP\/1\.1 504 [\s\S]*\r\n\r\n$/, 'no body for HEAD')
  head.dispose()

  const grpc = new ServerBench()
  grpc.receive(`${GRPC}0\r\n\r\n`)
  grpc.time.pass(305_000)
  t.match(
    await grpc.sent(),
    /^HTTP\/1\.1 200 OK\r\ncontent-type: application\/grpc\r\ngrpc-status: 4\r\n[\s\S]*content-length: 0\r\n/,
    'a gRPC call',
  )
  grpc.dispose()

  const begun = new ServerBench()
  begun.receive(GET)
  first(begun).stream.head(Head.response(200), null, false)
  first(begun).stream.data(HELLO, 0, 5, false)
  await turn()
  begun.time.pass(305_000)
  t.ok(begun.socket.destroyed)
  t.notMatch(await begun.sent(), /0\r\n\r\n$/, 'no cut answer looks whole')

  const held = new ServerBench()
  held.onRequest = (accepted) => {
    accepted.creditTo = null
  }
  held.receive(UPLOAD)
  held.receive('x'.repeat(900_000))
  held.time.pass(305_000)
  t.match(await held.sent(), /^HTTP\/1\.1 504 /, 'an endpoint that takes no more of the request')
  held.dispose()
})

t.test('a request that was given a limit of its own', async (t) => {
  const timeouts = { ...DEFAULT_SERVER_TIMEOUTS, shortestSilenceMs: 10_000 }
  const bench = new ServerBench({ timeouts })
  bench.receive(GET)
  first(bench).stream.silenceMs = 10_000
  bench.time.pass(9_000)
  t.equal(await bench.sent(), '')
  bench.time.pass(4_000)
  t.match(await bench.sent(), /^HTTP\/1\.1 504 [\s\S]*nothing moved for too long \(idleTimeout\)/)
  t.strictSame(bench.limits, ['idleTimeout'])
  bench.dispose()

  const endless = new ServerBench({ timeouts })
  endless.receive(GET)
  first(endless).stream.silenceMs = 0
  endless.time.pass(600 * MINUTE)
  t.strictSame(endless.limits, [])
  endless.dispose()
})

t.test('timeouts.stream: 408 where the request’s own body is what is missing', async (t) => {
  const bench = new ServerBench()
  bench.receive(GRPC)
  bench.receive('5\r\nhello\r\n')
  bench.time.pass(305_000)
  t.match(await bench.sent(), /grpc-status: 4\r\n[\s\S]*x-pillion-reason: request-timeout\r\n/)
  t.strictSame(bench.limits, ['timeouts.stream'])
  bench.dispose()
})

t.test('timeouts.stream: what is silent for four minutes at a time passes', async (t) => {
  const events = new ServerBench()
  events.receive(GET)
  const { stream } = first(events)
  stream.head(Head.response(200, Fields.of({ 'content-type': 'text/event-stream' })), null, false)
  await turn()
  const both = new ServerBench()
  both.receive(GRPC)
  for (let i = 0; i < 10; i++) {
    for (const bench of [events, both]) bench.time.pass(4 * MINUTE)
    stream.data(Buffer.from('data: x\n\n'), 0, 9, false)
    t.match(await events.sent(), /data: x\n\n\r\n$/)
    both.receive('5\r\nhello\r\n')
  }
  t.strictSame([...events.limits, ...both.limits], [])
  t.notOk(events.socket.ended)
  for (const bench of [events, both]) bench.dispose()
})

t.test('timeouts.stream: a large response that the caller takes slowly passes', async (t) => {
  const bench = new ServerBench({ timeouts: { ...DEFAULT_SERVER_TIMEOUTS, writeMs: 0 } })
  bench.receive(GET)
  first(bench).stream.head(Head.response(200), null, false)
  await turn()
  bench.socket.writableLength = 1_000_000
  bench.transport.handed += 1_000_000
  for (let i = 0; i < 10; i++) {
    bench.time.pass(4 * MINUTE)
    bench.socket.writableLength -= 1000
  }
  t.strictSame(bench.limits, [])
  bench.dispose()
})

t.test('what is off does not end anything', async (t) => {
  const bench = new ServerBench({
    timeouts: { ...DEFAULT_SERVER_TIMEOUTS, bodyMs: 0, writeMs: 0, streamMs: 0 },
  })
  bench.receive(UPLOAD)
  bench.socket.writableLength = 1000
  bench.time.pass(60 * MINUTE)
  t.strictSame(bench.limits, [])
  t.notOk(bench.socket.ended)
  bench.dispose()
})

t.test('timeouts.head is counted', async (t) => {
  const bench = new ServerBench()
  bench.receive('GET / HTTP/1.1\r\n')
  bench.time.pass(13_000)
  t.match(await bench.sent(), /^HTTP\/1\.1 408 /)
  t.strictSame(bench.limits, ['timeouts.head'])
  bench.dispose()
})

t.test('a process that stood still does not blame its callers', async (t) => {
  const bench = new ServerBench()
  bench.receive(UPLOAD)
  bench.time.ms += 10 * MINUTE
  bench.time.wheel.advance()
  t.strictSame(bench.limits, [], 'one look, however late, is no proof')
  bench.receive('x'.repeat(2000))
  bench.time.pass(MINUTE / 2)
  t.strictSame(bench.limits, [])
  bench.dispose()
})
