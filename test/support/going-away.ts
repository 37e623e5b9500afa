import { SeededRandom } from '../../proxy/base/random.ts'
import { END_STREAM, goaway, headers, OK, ping } from './frames.ts'
import { type RawPeer, RawServer } from './raw-peers.ts'

/** Streams after which the server goes away. */
export const EVERY = 100
const LARGEST = 2 ** 31 - 1

export type Manner = 'one step' | 'two steps' | 'one step, and closes behind the last answer'

/** A server that goes away every hundred streams, and knows which requests it has processed how often. */
export class GoingAway {
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
