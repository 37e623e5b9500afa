import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'

/** A wait is made of this many steps. */
const STEPS = 8

/**
 * A deadline for what others do, which a stall of this process does not shorten: it is waited for in steps, each armed
 * when the one before has fired, so that a stall stretches the step it falls into and the others still follow.
 */
export class SteppedTimer implements Deadline {
  readonly #owner: Deadline
  readonly #kind: number
  readonly #wheel: TimerWheel
  readonly #timer: Timer
  #step = 0
  #left = 0

  /** Calls `owner.expired(kind)`. */
  constructor(owner: Deadline, kind: number, wheel: TimerWheel) {
    this.#owner = owner
    this.#kind = kind
    this.#wheel = wheel
    this.#timer = new Timer(this, 0)
  }

  arm(ms: number): void {
    this.#step = ms / STEPS
    this.#left = STEPS
    this.#wheel.arm(this.#timer, this.#step)
  }

  disarm(): void {
    this.#wheel.disarm(this.#timer)
  }

  expired(): void {
    this.#left -= 1
    if (this.#left > 0) this.#wheel.arm(this.#timer, this.#step)
    else this.#owner.expired(this.#kind)
  }
}
