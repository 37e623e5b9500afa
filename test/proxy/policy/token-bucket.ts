/** A token bucket as it is usually described, in whole numbers: what a rate limit has to agree with. */
export class TokenBucket {
  readonly #requests: number
  readonly #per: number
  readonly #burst: number
  /** In units of which a request takes `per`, and each millisecond brings `requests`. */
  #tokens: number
  #at = 0

  /** `requests` in each `per` milliseconds, at most `burst` at once; full at the beginning. */
  constructor(requests: number, per: number, burst: number) {
    this.#requests = requests
    this.#per = per
    this.#burst = burst
    this.#tokens = burst * per
  }

  /** Whether a request may pass at `now`, a whole millisecond; then it has. */
  take(now: number): boolean {
    const brought = (now - this.#at) * this.#requests
    this.#tokens = Math.min(this.#burst * this.#per, this.#tokens + brought)
    this.#at = now
    if (this.#tokens < this.#per) return false
    this.#tokens -= this.#per
    return true
  }
}
