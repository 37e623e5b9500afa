import t from 'tap'
import { MAX_WINDOW, PREFACE } from '../../../../proxy/codec/http2/constants.ts'
import { CONNECTION_WINDOW } from '../../../../proxy/codec/http2/options.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import {
  data,
  END_STREAM,
  GET,
  goaway,
  headers,
  OK,
  POST,
  ping,
  pingAck,
  rstStream,
  settings,
} from '../../../support/frames.ts'
import { ServerBench } from '../../../support/http2-bench.ts'

const ZEROES = '\0\0\0\0\0\0\0\0'

t.test('draining takes two steps, and what is under way ends in peace', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST))
  bench.connection.drain()
  bench.connection.drain()
  bench.expect(goaway(MAX_WINDOW, 'NO_ERROR', reasons.draining.sentence), ping(ZEROES))
  bench.send(headers(3, GET, END_STREAM))
  t.equal(bench.accepted.length, 2, 'a request that crossed the first GOAWAY is served')
  bench.send(pingAck(ZEROES))
  bench.expect(goaway(3, 'NO_ERROR'))
  bench.accepted[1]?.stream.head(Head.response(200), null, true)
  bench.expect(headers(3, OK, END_STREAM))
  t.equal(bench.transport.closing, false)
  bench.send(data(1, 'x', END_STREAM))
  bench.accepted[0]?.stream.head(Head.response(200), null, true)
  bench.expect(headers(1, OK, END_STREAM))
  t.equal(bench.transport.closing, true)
  bench.hangUp()
  t.match(bench.closedFor, { code: 'draining' })
})

t.test('an idle connection is closed once its client knows', async (t) => {
  const bench = new ServerBench()
  bench.connection.drain()
  bench.expect(goaway(MAX_WINDOW, 'NO_ERROR'), ping(ZEROES))
  t.equal(bench.transport.closing, false)
  bench.send(pingAck(ZEROES))
  bench.expect(goaway(0, 'NO_ERROR'))
  t.equal(bench.transport.closing, true)
})

t.test('streams behind the final GOAWAY are ignored, and so is all that comes on them', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST))
  bench.connection.drain()
  bench.send(pingAck(ZEROES))
  bench.take()
  bench.send(headers(3, POST), data(3, 'xyz'), headers(3, { a: 'b' }, END_STREAM), rstStream(3, 'CANCEL'))
  bench.send({ type: 'WINDOW_UPDATE', stream: 3, increment: 1 })
  bench.expect()
  t.equal(bench.accepted.length, 1)
  t.equal(bench.transport.closing, false)
  t.equal(bench.connection.windowWithCredit, CONNECTION_WINDOW)
  bench.send(data(1, 'x', END_STREAM))
  t.equal(bench.accepted[0]?.body, 'x')
  bench.connection.close(reasons.draining)
  bench.expect(goaway(1, 'NO_ERROR'))
})

t.test('an acknowledgement that nobody asked for ends nothing', async (t) => {
  const bench = new ServerBench()
  bench.send(pingAck('abcdefgh'))
  bench.expect()
  t.equal(bench.transport.closing, false)
})

t.test('close tells every stream, and the peer why', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST), headers(3, GET, END_STREAM))
  bench.connection.close(reasons.internalError.with('test'))
  t.match(
    bench.accepted.map(({ resets }) => resets),
    [[{ code: 'internal-error' }], [{ code: 'internal-error' }]],
  )
  bench.expect(goaway(3, 'NO_ERROR', 'this sidecar failed: test'))
  t.equal(bench.connection.active, 0)
  bench.connection.close(reasons.draining)
  bench.connection.drain()
  bench.expect()
  bench.hangUp()
  t.match(bench.closedFor, { code: 'internal-error' })
  t.equal(bench.accepted[0]?.resets.length, 1)
})

t.test('debug data is cut at a character, at 512 bytes', async (t) => {
  const bench = new ServerBench()
  bench.connection.close(reasons.internalError.with('ä'.repeat(600)))
  const [frame] = bench.take()
  t.match(frame, { type: 'GOAWAY' })
  t.ok(Buffer.byteLength((frame as { debug: string }).debug) <= 514)
})

t.test('a client that sends FIN has ended', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST))
  bench.socket.emit('end')
  t.match(bench.accepted[0]?.resets, [{ code: 'downstream-closed' }])
  bench.send(headers(3, GET, END_STREAM))
  t.equal(bench.accepted.length, 1)
  t.equal(bench.transport.closing, true)
  bench.hangUp()
  t.match(bench.closedFor, { code: 'downstream-closed' })
  t.equal(bench.accepted[0]?.resets.length, 1)
})

t.test('a socket that breaks', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST))
  bench.hangUp(new Error('ECONNRESET'))
  t.match(bench.accepted[0]?.resets, [{ code: 'downstream-closed', detail: 'ECONNRESET' }])
  t.match(bench.closedFor, { detail: 'ECONNRESET' })
  t.equal(bench.clock.timers.armed, 0)
})

t.test('a preface that does not come', async (t) => {
  const bench = new ServerBench({ headMs: 5000 }, false)
  bench.sendBytes(PREFACE.subarray(0, 10))
  bench.take()
  bench.clock.advance(4990)
  t.equal(bench.transport.closing, false)
  bench.clock.advance(30)
  bench.expect(goaway(0, 'NO_ERROR'))
  t.equal(bench.transport.closing, true)
})

t.test('a preface without SETTINGS', async (t) => {
  const bench = new ServerBench({ headMs: 5000 }, false)
  bench.sendBytes(PREFACE)
  bench.take()
  bench.clock.advance(5030)
  t.equal(bench.transport.closing, true)
})

t.test('a header block that does not end', async (t) => {
  const bench = new ServerBench({ headMs: 5000 })
  bench.clock.advance(20_000)
  t.equal(bench.transport.closing, false, 'without one the deadline does not run')
  const block = bench.coder.block(GET)
  bench.send({ type: 'RAW', id: 1, flags: 1, stream: 1, payload: block.subarray(0, 4) })
  bench.clock.advance(4980)
  bench.send({ type: 'RAW', id: 9, flags: 4, stream: 1, payload: block.subarray(4) })
  bench.clock.advance(10_000)
  t.equal(bench.transport.closing, false)
  t.equal(bench.accepted.length, 1)
  bench.send({ type: 'RAW', id: 1, flags: 1, stream: 3, payload: block.subarray(0, 4) })
  bench.clock.advance(5030)
  t.equal(bench.transport.closing, true)
})

t.test('an idle connection is closed, one with streams is not', async (t) => {
  const bench = new ServerBench({ idleMs: 1000 })
  bench.send(headers(1, POST))
  bench.clock.advance(5000)
  t.equal(bench.transport.closing, false)
  bench.send(data(1, '', END_STREAM))
  bench.accepted[0]?.stream.head(Head.response(200), null, true)
  bench.take()
  bench.clock.advance(900)
  t.equal(bench.transport.closing, false)
  bench.clock.advance(300)
  bench.expect(goaway(1, 'NO_ERROR'))
  t.equal(bench.transport.closing, true)
})

t.test('a peer that does not close after us is cut off', async (t) => {
  const bench = new ServerBench()
  bench.connection.close(reasons.draining)
  t.equal(bench.socket.destroyed, false)
  bench.clock.advance(1030)
  t.equal(bench.socket.destroyed, true)
  t.equal(bench.clock.timers.armed, 0)
  bench.send(settings())
  t.equal(bench.accepted.length, 0)
})
