/** Seconds that count, and slots that they are kept in. */
const WINDOW = 10
/** Retries a second that are allowed whatever was requested, so that a quiet upstream can be retried at all. */
const LEAST_PER_SECOND = 3

/**
 * Bounds what retries add to the load of an upstream that fails: in any ten seconds, no more of them than a share of the
 * requests that began in that time, and 30. Counted in numbers, not in flight at a time as in Envoy: where failures are
 * fast, few are in flight and a share of those bounds nothing. Finagle's `RetryBudget` (10 s, 20 %, 10 a second) and
 * Linkerd's are the models; the floor is lower, since a sidecar has many like it beside it.
 */
export class RetryBudget {
  readonly #share: number
  readonly #requests = new Float64Array(WINDOW)
  readonly #retries = new Float64Array(WINDOW)
  #requested = 0
  #retried = 0
  #second = 0

  /** `share` from 0 to 1. */
  constructor(share: number) {
    this.#share = share
  }

  /** A request has begun; `now` in monotonic milliseconds. */
  deposit(now: number): void {
    const slot = this.#turnTo(now)
    this.#requests[slot] = (this.#requests[slot] as number) + 1
    this.#requested += 1
  }

  /** Takes one retry out; false when none is left. */
  withdraw(now: number): boolean {
    const slot = this.#turnTo(now)
    if (this.#retried >= this.#requested * this.#share + LEAST_PER_SECOND * WINDOW) return false
    this.#retries[slot] = (this.#retries[slot] as number) + 1
    this.#retried += 1
    return true
  }

  /** Forgets what is ten seconds old; returns the slot of `now`. */
  #turnTo(now: number): number {
    const second = Math.floor(now / 1000)
    if (second > this.#second) {
      const from = Math.max(this.#second + 1, second - WINDOW + 1)
      for (let at = from; at <= second; at++) this.#clear(at % WINDOW)
      this.#second = second
    }
    return this.#second % WINDOW
  }

  #clear(slot: number): void {
    this.#requested -= this.#requests[slot] as number
    this.#retried -= this.#retries[slot] as number
    this.#requests[slot] = 0
    this.#retries[slot] = 0
  }
}
