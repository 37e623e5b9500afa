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

/** How much a single endpoint of an upstream may have to do. Shared by the balancers over its subsets. */
export class EndpointCap {
  /** Requests in flight at one endpoint; at least 1. */
  readonly limit: number
  /** The last pick found endpoints, but all that it looked at were full. */
  full = false

  constructor(limit: number) {
    this.limit = limit
  }
}

/**
 * Passes over endpoints that have as many requests in flight as they may. Looks at nine at most, so that refusing costs
 * the same for 10,000 endpoints as for ten: of few endpoints all, of many those that the policy prefers.
 */
export class CappedBalancer implements Balancer {
  readonly #inner: Balancer
  readonly #cap: EndpointCap

  constructor(inner: Balancer, cap: EndpointCap) {
    this.#inner = inner
    this.#cap = cap
  }

  pick(choice: Choice): Endpoint | null {
    const { limit } = this.#cap
    this.#cap.full = false
    let endpoint = this.#inner.pick(choice)
    if (endpoint === null || endpoint.active < limit) return endpoint
    for (let draws = 0; draws < UNTRIED_DRAWS && endpoint !== null; draws++) {
      choice = new Narrowed(choice, endpoint)
      endpoint = this.#inner.pick(choice)
      if (endpoint !== null && endpoint.active < limit) return endpoint
    }
    this.#cap.full = true
    return null
  }
}
