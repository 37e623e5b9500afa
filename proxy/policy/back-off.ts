import { type Random, systemRandom } from '../base/random.ts'

export interface BackOffOptions {
  /** Milliseconds, above 0. */
  readonly base: number
  /** Milliseconds, at least `base`. */
  readonly max: number
}

/** Envoy's defaults: 25 ms, and ten times that. */
export const DEFAULT_BACK_OFF: BackOffOptions = { base: 25, max: 250 }

/**
 * How long to wait before a further try: exponential, with full jitter, so that callers that failed together do not come
 * back together ("Exponential Backoff And Jitter", Brooker 2015; the formula is Envoy's).
 */
export class BackOff {
  readonly #options: BackOffOptions
  readonly #random: Random

  constructor(options: BackOffOptions = DEFAULT_BACK_OFF, random: Random = systemRandom) {
    this.#options = options
    this.#random = random
  }

  /** Milliseconds before the `n`-th retry, from 1 on: uniform in [0, (2^n - 1) times `base`), that bound at most `max`. */
  delay(n: number): number {
    const { base, max } = this.#options
    return this.#random.next() * Math.min(max, (2 ** n - 1) * base)
  }
}
