import type { Endpoint } from '../balance/endpoint.ts'
import { type Deadline, Timer } from '../base/timer-wheel.ts'
import { balancerOf } from './affinity.ts'
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
    // It may have been ejected meanwhile.
    const other = this.#next.usable ? null : balancerOf(exchange).pick(exchange)
    tryOrAnswer(exchange, other ?? this.#next)
  }
}
