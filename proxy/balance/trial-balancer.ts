import type { Balancer } from './balancer.ts'
import type { Breaker } from './breaker.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import type { Labels } from './labels.ts'

/** Endpoints on offer that are looked at when nothing else is left. */
const LAST_LOOKS = 8

/**
 * Gives first attempts the endpoints that the breaker has on offer, others by the policy. A request that has failed
 * once is made a trial only when nothing else is left. Without offers it costs one comparison.
 */
export class TrialBalancer implements Balancer {
  readonly #inner: Balancer
  readonly #breaker: Breaker
  readonly #labels: Labels | null

  /** `labels`: only endpoints that have all of these are offered, as those of `inner` do; null: any. */
  constructor(inner: Balancer, breaker: Breaker, labels: Labels | null = null) {
    this.#inner = inner
    this.#breaker = breaker
    this.#labels = labels
  }

  pick(choice: Choice): Endpoint | null {
    if (!this.#breaker.offers) return this.#inner.pick(choice)
    const first = choice.tried.length === 0 ? this.#breaker.offered(1, this.#labels) : null
    if (first !== null) return first
    const picked = this.#inner.pick(choice)
    if (picked !== null) return picked
    const last = this.#breaker.offered(LAST_LOOKS, this.#labels)
    return last === null || choice.tried.includes(last) ? null : last
  }
}
