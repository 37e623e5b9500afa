import t from 'tap'
import { CONNECTION_WINDOW } from '../../../../proxy/codec/http2/options.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import {
  data,
  END_STREAM,
  type Frame,
  GET,
  headers,
  POST,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../../../support/frames.ts'
import { type Accepted, ServerBench } from '../../../support/http2-bench.ts'

const WINDOW = CONNECTION_WINDOW

function bytes(count: number): Buffer {
  return Buffer.alloc(count, 'x')
}

/** A bench whose peer grants `connection` and, per stream, `stream` bytes, with the response heads of `ids` sent. */
function responding(
  ids: readonly number[],
  stream: number,
  connection = 65535,
): { bench: ServerBench; all: Accepted[] } {
  const bench = new ServerBench()
  bench.send(settings({ 4: stream }))
  if (connection > 65535) bench.send(windowUpdate(0, connection - 65535))
  for (const id of ids) bench.send(headers(id, GET, END_STREAM))
  for (const { stream } of bench.accepted) stream.head(Head.response(200), null, false)
  bench.take()
  return { bench, all: bench.accepted }
}

function bodyBytes(frames: readonly Frame[]): Record<number, number> {
  const sums: Record<number, number> = {}
  for (const frame of frames) {
    if (frame.type === 'DATA') sums[frame.stream] = (sums[frame.stream] ?? 0) + frame.data.length
  }
  return sums
}

t.test('our windows are announced at the start', async (t) => {
  const bench = new ServerBench({ connectionWindow: 100_000 }, false)
  bench.expect(settings({ 3: 100, 4: 65536, 6: 65536, 8: 1 }), windowUpdate(0, 100_000 - 65535))
  t.equal(bench.connection.windowWithCredit, 100_000)
})

t.test('bytes wait for the stream window and are credited when they leave', async (t) => {
  const { bench, all } = responding([1], 10)
  const stream = all[0]?.stream
  stream?.data(bytes(25), 0, 25, true)
  t.equal(all[0]?.credited, 10)
  bench.expect(data(1, 'x'.repeat(10)))
  bench.send(windowUpdate(1, 10))
  bench.expect(data(1, 'x'.repeat(10)))
  t.equal(all[0]?.credited, 20)
  bench.send(windowUpdate(1, 10))
  bench.expect(data(1, 'x'.repeat(5), END_STREAM))
  t.equal(all[0]?.credited, 25)
  t.equal(bench.connection.active, 0)
})

t.test('bytes wait for the connection window', async (t) => {
  const { bench, all } = responding([1, 3], 1_000_000)
  all[0]?.stream.data(bytes(65535), 0, 65535, false)
  all[1]?.stream.data(bytes(5), 0, 5, true)
  t.strictSame(bodyBytes(bench.take()), { 1: 65535 })
  bench.send(windowUpdate(0, 3))
  bench.expect(data(3, 'xxx'))
  bench.send(windowUpdate(0, 3))
  bench.expect(data(3, 'xx', END_STREAM))
  t.equal(all[1]?.credited, 5)
})

t.test('an empty end and trailers need no window', async (t) => {
  const { bench, all } = responding([1, 3, 5], 0)
  all[0]?.stream.data(bytes(0), 0, 0, true)
  all[1]?.stream.trailers(Fields.of({ a: 'b' }))
  bench.expect(data(1, '', END_STREAM), headers(3, { a: 'b' }, END_STREAM))
  all[2]?.stream.data(bytes(1), 0, 1, false)
  all[2]?.stream.trailers(Fields.of({ a: 'b' }))
  bench.expect()
  bench.send(windowUpdate(5, 9))
  bench.expect(data(5, 'x'), headers(5, { a: 'b' }, END_STREAM))
  t.equal(bench.connection.active, 0)
})

t.test(
  'an empty end goes out below zero of the stream’s and at zero of the connection’s window',
  async (t) => {
    const { bench, all } = responding([1, 3], 65535)
    all[0]?.stream.data(bytes(65535), 0, 65535, false)
    bench.send(settings({ 4: 100 }))
    bench.take()
    all[0]?.stream.data(bytes(0), 0, 0, true)
    bench.expect(data(1, '', END_STREAM))
    t.equal(bench.connection.active, 1)
  },
)

t.test('an empty end behind waiting bytes', async (t) => {
  const { bench, all } = responding([1], 2)
  all[0]?.stream.data(bytes(4), 0, 4, false)
  all[0]?.stream.data(bytes(0), 0, 0, true)
  bench.expect(data(1, 'xx'))
  bench.send(windowUpdate(1, 2))
  bench.expect(data(1, 'xx', END_STREAM))
  t.equal(all[0]?.credited, 4)
})

