import t from 'tap'
import { SeededRandom } from '../../../../proxy/base/random.ts'
import { CONNECTION_WINDOW, MAX_CONNECTION_WINDOW } from '../../../../proxy/codec/http2/options.ts'
import { data, headers, POST } from '../../../support/frames.ts'
import { ServerBench } from '../../../support/http2-bench.ts'

const FULL = 'x'.repeat(16_384)

/** What the bench's client may send on the connection, kept from the WINDOW_UPDATE frames it gets. */
class Sender {
  readonly bench: ServerBench
  window: number
  readonly streams = new Map<number, number>()

  constructor(bench: ServerBench, window: number) {
    this.bench = bench
    this.window = window
  }

  open(id: number): void {
    this.bench.send(headers(id, POST))
    this.streams.set(id, 65_536)
  }

  read(): void {
    for (const frame of this.bench.take()) {
      if (frame.type !== 'WINDOW_UPDATE') continue
      if (frame.stream === 0) this.window += frame.increment
      else this.streams.set(frame.stream, (this.streams.get(frame.stream) ?? 0) + frame.increment)
    }
  }

  /** Sends up to `bytes` on stream `id`, as the windows allow; returns how many. */
  send(id: number, bytes: number): number {
    let sent = 0
    while (sent < bytes) {
      const size = Math.min(FULL.length, bytes - sent, this.window, this.streams.get(id) ?? 0)
      if (size <= 0) break
      this.window -= size
      this.streams.set(id, (this.streams.get(id) ?? 0) - size)
      this.bench.send(data(id, FULL.slice(0, size)))
      sent += size
      this.read()
    }
    return sent
  }
}

t.test('the connection window grows with what is passed on promptly, up to its limit', async (t) => {
  const bench = new ServerBench()
  const sender = new Sender(bench, CONNECTION_WINDOW)
  bench.onRequest = (accepted) => {
    accepted.autoCredit = true
  }
  sender.open(1)
  const sizes = new Set([bench.connection.windowSize])
  for (let i = 0; i < 100; i++) {
    sender.send(1, 100_000)
    sizes.add(bench.connection.windowSize)
  }
  t.strictSame([...sizes], [CONNECTION_WINDOW, 2 * CONNECTION_WINDOW, MAX_CONNECTION_WINDOW])
  t.equal(bench.connection.windowWithCredit, MAX_CONNECTION_WINDOW)
  t.ok(sender.window >= MAX_CONNECTION_WINDOW / 2)
})

t.test('small use does not make it grow', async (t) => {
  const bench = new ServerBench()
  const sender = new Sender(bench, CONNECTION_WINDOW)
  bench.onRequest = (accepted) => {
    accepted.autoCredit = true
  }
  for (let id = 1; id < 40; id += 2) {
    sender.open(id)
    sender.send(id, 20_000)
  }
  t.equal(bench.connection.windowSize, CONNECTION_WINDOW)
})

t.test('three streams that stall with all their windows hold do not stop a fourth', async (t) => {
  const bench = new ServerBench()
  const sender = new Sender(bench, CONNECTION_WINDOW)
  for (const id of [1, 3, 5]) {
    sender.open(id)
    const accepted = bench.accepted.at(-1)
    if (accepted === undefined) continue
    // Its window grows to the full, then its receiver stops.
    accepted.autoCredit = true
    sender.send(id, 8 * 1024 * 1024)
    accepted.autoCredit = false
    accepted.body = ''
  }
  for (const id of [1, 3, 5])
    t.equal(sender.send(id, 2 * 1024 * 1024) >= 512 * 1024, true, `${id} holds much`)
  sender.open(7)
  const fourth = bench.accepted[3]
  if (fourth !== undefined) fourth.autoCredit = true
  t.equal(sender.send(7, 10 * 1024 * 1024), 10 * 1024 * 1024)
})

t.test('one stalled stream at the size we start with: the window gives way', async (t) => {
  const bench = new ServerBench({
    streamWindow: 65_536,
    maxStreamWindow: 1024 * 1024,
    maxConnectionWindow: 4 * 1024 * 1024,
  })
  const sender = new Sender(bench, CONNECTION_WINDOW)
  // Sixteen streams of 64 KiB each that nobody reads would fill it.
  for (let id = 1; id < 33; id += 2) {
    sender.open(id)
    t.equal(sender.send(id, 65_536), 65_536)
  }
  t.equal(bench.connection.windowSize > CONNECTION_WINDOW, true)
  sender.open(33)
  t.equal(sender.send(33, 65_536), 65_536)
})

t.test('it never allows more than its limit, against a naive count', async (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new SeededRandom(seed)
    const pick = (count: number): number => Math.floor(random.next() * count)
    const most = 65_536 * (2 + pick(6))
    const bench = new ServerBench({ connectionWindow: 65_536, maxConnectionWindow: most })
    const sender = new Sender(bench, 65_536)
    // Received and not passed on, by stream.
    const held = [0, 0, 0]
    for (const id of [1, 3, 5]) sender.open(id)
    for (let step = 0; step < 300; step++) {
      const which = pick(3)
      if (pick(2) === 0) held[which] += sender.send(which * 2 + 1, pick(60_000))
      else {
        const bytes = Math.min(held[which] as number, pick(80_000))
        held[which] -= bytes
        bench.accepted[which]?.stream.credit(bytes)
        sender.read()
      }
      const sum = held.reduce((all, bytes) => all + bytes, 0)
      const size = bench.connection.windowSize
      if (sum > size || size > most || bench.connection.windowWithCredit !== size - sum)
        t.fail(`seed ${seed}, step ${step}: ${sum} of ${size} held, at most ${most}`)
      if (sender.window > size - sum)
        t.fail(`seed ${seed}, step ${step}: the client may send ${sender.window}`)
    }
    for (const [i, { stream }] of bench.accepted.entries()) stream.credit(held[i] as number)
    t.equal(bench.connection.windowWithCredit, bench.connection.windowSize, `seed ${seed}: full again`)
    t.equal(bench.transport.closing, false)
  }
})
