import type { Clock } from '../../proxy/base/clock.ts'
import { TimerWheel } from '../../proxy/base/timer-wheel.ts'

/** Time that stands still until a test moves it, and a wheel that turns with it. */
export class VirtualClock implements Clock {
  #ms = 1_000_000
  readonly timers = new TimerWheel(() => this.#ms)

  now(): number {
    return this.#ms
  }

  wall(): number {
    return 1_700_000_000_000 + this.#ms
  }

  /** Moves on by `ms` milliseconds in one step, then fires what is due: a stall when it is long. */
  jump(ms: number): void {
    this.#ms += ms
    this.timers.advance()
  }

  /** Moves on by `ms` milliseconds without any deadline having had a chance to fire. */
  stall(ms: number): void {
    this.#ms += ms
  }

  /** Moves on by `ms` milliseconds in steps of 10. */
  advance(ms: number): void {
    for (let left = ms; left > 0; left -= 10) this.jump(Math.min(10, left))
  }
}
