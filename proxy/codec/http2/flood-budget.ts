/** The budget's size, in glitches. */
const SIZE = 1000
/** Glitches that are forgiven per second. */
const REFILL = 33

/**
 * What a peer may do that is legal or harmless once and an attack when it does nothing else: resets, stream errors, empty
 * frames. Each costs; the budget refills with time (a token bucket).
 */
export class FloodBudget {
  #left = SIZE
  #at = 0

  /** Takes `cost` at monotonic time `now` (milliseconds); false when the budget is used up. */
  spend(cost: number, now: number): boolean {
    if (this.#at !== 0) this.#left = Math.min(SIZE, this.#left + ((now - this.#at) / 1000) * REFILL)
    this.#at = now
    this.#left -= cost
    return this.#left > 0
  }
}
