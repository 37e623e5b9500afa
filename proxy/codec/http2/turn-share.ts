import { atTurnEnd, currentTurn, type TurnEnd } from '../../base/turn.ts'
import type { Transport } from '../transport.ts'

/**
 * How many streams a client may begin in one turn of the event loop. What it sent beyond them is held, and the socket
 * not read, until the other connections have had their turn: so that one read of thousands of tiny requests is no stall
 * for everybody else. Costs one copy of the rest of a read.
 */
export class TurnShare implements TurnEnd {
  readonly #transport: Transport
  readonly #limit: number
  #turn = -1
  #begun = 0
  #held: Buffer | null = null
  // What `turnEnd` is handing on: a buffer of our own, which needs no further copy to be held again.
  #own: Buffer | null = null

  constructor(transport: Transport, limit: number) {
    this.#transport = transport
    this.#limit = limit
  }

  /** A stream begins: true when it was the last one of this turn. */
  begin(): boolean {
    const turn = currentTurn()
    if (turn !== this.#turn) {
      this.#turn = turn
      this.#begun = 0
    }
    this.#begun += 1
    // Also so that the turn is seen to end, in case nobody else gathers work in it.
    if (this.#begun === this.#limit) atTurnEnd(this)
    return this.#begun >= this.#limit
  }

  /** True while input is held: what comes belongs behind it. */
  get holding(): boolean {
    return this.#held !== null
  }

  /** Keeps `chunk` from `from` on until the turn, whose last stream has begun, is over; behind what is held already. */
  hold(chunk: Buffer, from: number): void {
    const rest = chunk.subarray(from)
    if (this.#held !== null) {
      this.#held = Buffer.concat([this.#held, rest])
      return
    }
    this.#held = chunk === this.#own ? rest : Buffer.from(rest)
    this.#transport.pause()
  }

  turnEnd(): void {
    const held = this.#held
    if (held === null) return
    this.#held = null
    this.#own = held
    this.#transport.received(held)
    this.#own = null
    if (this.#held === null) this.#transport.resume()
  }

  /** Nothing more will be read: drops what is held, so that the peer's end can still be seen. */
  stop(): void {
    if (this.#held === null) return
    this.#held = null
    this.#transport.resume()
  }
}
