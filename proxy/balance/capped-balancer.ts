import { type Balancer, UNTRIED_DRAWS } from './balancer.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'

/** A choice that passes over further endpoints. */
class Narrowed implements Choice {
  readonly tried: readonly Endpoint[]
  readonly hash: number

  constructor(choice: Choice, full: Endpoint) {
    this.tried = [...choice.tried, full]
    this.hash = choice.hash
  }
}

/**
 * Passes over endpoints that have as many requests in flight as they may. Looks at nine at most, so that refusing costs
 * the same for 10,000 endpoints as for ten: of few endpoints all, of many those that the policy prefers.
 */
export class CappedBalancer implements Balancer {
  /** The last pick found endpoints, but all that it looked at were full. */
  full: boolean
  /** Requests in flight at one endpoint; at least 1. */
  readonly limit: number
  readonly #inner: Balancer

  constructor(inner: Balancer, limit: number) {
    this.full = false
    this.#inner = inner
    this.limit = limit
  }

  pick(choice: Choice): Endpoint | null {
    this.full = false
    let endpoint = this.#inner.pick(choice)
    if (endpoint === null || endpoint.active < this.limit) return endpoint
    for (let draws = 0; draws < UNTRIED_DRAWS && endpoint !== null; draws++) {
      choice = new Narrowed(choice, endpoint)
      endpoint = this.#inner.pick(choice)
      if (endpoint !== null && endpoint.active < this.limit) return endpoint
    }
    this.full = true
    return null
  }
}
