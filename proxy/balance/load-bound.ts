import type { Endpoint, LoadCounter } from './endpoint.ts'

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2016): no endpoint takes a request that would
 * bring it above `factor` times its share, by weight, of all requests in flight, that one counted.
 *
 * The endpoints themselves keep the sum, so that asking costs the same for any number of them.
 */
export class LoadBound {
  readonly #factor: number
  readonly #counter: LoadCounter = { total: 0 }
  #members: readonly Endpoint[] = []
  #weight = 0

  /** `factor` is above 1. */
  constructor(factor: number) {
    this.#factor = factor
  }

  /** `members` are counted, `candidates` share the load. Linear in their number. */
  update(members: readonly Endpoint[], candidates: readonly Endpoint[]): void {
    if (members !== this.#members) {
      const stay = new Set(members)
      const known = new Set(this.#members)
      for (const endpoint of this.#members) if (!stay.has(endpoint)) endpoint.uncount(this.#counter)
      for (const endpoint of members) if (!known.has(endpoint)) endpoint.count(this.#counter)
      this.#members = members
    }
    this.#weight = 0
    for (const endpoint of candidates) this.#weight += endpoint.weight
  }

  /** Whether `endpoint` may take one more. */
  admits(endpoint: Endpoint): boolean {
    const share = (this.#factor * (this.#counter.total + 1) * endpoint.weight) / this.#weight
    // What is whole but for rounding must not become one more.
    return endpoint.active < Math.ceil(share - 1e-9)
  }
}
