import type { Clock } from '../../../proxy/base/clock.ts'
import { TimerWheel } from '../../../proxy/base/timer-wheel.ts'

/** A clock that stands until it is moved, and a timer wheel that runs on it. */
export class VirtualTime implements Clock {
  readonly wheel: TimerWheel
  #now = 1000

  constructor() {
    this.wheel = new TimerWheel(() => this.#now)
  }

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#now
  }

  /** Lets time pass, with every timer on time. */
  pass(ms: number): void {
    const end = this.#now + ms
    while (this.#now < end) {
      this.#now = Math.min(end, this.#now + 10)
      this.wheel.advance()
    }
  }

  /** Lets time pass as when the event loop stands still: timers fire together, at the end. */
  stall(ms: number): void {
    this.#now += ms
    this.wheel.advance()
  }

  /** Lets time pass without any timer having a chance to fire. */
  skip(ms: number): void {
    this.#now += ms
  }
}
