import t from 'tap'
import { DEFAULT_LIMITS } from '../../../../proxy/codec/http1/limits.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import { type Accepted, ServerBench, turn } from '../../../support/http1-peer.ts'

const HELLO = Buffer.from('hello')
const GET = 'GET /a HTTP/1.1\r\nHost: shop\r\n\r\n'

function answer(accepted: Accepted, body = HELLO): void {
  accepted.stream.head(Head.response(200, Fields.of({ 'content-length': String(body.length) })), null, false)
  accepted.stream.data(body, 0, body.length, true)
}

t.test('reset in the middle of a response destroys the connection', async (t) => {
  for (const version of ['1.1', '1.0']) {
    const bench = new ServerBench()
    bench.receive(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`)
    const accepted = bench.accepted[0] as Accepted
    accepted.stream.head(Head.response(200), null, false)
    accepted.stream.data(HELLO, 0, 5, false)
    accepted.stream.reset(reasons.upstreamClosed)
    t.ok(bench.socket.destroyed)
    t.equal(bench.socket.wasReset, version === '1.0', 'RST where a plain close would mean the end')
    t.notMatch(await bench.sent(), /0\r\n\r\n$/)
    t.strictSame(accepted.events.length, 1, 'nobody is called any more')
    bench.dispose()
  }
})

t.test('the caller goes away in the middle', async (t) => {
  const waiting = new ServerBench()
  waiting.receive(GET)
  waiting.socket.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
  await turn()
  t.equal(waiting.accepted[0]?.reason?.toString(), `${reasons.downstreamClosed.sentence}: ECONNRESET`)
  t.equal(waiting.closed, 1)

  const sending = new ServerBench()
  sending.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc')
  sending.socket.emit('end')
  t.strictSame(sending.accepted[0]?.events.slice(1), ['reset downstream-closed'])
  t.ok(sending.socket.destroyed)
})

t.test('FIN behind a request does not cost it the response', async (t) => {
  const bench = new ServerBench()
  bench.receive(GET + GET)
  bench.socket.emit('end')
  t.notOk(bench.socket.ended)
  answer(bench.accepted[0] as Accepted)
  t.match(await bench.sent(), /hello$/)
  answer(bench.accepted[1] as Accepted)
  t.match(await bench.sent(), /hello$/)
  t.ok(bench.socket.ended)
  bench.dispose()
})

t.test('FIN behind part of a pipelined request: it will never be whole', async (t) => {
  for (const halfClose of [true, false]) {
    const bench = new ServerBench({ halfClose })
    bench.receive(`${GET}POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc`)
    answer(bench.accepted[0] as Accepted)
    bench.socket.emit('end')
    await turn()
    t.strictSame(bench.accepted[1]?.events, ['request POST /', 'reset downstream-closed'])
    t.equal(bench.connection.active, 0)
    t.ok(bench.socket.destroyed)
  }
})

t.test('FIN in the middle of a request that waited behind another', async (t) => {
  const bench = new ServerBench()
  bench.receive(`${GET}POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc`)
  bench.socket.emit('end')
  answer(bench.accepted[0] as Accepted)
  t.match(await bench.sent(), /hello$/, 'the first is answered')
  t.strictSame(bench.accepted[1]?.events.slice(1), ['reset downstream-closed'], 'the second is over')
  t.ok(bench.socket.destroyed)
})

t.test('a refusal in answer to HEAD has no body', async (t) => {
  const bench = new ServerBench()
  bench.receive('HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense')
  t.match(await bench.sent(), /^HTTP\/1\.1 400 .*\r\ncontent-length: [1-9].*\r\n\r\n$/s)
  bench.dispose()
})

t.test('a response before the end of its request: the rest is thrown away up to a bound', async (t) => {
  const rest = new ServerBench()
  rest.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc')
  answer(rest.accepted[0] as Accepted)
  rest.receive(`defghi${GET}`)
  await turn()
  t.equal(rest.accepted.length, 2, 'the connection goes on behind the rest')
  rest.dispose()

  const declared = new ServerBench()
  declared.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nabc')
  answer(declared.accepted[0] as Accepted)
  t.match(await declared.sent(), /hello$/)
  t.ok(declared.socket.ended, 'too much to read')
  t.equal(declared.accepted[0]?.reason?.code, 'downstream-closed')
  declared.dispose()

  const endless = new ServerBench({ limits: { ...DEFAULT_LIMITS, drainBytes: 100 } })
  endless.receive('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  answer(endless.accepted[0] as Accepted)
  await turn()
  endless.receive('5\r\nabcde\r\n'.repeat(20))
  t.notOk(endless.socket.ended)
  endless.receive('5\r\nabcde\r\n')
  await turn()
  t.ok(endless.socket.ended)
  endless.dispose()
})

t.test('uncredited request bytes pause the socket until half of them are credited', async (t) => {
  const bench = new ServerBench({ limits: { ...DEFAULT_LIMITS, windowBytes: 100 } })
  bench.onRequest = (accepted) => {
    accepted.creditTo = null
  }
  bench.receive(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(100)}`)
  t.notOk(bench.socket.paused)
  bench.receive('x'.repeat(20))
  t.ok(bench.socket.paused)
  const stream = (bench.accepted[0] as Accepted).stream
  stream.credit(60)
  t.ok(bench.socket.paused)
  stream.credit(20)
  t.notOk(bench.socket.paused)
  bench.dispose()
})

t.test('a congested socket: bytes are kept, and credited when they have left', async (t) => {
  const bench = new ServerBench()
  bench.receive('GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n')
  const accepted = bench.accepted[0] as Accepted
  accepted.stream.head(Head.response(200), null, false)
  await bench.sent()
  bench.transport.congested = true
  const chunk = Buffer.from('hello')
  accepted.stream.data(chunk, 0, 5, false)
  chunk.fill(0x21)
  accepted.stream.trailers(Fields.of({ x: 'y' }))
  t.equal(await bench.sent(), '')
  t.equal(accepted.credited, 0)
  t.equal(bench.connection.active, 1)
  bench.socket.emit('drain')
  t.equal(await bench.sent(), '5\r\nhello\r\n0\r\nx: y\r\n\r\n')
  t.equal(accepted.credited, 5)
  t.equal(bench.connection.active, 0)
  bench.dispose()
})

t.test('drain: the response under way says close; an idle connection closes soon', async (t) => {
  const busy = new ServerBench()
  busy.receive(GET)
  busy.connection.drain()
  answer(busy.accepted[0] as Accepted)
  t.match(await busy.sent(), /connection: close\r\n/)
  t.ok(busy.socket.ended)
  busy.dispose()

  const idle = new ServerBench()
  idle.connection.drain()
  t.notOk(idle.socket.ended, 'a request may be on its way')
  idle.time.pass(1100)
  await turn()
  t.ok(idle.socket.ended)
  idle.dispose()
})

t.test('close resets what is under way', async (t) => {
  const bench = new ServerBench()
  bench.receive(GET)
  bench.connection.close(reasons.draining)
  t.ok(bench.socket.destroyed)
  t.strictSame(bench.accepted[0]?.events.slice(1), ['reset draining'])
  await turn()
  t.equal(bench.closed, 1)
  t.equal(bench.time.wheel.armed, 0)
})

t.test('deadlines', async (t) => {
  const slow = new ServerBench()
  slow.receive('GET / HT')
  slow.time.pass(9900)
  slow.receive('TP/1.1\r\n')
  t.equal(await slow.sent(), '')
  slow.time.pass(2700)
  t.match(await slow.sent(), /^HTTP\/1\.1 408 Request Timeout\r\n/, 'bytes that dribble in do not prolong it')
  t.ok(slow.socket.ended)
  slow.time.pass(2100)
  t.ok(slow.socket.destroyed, 'a peer that does not close is left')
  t.equal(slow.time.wheel.armed, 0)

  const idle = new ServerBench()
  idle.onRequest = (accepted) => answer(accepted)
  idle.receive(GET)
  await idle.sent()
  idle.time.pass(59_000)
  t.notOk(idle.socket.ended)
  idle.receive(GET)
  await idle.sent()
  idle.time.pass(59_000)
  await turn()
  t.notOk(idle.socket.ended)
  idle.time.pass(5000)
  t.equal(await idle.sent(), '', 'no reply that nobody asked for')
  t.ok(idle.socket.ended)
  idle.dispose()

  const stalled = new ServerBench()
  stalled.receive(GET)
  const accepted = stalled.accepted[0] as Accepted
  accepted.stream.head(Head.response(200), null, false)
  stalled.socket.writableLength = 1000
  stalled.time.pass(40_000)
  stalled.socket.writableLength = 900
  stalled.time.pass(40_000)
  t.notOk(stalled.socket.destroyed, 'slow is not stalled')
  stalled.time.pass(30_000)
  t.ok(stalled.socket.destroyed)
  t.equal(accepted.reason?.code, 'write-timeout')
})
