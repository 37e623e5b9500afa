/** A source of random numbers that tests can seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
}

/** xorshift128+ (Vigna 2014) on 32-bit halves would be overkill here: xorshift32 suffices to choose endpoints and jitter. */
export class SeededRandom implements Random {
  #state: number

  /** `seed` is any integer but 0 (0 is taken as 1). */
  constructor(seed: number) {
    this.#state = seed | 0 || 1
  }

  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return (x >>> 0) / 0x1_0000_0000
  }
}

export const systemRandom: Random = { next: Math.random }
