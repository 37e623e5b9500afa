import { type Deadline, Timer, type TimerWheel } from './timer-wheel.ts'

/** Between two looks at the clock, in milliseconds. */
const BEAT = 100
/** A timer of the wheel is this late at most without any stall, in milliseconds. */
const SLACK = 30
/** Stalls that are remembered. */
const REMEMBERED = 16

/**
 * Knows when this process stood still lately: a garbage collection, SIGSTOP, a busy machine. What took too long
 * meanwhile is not the fault of those who were waited for.
 */
export class StallWatch implements Deadline {
  readonly #now: () => number
  readonly #wheel: TimerWheel
  readonly #timer: Timer
  // A ring: when each stall was over, and how long it was, in milliseconds.
  readonly #ends = new Float64Array(REMEMBERED)
  readonly #lengths = new Float64Array(REMEMBERED)
  #at = 0
  #due = 0

  /** `now` gives monotonic milliseconds; `wheel` runs on the same time. */
  constructor(now: () => number, wheel: TimerWheel) {
    this.#now = now
    this.#wheel = wheel
    this.#timer = new Timer(this, 0)
  }

  start(): void {
    this.#beat(this.#now())
  }

  stop(): void {
    this.#wheel.disarm(this.#timer)
    this.#due = 0
  }

  expired(): void {
    const now = this.#now()
    const late = now - this.#due - SLACK
    if (late > 0) {
      this.#ends[this.#at] = now
      this.#lengths[this.#at] = late
      this.#at = (this.#at + 1) % REMEMBERED
    }
    this.#beat(now)
  }

  /** Whether a quarter or more of the time since `since` (monotonic milliseconds) was lost to stalls. */
  excuses(since: number): boolean {
    const now = this.#now()
    // The beat that tells of a stall may come after what the stall has made late.
    let lost = this.#due === 0 ? 0 : Math.max(0, now - this.#due - SLACK)
    for (let i = 0; i < REMEMBERED; i++)
      if ((this.#ends[i] as number) > since) lost += this.#lengths[i] as number
    return lost > 0 && 4 * lost >= now - since
  }

  #beat(now: number): void {
    this.#due = now + BEAT
    this.#wheel.arm(this.#timer, BEAT)
  }
}
