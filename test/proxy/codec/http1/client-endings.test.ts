import t from 'tap'
import { DEFAULT_LIMITS } from '../../../../proxy/codec/http1/limits.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import { ClientBench, type Recorder, turn } from '../../../support/http1-peer.ts'

const GET = Head.request('GET', 'http', 'shop', '/a')
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
const EMPTY = Buffer.alloc(0)

function get(bench: ClientBench, head = GET): Recorder {
  const { recorder, stream } = bench.open()
  stream.head(head, null, true)
  return recorder
}

t.test('connections that are not used again', async (t) => {
  const cases: [string, string][] = [
    ['Connection: close', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
    ['bytes behind the response', `${OK}x`],
    ['bytes behind a bodiless response', 'HTTP/1.1 204 No Content\r\n\r\nx'],
  ]
  for (const [name, response] of cases) {
    const bench = new ClientBench()
    const recorder = get(bench)
    bench.receive(response)
    t.match(recorder.events.join(), /end$/, name)
    t.equal(bench.connection.capacity, 0, name)
    t.ok(bench.socket.destroyed, name)
    await turn()
    t.match(bench.events.join(), /^retired,closed/, name)
  }

  const idle = new ClientBench()
  idle.receive('HTTP/1.1 408 Request Timeout\r\n\r\n')
  t.ok(idle.socket.destroyed, 'bytes without a request')

  const early = new ClientBench()
  const { recorder, stream } = early.open()
  stream.head(Head.request('POST', 'http', 'a', '/'), null, false)
  early.socket.writableLength = 300_000
  early.transport.congested = true
  stream.data(Buffer.from('rest'), 0, 4, false)
  t.equal(recorder.credited, 0)
  early.receive(OK)
  const events = ['head 200', 'end', 'reset upstream-closed']
  t.strictSame(recorder.events, events, 'a response before the end of its request: the rest goes nowhere')
  t.ok(early.socket.destroyed)
  t.equal(recorder.credited, 4, 'what waited is credited')
  stream.data(EMPTY, 0, 0, true)
  stream.cancel(reasons.downstreamReset)
  await turn()
  t.strictSame(recorder.events, events, 'and nobody is called any more')
})

t.test('premature ends', async (t) => {
  const first = new ClientBench()
  const alone = get(first)
  first.socket.emit('end')
  t.strictSame(alone.events, ['reset upstream-closed'], 'the first request of a connection')

  const reused = new ClientBench()
  get(reused)
  reused.receive(OK)
  const second = get(reused)
  reused.socket.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
  await turn()
  t.strictSame(second.events, ['reset upstream-closed-reused'])
  t.equal(second.reason?.detail, 'ECONNRESET')
  t.equal(reused.events.at(-1), 'closed upstream-closed-reused')

  for (const part of [
    'H',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  ]) {
    const bench = new ClientBench()
    get(bench)
    bench.receive(OK)
    const recorder = get(bench)
    bench.receive(part)
    bench.socket.emit('end')
    t.equal(recorder.events.at(-1), 'reset upstream-closed', 'bytes of the response had arrived')
  }

  const until = new ClientBench()
  const recorder = get(until)
  until.receive('HTTP/1.1 200 OK\r\n\r\nhello')
  until.socket.destroy(new Error('reset'))
  await turn()
  t.strictSame(recorder.events, ['head 200', 'reset upstream-closed'], 'an error is no end of a body')
})

t.test('reset and cancel cost the connection and call nobody', async (t) => {
  for (const how of ['reset', 'cancel'] as const) {
    const bench = new ClientBench()
    const { recorder, stream } = bench.open()
    stream.head(GET, null, true)
    stream[how](reasons.timeout)
    t.ok(bench.socket.destroyed)
    t.equal(bench.connection.capacity, 0)
    await turn()
    t.strictSame(recorder.events, [])
    t.strictSame(bench.events, ['closed timeout'])
  }
  const unused = new ClientBench()
  unused.open().stream.cancel(reasons.downstreamReset)
  t.equal(unused.connection.capacity, 1, 'nothing was written yet')
  unused.dispose()
})

t.test('uncredited response bytes pause the socket', (t) => {
  const bench = new ClientBench({ limits: { ...DEFAULT_LIMITS, windowBytes: 100 } })
  const { recorder, stream } = bench.open()
  recorder.creditTo = null
  stream.head(GET, null, true)
  bench.receive(`HTTP/1.1 200 OK\r\nContent-Length: 150\r\n\r\n${'x'.repeat(120)}`)
  t.ok(bench.socket.paused)
  stream.credit(80)
  t.notOk(bench.socket.paused)
  bench.receive('x'.repeat(29))
  bench.receive('x')
  t.equal(bench.connection.capacity, 1)
  stream.credit(70)
  const next = get(bench)
  bench.receive(OK)
  t.equal(next.body, 'hello')
  t.notOk(bench.socket.paused)
  bench.dispose()
  t.end()
})

t.test('a congested socket keeps request bytes back', async (t) => {
  const bench = new ClientBench()
  const { recorder, stream } = bench.open()
  stream.head(Head.request('POST', 'http', 'a', '/'), null, false)
  await bench.sent()
  bench.transport.congested = true
  stream.data(Buffer.from('hello'), 0, 5, false)
  stream.data(EMPTY, 0, 0, true)
  t.equal(await bench.sent(), '')
  t.equal(recorder.credited, 0)
  bench.socket.emit('drain')
  t.equal(await bench.sent(), '5\r\nhello\r\n0\r\n\r\n')
  t.equal(recorder.credited, 5)
  bench.dispose()
})

t.test('drain, close and the idle deadline', async (t) => {
  const busy = new ClientBench()
  const recorder = get(busy)
  busy.connection.drain()
  t.strictSame(busy.events, ['retired'])
  busy.receive(OK)
  t.strictSame(recorder.events, ['head 200', 'end'])
  t.ok(busy.socket.destroyed)

  const closed = new ClientBench()
  const reset = get(closed)
  closed.connection.close(reasons.draining)
  t.strictSame(reset.events, ['reset draining'])
  t.ok(closed.socket.destroyed)

  const idle = new ClientBench()
  get(idle)
  idle.time.pass(10_000)
  t.notOk(idle.socket.destroyed, 'a request under way is not idle')
  idle.receive(OK)
  idle.time.pass(1400)
  t.notOk(idle.socket.destroyed)
  idle.time.pass(1600)
  t.ok(idle.socket.destroyed, 'before the deadline, not behind it')
  await turn()
  t.equal(idle.events.at(-1), 'closed idle-timeout')
  t.equal(idle.time.wheel.armed, 0)
})

t.test(
  'a connection that was idle for too long while the process stood still is not used again',
  async (t) => {
    const bench = new ClientBench()
    get(bench)
    bench.receive(OK)
    bench.time.skip(2900)
    t.equal(bench.connection.capacity, 1)
    bench.time.skip(200)
    t.equal(bench.connection.capacity, 0)
    t.notOk(bench.socket.destroyed, 'its own deadline sees to that')
    bench.dispose()

    const busy = new ClientBench()
    busy.time.skip(2000)
    get(busy)
    busy.time.skip(10_000)
    busy.receive(OK)
    t.equal(busy.connection.capacity, 1, 'the time of a request is not idle')
    busy.dispose()
  },
)
