import type { HedgeConfig } from '../../config/types/route.ts'
import type { Head } from '../message/head.ts'
import { LatencyQuantile } from './latency-quantile.ts'
import { isIdempotent } from './retry.ts'

/** No second attempt sooner, in milliseconds: a tick of the timer wheel. Faster upstreams have nothing to gain. */
const LEAST_MS = 10

/** When a route asks a second endpoint although the first may still answer ("The Tail at Scale", Dean and Barroso 2013). */
export class HedgePolicy {
  /** Attempts under way at a time, at most. */
  readonly attempts: number
  readonly #after: number
  readonly #grpc: boolean
  /** Null where the delay is fixed. */
  readonly #observed: LatencyQuantile | null

  constructor(config: HedgeConfig) {
    this.attempts = config.attempts
    this.#grpc = config.grpc
    this.#after = config.after ?? 0
    this.#observed = config.after === null ? new LatencyQuantile(0.95) : null
  }

  /** Milliseconds after which another attempt is made; -1 while too little is known of how long responses take. */
  get delay(): number {
    if (this.#observed === null) return this.#after
    const { value } = this.#observed
    return value < 0 ? -1 : Math.max(LEAST_MS, value)
  }

  /** Whether two endpoints may process such a request. */
  allows(request: Head): boolean {
    if (request.tunnel !== '') return false
    return request.grpc ? this.#grpc : isIdempotent(request)
  }

  /** A response took this long, or was not waited for any longer; in milliseconds. */
  observe(ms: number): void {
    if (this.#observed !== null) this.#observed.observe(ms)
  }
}
