/** What `spend` says: all is well. */
export const FORGIVEN = 0
/** Three quarters are used up; said once. */
export const NEARLY_USED_UP = 1
export const USED_UP = 2

/** Share of the budget whose use makes us part with the peer in peace, before it gets to the end. */
const PARTING = 0.75

/** How much of a peer's misbehaviour is forgiven: a token bucket per connection, in units of glitches.ts. */
export class FloodBudget {
  readonly #size: number
  readonly #refill: number
  #left: number
  #at = 0
  #warned = false

  /** `refill` is per second. */
  constructor(size: number, refill: number) {
    this.#size = size
    this.#refill = refill
    this.#left = size
  }

  /** Takes `cost` at monotonic time `now` (milliseconds). */
  spend(cost: number, now: number): number {
    if (this.#at !== 0)
      this.#left = Math.min(this.#size, this.#left + ((now - this.#at) / 1000) * this.#refill)
    this.#at = now
    this.#left -= cost
    if (this.#left <= 0) return USED_UP
    if (this.#warned || this.#left > this.#size * (1 - PARTING)) return FORGIVEN
    this.#warned = true
    return NEARLY_USED_UP
  }
}
