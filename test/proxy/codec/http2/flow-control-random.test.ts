import t from 'tap'
import { SeededRandom } from '../../../../proxy/base/random.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import type { MessageStream } from '../../../../proxy/message/stream.ts'
import { data, GET, headers, OK, POST, rstStream, settings, windowUpdate } from '../../../support/frames.ts'
import { type Accepted, ClientBench, ServerBench } from '../../../support/http2-bench.ts'
import type { Received } from '../../../support/recorded.ts'

t.test('the connection window returns to full, whatever happens to streams', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed)
    const pick = (count: number): number => Math.floor(random.next() * count)
    const start = 65535 * (1 + (seed % 3))
    const bench = new ServerBench({
      connectionWindow: start,
      maxConnectionWindow: start * (1 + (seed % 4)),
      streamWindow: 2000,
      maxStreamWindow: 8000,
    })
    bench.onRequest = ({ stream }) => {
      if (pick(5) === 0) stream.head(Head.response(200), null, true)
    }
    let next = 1
    const open: number[] = []
    // What the test as a client may still send: our windows, kept from the WINDOW_UPDATE frames.
    let window = start
    const windows = new Map<number, number>()
    const read = (): void => {
      for (const frame of bench.take()) {
        if (frame.type === 'RST_STREAM') windows.delete(frame.stream)
        if (frame.type !== 'WINDOW_UPDATE') continue
        if (frame.stream === 0) window += frame.increment
        else windows.set(frame.stream, (windows.get(frame.stream) ?? 0) + frame.increment)
      }
    }
    for (let step = 0; step < 300; step++) {
      const action = pick(10)
      const id = open[pick(open.length)]
      if (action < 2 || id === undefined) {
        bench.send(headers(next, POST))
        windows.set(next, 2000)
        open.push(next)
        next += 2
      } else if (action < 6) {
        const padding = pick(4) === 0 ? pick(50) : undefined
        const overhead = padding === undefined ? 0 : padding + 1
        const room = Math.min(window, windows.get(id) ?? 500)
        const size = pick(Math.max(1, Math.min(room - overhead, 1500)))
        if (size + overhead > room) continue
        window -= size + overhead
        windows.set(id, (windows.get(id) ?? 0) - size - overhead)
        const frame = bench.coder.write(data(id, 'x'.repeat(size), pick(8) === 0, padding))
        if ((frame[4] as number) & 1) open.splice(open.indexOf(id), 1)
        // Cut anywhere: DATA comes in pieces.
        const cut = pick(frame.length)
        bench.sendBytes(frame.subarray(0, cut))
        if (pick(4) === 0)
          bench.accepted.find(({ stream }) => idOf(stream) === id)?.stream.cancel(reasons.internalError)
        bench.sendBytes(frame.subarray(cut))
      } else if (action === 6) {
        bench.send(rstStream(id, 'CANCEL'))
        open.splice(open.indexOf(id), 1)
      } else {
        const accepted = bench.accepted[pick(bench.accepted.length)] as Accepted
        if (pick(3) === 0) accepted.stream.cancel(reasons.internalError)
        else accepted.stream.credit(pick(3000))
      }
      read()
      if (bench.transport.closing) break
    }
    t.equal(bench.transport.closing, false, `the connection is well (seed ${seed})`)
    for (const { stream } of bench.accepted) stream.cancel(reasons.internalError)
    t.equal(bench.connection.windowWithCredit, bench.connection.windowSize, `seed ${seed}`)
    t.equal(bench.connection.active, 0)
  }
})