t.test('a new initial window moves the windows of open streams, also below zero', async (t) => {
  const { bench, all } = responding([1], 10)
  all[0]?.stream.data(bytes(30), 0, 30, true)
  bench.expect(data(1, 'x'.repeat(10)))
  bench.send(settings({ 4: 5 }))
  bench.send(windowUpdate(1, 5))
  bench.expect(settingsAck())
  bench.send(windowUpdate(1, 1))
  bench.expect(data(1, 'x'))
  bench.send(settings({ 4: 24 }))
  bench.expect(settingsAck(), data(1, 'x'.repeat(19), END_STREAM))
  t.equal(all[0]?.credited, 30)
})

t.test('frames are no larger than the peer takes', async (t) => {
  const { bench, all } = responding([1], 1_000_000, 1_000_000)
  all[0]?.stream.data(bytes(40_000), 0, 40_000, true)
  t.strictSame(
    bench.take().map((frame) => (frame.type === 'DATA' ? [frame.data.length, frame.end] : frame)),
    [
      [16384, false],
      [16384, false],
      [7232, true],
    ],
  )
})

t.test('streams that wait for the connection get their turns', async (t) => {
  const ids = [1, 3, 5, 7]
  const { bench, all } = responding(ids, 1_000_000)
  for (const { stream } of all) stream.data(bytes(200_000), 0, 200_000, false)
  bench.take()
  bench.send(windowUpdate(0, 16384 * 8))
  t.strictSame(bodyBytes(bench.take()), { 1: 32768, 3: 32768, 5: 32768, 7: 32768 })
})

t.test('while the socket is congested body bytes wait, and go when it drains', async (t) => {
  const { bench, all } = responding([1, 3], 1_000_000, 1_000_000)
  bench.stall()
  all[0]?.stream.data(bytes(100), 0, 100, false)
  all[0]?.stream.trailers(Fields.of({ a: 'b' }))
  all[1]?.stream.data(bytes(0), 0, 0, true)
  bench.expect(data(3, '', END_STREAM))
  t.equal(all[0]?.credited, 0)
  bench.unstall()
  bench.expect(data(1, 'x'.repeat(100)), headers(1, { a: 'b' }, END_STREAM))
  t.equal(all[0]?.credited, 100)
})

t.test('a stream that is reset while it waits is passed over', async (t) => {
  const { bench, all } = responding([1, 3, 5], 1_000_000)
  for (const { stream } of all) stream.data(bytes(65535), 0, 65535, true)
  bench.take()
  bench.send(rstStream(3, 'CANCEL'))
  bench.send(windowUpdate(0, 70_000))
  t.strictSame(bodyBytes(bench.take()), { 5: 65535 })
  t.match(all[1]?.resets, [{ code: 'downstream-reset' }])
  bench.send(windowUpdate(3, 100))
  bench.expect()
})

t.test('a source that gives more, or the end, from within its credit', async (t) => {
  const { bench, all } = responding([1], 4)
  const accepted = all[0] as Accepted
  const more = ['ef', 'gh']
  let given = 0
  accepted.credit = (count) => {
    given += count
    const next = more.shift()
    if (next !== undefined) accepted.stream.data(Buffer.from(next), 0, 2, false)
    else if (more.length === 0 && given === 8) accepted.stream.trailers(Fields.of({ a: 'b' }))
  }
  accepted.stream.data(Buffer.from('abcd'), 0, 4, false)
  bench.send(windowUpdate(1, 100))
  const frames = bench.take()
  t.equal(frames.map((frame) => (frame.type === 'DATA' ? frame.data : '')).join(''), 'abcdefgh')
  t.strictSame(frames.at(-1), headers(1, { a: 'b' }, END_STREAM))
  t.equal(frames.filter((frame) => frame.type === 'HEADERS').length, 1)
  t.equal(given, 8)
})

t.test('a source that gives more from within the credit of waiting bytes', async (t) => {
  for (const end of ['data', 'trailers'] as const) {
    const bench = new ServerBench()
    bench.send(settings({ 4: 4 }), headers(1, POST))
    const accepted = bench.accepted[0] as Accepted
    accepted.stream.head(Head.response(200), null, false)
    accepted.stream.data(Buffer.from('abcdefgh'), 0, 8, false)
    const more = ['ij', 'kl']
    accepted.credit = () => {
      const next = more.shift()
      if (next === undefined) return
      const last = more.length === 0
      accepted.stream.data(Buffer.from(next), 0, 2, last && end === 'data')
      if (last && end === 'trailers') accepted.stream.trailers(Fields.of({ a: 'b' }))
    }
    bench.send(windowUpdate(1, 100))
    const frames = bench.take()
    t.equal(frames.map((frame) => (frame.type === 'DATA' ? frame.data : '')).join(''), 'abcdefghijkl')
    t.equal(frames.filter((frame) => 'end' in frame && frame.end).length, 1, 'one end')
    t.equal(bench.connection.active, 1)
  }
})

t.test('a source that cancels from within its credit', async (t) => {
  const { bench, all } = responding([1], 4)
  const accepted = all[0] as Accepted
  accepted.stream.data(Buffer.from('abcdefgh'), 0, 8, true)
  accepted.credit = () => accepted.stream.cancel(reasons.internalError)
  bench.take()
  bench.send(windowUpdate(1, 100))
  t.strictSame(bench.takeTypes(), ['DATA', 'RST_STREAM'])
  t.equal(bench.connection.active, 0)
})

