import type { Clock } from '../../proxy/base/clock.ts'
import { TimerWheel } from '../../proxy/base/timer-wheel.ts'
import { type Event, EventQueue } from './event-queue.ts'

/** What one tick of the wheel is worth, in milliseconds. */
const TICK = 10

/** Time that jumps from event to event, for everything that asks a clock or waits on a timer wheel. */
export class VirtualTime implements Clock {
  readonly wheel: TimerWheel
  readonly #events = new EventQueue()
  #now = 0
  #ticked = 0

  constructor() {
    this.wheel = new TimerWheel(() => this.#now, TICK)
  }

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#now
  }

  /** Lets `event` happen in `ms` milliseconds. */
  in(ms: number, event: Event): void {
    this.#events.put(this.#now + ms, event)
  }

  /** Runs until nothing is left to happen; deadlines that are armed then stay so. */
  run(): void {
    while (this.#events.length > 0) {
      const time = this.#events.next
      this.#turnWheel(time)
      this.#now = time
      this.#events.take().happen(time)
    }
  }

  /** Deadlines before `time` pass one tick after the other, as they do for a proxy that is never late. */
  #turnWheel(time: number): void {
    while (this.wheel.armed > 0 && this.#ticked + TICK <= time) {
      this.#ticked += TICK
      this.#now = this.#ticked
      this.wheel.advance()
    }
    if (this.#ticked + TICK <= time) this.#ticked = Math.floor(time / TICK) * TICK
  }
}
