import type { Endpoint } from '../balance/endpoint.ts'
import { type Deadline, Timer } from '../base/timer-wheel.ts'
import { balancerOf } from './affinity.ts'
import type { Cluster } from './cluster.ts'
import type { Exchange } from './exchange.ts'
import { tryOrAnswer } from './next-attempt.ts'

/** Before the next try of an exchange, which has none meanwhile: the caller's body gathers, uncredited. */
export class Pause implements Deadline {
  readonly #exchange: Exchange
  readonly #next: Endpoint
  readonly #timer: Timer

  /** Goes on at `next` in `ms` milliseconds. */
  constructor(exchange: Exchange, next: Endpoint, ms: number) {
    this.#exchange = exchange
    this.#next = next
    this.#timer = new Timer(this, 0)
    exchange.context.timers.arm(this.#timer, ms)
  }

  /** The exchange is over. */
  end(): void {
    this.#exchange.context.timers.disarm(this.#timer)
  }

  expired(): void {
    const exchange = this.#exchange
    exchange.pause = null
    tryOrAnswer(exchange, this.#endpoint())
  }

  /** Null when there is none any more. */
  #endpoint(): Endpoint | null {
    const next = this.#next
    const { cap } = this.#exchange.cluster as Cluster
    const hasRoom = cap === null || next.active < cap.limit
    if (next.usable && hasRoom) return next
    const other = balancerOf(this.#exchange).pick(this.#exchange)
    if (other !== null) return other
    // One that was ejected meanwhile is better than none. One that is gone has no connections, its place may be another's;
    // to one that is shut go trials only, and this would be none.
    return hasRoom && !next.removed && !next.shut ? next : null
  }
}