t.test('the peer’s stream window is restored at half, and grows while its bytes leave at once', async (t) => {
  const bench = new ServerBench({ streamWindow: 100, maxStreamWindow: 250 })
  bench.send(headers(1, POST))
  const [accepted] = bench.accepted
  bench.send(data(1, 'x'.repeat(49)))
  accepted?.stream.credit(49)
  bench.expect()
  bench.send(data(1, 'x'))
  accepted?.stream.credit(1)
  bench.expect(windowUpdate(1, 150))
  bench.send(data(1, 'x'.repeat(100)))
  accepted?.stream.credit(100)
  bench.expect(windowUpdate(1, 150))
  bench.send(data(1, 'x'.repeat(250)))
  accepted?.stream.credit(125)
  bench.expect(windowUpdate(1, 125))
  accepted?.stream.credit(125)
  bench.expect(windowUpdate(1, 125))
  t.equal(accepted?.body.length, 400)
})

t.test('a stream window does not grow while bytes stay', async (t) => {
  const bench = new ServerBench({ streamWindow: 100, maxStreamWindow: 1000 })
  bench.send(headers(1, POST), data(1, 'x'.repeat(100)))
  bench.accepted[0]?.stream.credit(50)
  bench.expect(windowUpdate(1, 50))
  bench.send(data(1, 'x'.repeat(51)))
  t.match(bench.take(), [rstStream(1, 'FLOW_CONTROL_ERROR')])
})

t.test('no window is restored of a stream whose peer has ended', async (t) => {
  const bench = new ServerBench({ streamWindow: 100 })
  bench.send(headers(1, POST), data(1, 'x'.repeat(100), END_STREAM))
  bench.accepted[0]?.stream.credit(100)
  bench.expect()
  t.equal(bench.connection.windowWithCredit, WINDOW)
})

t.test('more credit than there were bytes is not passed on', async (t) => {
  const bench = new ServerBench({ streamWindow: 100, maxStreamWindow: 100 })
  bench.send(headers(1, POST), data(1, 'x'.repeat(60)))
  bench.accepted[0]?.stream.credit(1000)
  bench.accepted[0]?.stream.credit(1000)
  bench.expect(windowUpdate(1, 60))
  t.equal(bench.connection.windowWithCredit, WINDOW)
})

t.test('padding is credited by itself', async (t) => {
  const bench = new ServerBench({ streamWindow: 100, maxStreamWindow: 100, connectionWindow: 65535 })
  bench.send(headers(1, POST), data(1, 'x'.repeat(20), false, 39))
  bench.expect()
  bench.accepted[0]?.stream.credit(20)
  bench.expect(windowUpdate(1, 60))
  t.equal(bench.connection.windowWithCredit, 65535)
})

t.test('padding alone cannot use up a stream’s window', async (t) => {
  const bench = new ServerBench({ streamWindow: 100, maxStreamWindow: 100 })
  bench.send(headers(1, POST), data(1, '', false, 98), data(1, 'x'))
  t.equal(bench.accepted[0]?.body, 'x')
  t.ok(bench.take().some((frame) => frame.type === 'WINDOW_UPDATE' && frame.stream === 1))
})

t.test('what is sent first arrives first', async (t) => {
  const { bench, all } = responding([1], 3)
  all[0]?.stream.data(Buffer.from('abcd'), 0, 4, false)
  bench.send(windowUpdate(1, 100))
  all[0]?.stream.data(Buffer.from('ef'), 0, 2, true)
  bench.expect(data(1, 'abc'), data(1, 'd'), data(1, 'ef', END_STREAM))
  t.equal(all[0]?.credited, 6)
})

t.test('bytes that wait on a stream that ends never left, and are not credited', async (t) => {
  const { bench, all } = responding([1, 3, 5], 10)
  for (const { stream } of all) stream.data(bytes(25), 0, 25, false)
  bench.send(rstStream(1, 'CANCEL'))
  all[1]?.stream.cancel(reasons.internalError)
  bench.connection.close(reasons.draining)
  t.strictSame(
    all.map(({ credited }) => credited),
    [10, 10, 10],
  )
})

t.test('an empty DATA frame is nothing to hand on, unless it is the last', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST))
  const accepted = bench.accepted[0] as Accepted
  const ends: boolean[] = []
  accepted.data = (_chunk, from, to, end) => {
    t.ok(to > from || end)
    ends.push(end)
  }
  bench.send(data(1, ''), data(1, '', false, 4), data(1, 'x'))
  // The frame's header comes alone.
  const frame = bench.coder.write(data(1, 'y'))
  bench.sendBytes(frame.subarray(0, 9))
  bench.sendBytes(frame.subarray(9))
  bench.send(data(1, '', END_STREAM))
  t.strictSame(ends, [false, false, true])
})
