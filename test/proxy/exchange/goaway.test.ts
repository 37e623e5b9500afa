import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { Head } from '../../../proxy/message/head.ts'
import { END_STREAM, goaway, headers, OK, ping } from '../../support/frames.ts'
import { type RawPeer, RawServer } from '../../support/raw-peers.ts'
import { PoolBench } from '../upstream/pool-bench.ts'
import { ExchangeBench, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

t.setTimeout(240_000)

const REQUESTS = 10_000
/** In flight at a time. */
const WINDOW = 250
/** Streams after which the server goes away. */
const EVERY = 100
const LARGEST = 2 ** 31 - 1

type Manner = 'one step' | 'two steps' | 'one step, and closes behind the last answer'

/** A server that goes away every hundred streams, and knows which requests it has processed how often. */
class GoingAway {
  readonly server = new RawServer()
  readonly processed = new Map<string, number>()
  connections = 0
  readonly #manner: Manner
  readonly #random = new SeededRandom(7)

  constructor(manner: Manner) {
    this.#manner = manner
  }

  async serve(): Promise<void> {
    for (;;) {
      const peer = await this.server.accept()
      this.connections += 1
      void this.#connection(peer)
    }
  }

  async #connection(peer: RawPeer): Promise<void> {
    const waiting: number[] = []
    let seen = 0
    let last = LARGEST
    let highest = 0
    for (let frame = await peer.next(); frame !== null; frame = await peer.next()) {
      if (frame.type === 'PING_ACK') {
        // The other side knows: what it has opened until now is processed, and no more.
        last = highest
        peer.send(goaway(last, 'NO_ERROR'))
      }
      if (frame.type !== 'HEADERS') continue
      if (frame.stream > last) continue
      const path = frame.fields.find(([name]) => name === ':path')?.[1] ?? ''
      this.processed.set(path, (this.processed.get(path) ?? 0) + 1)
      highest = frame.stream
      waiting.push(frame.stream)
      seen += 1
      if (seen === EVERY) last = this.#goAway(peer, frame.stream)
      // Answers come a turn later and in any order, so that there are always some under way.
      if (waiting.length === 1) setImmediate(() => this.#answer(peer, waiting, seen >= EVERY))
    }
  }

  #answer(peer: RawPeer, waiting: number[], gone: boolean): void {
    while (waiting.length > 0) {
      const [id = 0] = waiting.splice(Math.floor(this.#random.next() * waiting.length), 1)
      peer.send(headers(id, OK, END_STREAM))
    }
    if (gone && this.#manner.endsWith('last answer')) peer.socket.end()
  }

  /** Returns the last stream that is processed. */
  #goAway(peer: RawPeer, id: number): number {
    if (this.#manner === 'two steps') {
      peer.send(goaway(LARGEST, 'NO_ERROR'), ping())
      return LARGEST
    }
    peer.send(goaway(id, 'NO_ERROR'))
    return id
  }
}

for (const manner of ['one step', 'two steps', 'one step, and closes behind the last answer'] as const) {
  t.test(`10,000 requests, a GOAWAY every 100 streams: ${manner}`, { timeout: 60_000 }, async (t) => {
    const upstream = new GoingAway(manner)
    const port = await upstream.server.listen()
    void upstream.serve()
    const pool = new PoolBench({ port, pending: 1000 }).pool
    t.teardown(() => {
      pool.drain()
      upstream.server.close()
    })
    const bench = new ExchangeBench({ endpoints: 1, pool })
    const open = new Set<FakeStream>()
    const statuses: Record<number, number> = {}
    for (let sent = 0, answered = 0; answered < REQUESTS; ) {
      // Not idempotent: nothing but the certainty that it was not processed allows another try.
      for (; sent < REQUESTS && open.size < WINDOW; sent++)
        open.add(bench.request(Head.request('POST', 'http', 'a.test', `/${sent}`)))
      await new Promise((resolve) => setImmediate(resolve))
      for (const stream of open) {
        if (!stream.ended && stream.cancels.length === 0) continue
        const status = stream.heads.at(-1)?.status ?? 0
        statuses[status] = (statuses[status] ?? 0) + 1
        open.delete(stream)
        answered += 1
      }
    }
    t.strictSame(statuses, { 200: REQUESTS }, 'no request failed')
    t.equal(upstream.processed.size, REQUESTS)
    t.strictSame(
      [...upstream.processed].filter(([, times]) => times !== 1),
      [],
      'none was processed twice',
    )
    t.ok(upstream.connections >= REQUESTS / (EVERY + WINDOW), `${upstream.connections} connections`)
    const { retries } = bench.cluster.stats
    t.equal(retries > 0, manner !== 'two steps', `${retries} were sent again`)
    t.strictSame(bench.held, NOTHING_HELD)
  })
}
