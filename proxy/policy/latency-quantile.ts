/** Buckets for each doubling: what comes out is at most a twelfth too high. */
const PER_DOUBLING = 8
/** The first bucket ends here, in milliseconds. */
const LEAST_MS = 0.1
/** Up to a hundred seconds and more. */
const BUCKETS = 21 * PER_DOUBLING
/** Nothing is said after fewer observations. */
const ENOUGH = 100
/** At so many the past counts half. */
const FULL = 2000
/** Observations between two looks. */
const EVERY = 20

/**
 * An upper quantile of recent durations, out of buckets whose bounds grow by a constant factor (as in HDR Histogram and
 * DDSketch). Observing costs a logarithm and allocates nothing; the value is worked out anew every 20 observations.
 */
export class LatencyQuantile {
  readonly #share: number
  readonly #counts = new Float64Array(BUCKETS)
  #total = 0
  #seen = 0
  #value = -1

  /** `share` between 0 and 1, such as 0.95. */
  constructor(share: number) {
    this.#share = share
  }

  /** Milliseconds that this share of the recent durations did not exceed; -1 while too few are known. */
  get value(): number {
    return this.#value
  }

  /** One duration, in milliseconds. */
  observe(ms: number): void {
    const bucket = ms > LEAST_MS ? Math.ceil(Math.log2(ms / LEAST_MS) * PER_DOUBLING) : 0
    const at = Math.min(bucket, BUCKETS - 1)
    this.#counts[at] = (this.#counts[at] as number) + 1
    this.#total += 1
    this.#seen += 1
    if (this.#total >= FULL) this.#halve()
    if (this.#seen % EVERY === 0 && this.#seen >= ENOUGH) this.#value = this.#find()
  }

  #halve(): void {
    for (let i = 0; i < BUCKETS; i++) this.#counts[i] = (this.#counts[i] as number) / 2
    this.#total /= 2
  }

  #find(): number {
    let left = this.#total * (1 - this.#share)
    let at = BUCKETS - 1
    for (; at > 0; at--) {
      left -= this.#counts[at] as number
      if (left < 0) break
    }
    return LEAST_MS * 2 ** (at / PER_DOUBLING)
  }
}