t.test('the same in the client role', async (t) => {
  const grown = new Set<number>()
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed)
    const pick = (count: number): number => Math.floor(random.next() * count)
    const start = 65535
    const bench = new ClientBench({
      connectionWindow: start,
      maxConnectionWindow: start * (1 + (seed % 4)),
      streamWindow: 20_000,
      maxStreamWindow: 80_000,
      maxStreams: 1000,
      limits: { glitches: 10_000 },
    })
    const calls: { id: number; stream: MessageStream; response: Received }[] = []
    const open: typeof calls = []
    // What the test as a server may still send.
    let window = start
    const windows = new Map<number, number>()
    const read = (): void => {
      for (const frame of bench.take()) {
        if (frame.type === 'RST_STREAM') windows.delete(frame.stream)
        if (frame.type !== 'WINDOW_UPDATE') continue
        if (frame.stream === 0) window += frame.increment
        else windows.set(frame.stream, (windows.get(frame.stream) ?? 0) + frame.increment)
      }
    }
    for (let step = 0; step < 400; step++) {
      const action = pick(10)
      const call = open[pick(open.length)]
      if (action < 1 || call === undefined) {
        const id = calls.length * 2 + 1
        const made = { id, ...bench.request(Head.request('POST', 'http', 'a', '/'), pick(2) === 0) }
        made.response.autoCredit = pick(2) === 0
        calls.push(made)
        open.push(made)
        windows.set(id, 20_000)
        bench.send(headers(id, OK))
      } else if (action < 7) {
        const { id } = call
        const room = Math.max(0, Math.min(window, windows.get(id) ?? 500, 16_384))
        const size = pick(room + 1)
        window -= size
        windows.set(id, (windows.get(id) ?? 0) - size)
        const end = pick(20) === 0
        if (end) open.splice(open.indexOf(call), 1)
        const frame = bench.coder.write(data(id, 'x'.repeat(size), end))
        const cut = pick(frame.length)
        bench.sendBytes(frame.subarray(0, cut))
        if (pick(20) === 0) call.stream.cancel(reasons.downstreamReset)
        bench.sendBytes(frame.subarray(cut))
      } else if (action === 7 && pick(4) === 0) {
        bench.send(rstStream(call.id, 'CANCEL'))
        open.splice(open.indexOf(call), 1)
      } else {
        const any = calls[pick(calls.length)]
        if (pick(8) === 0) any?.stream.cancel(reasons.downstreamReset)
        else any?.stream.credit(pick(30_000))
      }
      read()
      if (bench.transport.closing) break
    }
    t.equal(bench.transport.closing, false, `the connection is well (seed ${seed})`)
    for (const { stream } of calls) stream.cancel(reasons.downstreamReset)
    t.equal(bench.connection.windowWithCredit, bench.connection.windowSize, `seed ${seed}`)
    t.equal(bench.connection.active, 0)
    grown.add(bench.connection.windowSize / start)
  }
  t.strictSame([...grown].sort(), [1, 2, 3, 4], 'some windows have grown')
})

function idOf(stream: unknown): number {
  return (stream as { id: number }).id
}

t.test('random bodies arrive whole under random windows', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed)
    const pick = (count: number): number => Math.floor(random.next() * count)
    const bench = new ServerBench()
    bench.send(settings({ 4: pick(3000) }))
    for (const id of [1, 3, 5]) bench.send(headers(id, GET, true))
    const all = bench.accepted
    for (const { stream } of all) stream.head(Head.response(200), null, false)
    bench.take()
    const sent = ['', '', '']
    const got: Record<number, string> = { 1: '', 3: '', 5: '' }
    const ended = new Set<number>()
    const read = (): void => {
      for (const frame of bench.take()) {
        if (frame.type !== 'DATA' && frame.type !== 'HEADERS') continue
        t.notOk(ended.has(frame.stream), 'nothing behind the end')
        if (frame.type === 'DATA') got[frame.stream] += frame.data
        if (frame.end) ended.add(frame.stream)
      }
    }
    for (let step = 0; step < 200; step++) {
      const which = pick(3)
      const action = pick(6)
      if (action < 2) {
        const chunk = Buffer.alloc(pick(5000), String.fromCharCode(97 + (step % 26)))
        const from = pick(chunk.length)
        sent[which] += chunk.toString('latin1', from)
        all[which]?.stream.data(chunk, from, chunk.length, false)
        chunk.fill('!')
      } else if (action === 2) bench.send(windowUpdate(1 + which * 2, 1 + pick(4000)))
      else if (action === 3) bench.send(windowUpdate(0, 1 + pick(4000)))
      else if (action === 4) bench.send(settings({ 4: pick(6000) }))
      else if (pick(2) === 0) bench.stall()
      else bench.unstall()
      read()
    }
    for (const { stream } of all) {
      if (pick(2) === 0) stream.trailers(Fields.of({ a: 'b' }))
      else stream.data(Buffer.alloc(0), 0, 0, true)
    }
    bench.unstall()
    bench.send(windowUpdate(0, 10_000_000))
    for (const id of [1, 3, 5]) if (!ended.has(id)) bench.send(windowUpdate(id, 10_000_000))
    read()
    t.strictSame([got[1], got[3], got[5]], sent, `seed ${seed}`)
    t.equal(ended.size, 3)
    t.strictSame(
      all.map(({ credited }) => credited),
      sent.map((text) => text.length),
    )
    t.equal(bench.connection.active, 0)
  }
})
