import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { reasons } from '../../../../proxy/message/reason.ts'
import { data, END_STREAM, type Frame, GET, headers, POST, ping, rstStream } from '../../../support/frames.ts'
import { ServerBench } from '../../../support/http2-bench.ts'

const LIMITS = { limits: { streamsPerTurn: 100 } }

function bytes(bench: ServerBench, frames: readonly Frame[]): Buffer {
  return Buffer.concat(frames.map((frame) => bench.coder.write(frame)))
}

const requests = (count: number, from = 0): Frame[] =>
  Array.from({ length: count }, (_, i) => headers((from + i) * 2 + 1, GET, END_STREAM))

t.test('a read of 1000 streams is spread over turns, and none is lost', async (t) => {
  const bench = new ServerBench({ ...LIMITS, maxStreams: 1000 })
  const chunk = bytes(bench, requests(1000))
  bench.sendBytes(chunk)
  // The buffer is used for the next read: nothing may lean on it.
  chunk.fill(0)
  const begun: number[] = []
  for (let turn = 0; turn < 11; turn++) {
    begun.push(bench.accepted.length)
    t.equal(bench.socket.paused, turn < 9, 'meanwhile the socket is not read')
    await nextTurn()
  }
  t.strictSame(begun, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1000])
  t.equal(new Set(bench.accepted.map(({ stream }) => (stream as unknown as { id: number }).id)).size, 1000)
  t.equal(bench.limits.filter((limit) => limit === 'http2.streamsPerTurn').length, 9)
})

t.test('rapid reset is spread too, and ends where its budget ends', async (t) => {
  const bench = new ServerBench(LIMITS)
  const frames = Array.from({ length: 2000 }, (_, i) => [
    headers(i * 2 + 1, POST),
    rstStream(i * 2 + 1, 'CANCEL'),
  ])
  bench.sendBytes(bytes(bench, frames.flat()))
  t.equal(bench.accepted.length, 100)
  for (let turn = 0; turn < 20; turn++) await nextTurn()
  t.equal(bench.transport.closing, true)
  t.equal(bench.accepted.length, 999)
  t.equal(bench.socket.paused, false, 'so that the end of the connection is seen')
})

t.test('what else comes in the meantime stays in order', async (t) => {
  const bench = new ServerBench({ ...LIMITS, maxStreams: 1000 })
  const frame = bench.coder.write(data(299, 'xyz', END_STREAM))
  bench.sendBytes(
    Buffer.concat([bytes(bench, requests(149)), bytes(bench, [headers(299, POST)]), frame.subarray(0, 10)]),
  )
  bench.sendBytes(frame.subarray(10))
  bench.send(ping())
  t.equal(bench.accepted.length, 100)
  t.strictSame(bench.takeTypes(), [])
  await nextTurn()
  t.equal(bench.accepted.length, 150)
  t.equal(bench.accepted[149]?.body, 'xyz')
  t.equal(bench.accepted[149]?.ended, true)
})

t.test('a turn that ends with a read of its own starts anew', async (t) => {
  const bench = new ServerBench({ ...LIMITS, maxStreams: 1000 })
  for (let turn = 0; turn < 5; turn++) {
    bench.sendBytes(bytes(bench, requests(100, turn * 100)))
    t.equal(bench.accepted.length, (turn + 1) * 100)
    t.equal(bench.socket.paused, false, 'nothing was left to hold')
    bench.take()
    await nextTurn()
  }
})

t.test('a connection that ends while input is held', async (t) => {
  for (const end of ['close', 'hang up', 'FIN'] as const) {
    const bench = new ServerBench(LIMITS)
    bench.sendBytes(bytes(bench, requests(150)))
    if (end === 'close') bench.connection.close(reasons.draining)
    else if (end === 'hang up') bench.hangUp()
    else bench.socket.emit('end')
    t.equal(bench.socket.paused, false)
    await nextTurn()
    t.equal(bench.accepted.length, 100)
    t.equal(bench.connection.active, 0)
  }
})
