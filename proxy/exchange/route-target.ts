import { type Random, systemRandom } from '../base/random.ts'
import type { ConcurrencyLimit } from '../policy/concurrency-limit.ts'
import type { RateLimit } from '../policy/rate-limit.ts'
import type { RetryPolicy } from '../policy/retry.ts'
import type { TunnelPolicy } from '../policy/tunnels.ts'
import type { RequestStats } from '../telemetry/request-stats.ts'
import type { Cluster } from './cluster.ts'

/** One of the upstreams that a route sends to. */
export interface Destination {
  readonly cluster: Cluster
  /** Its weight and those of the ones before it, summed. */
  readonly upTo: number
  readonly stats: RequestStats
  /** The limits on concurrency of the route and of the upstream; null when there are none. */
  readonly concurrency: readonly ConcurrencyLimit[] | null
}

/** Where a route sends its requests, and how. */
export class RouteTarget {
  readonly name: string
  readonly destinations: readonly Destination[]
  /** Time from the last byte of the request to the head of the response, in milliseconds; null: no limit. */
  readonly timeout: number | null
  readonly retry: RetryPolicy | null
  /** The tunnels it opens, by `Head.tunnel`. */
  readonly tunnels: TunnelPolicy
  /** Those of the listener, then its own; null when there are none. */
  readonly rateLimits: readonly RateLimit[] | null
  readonly #total: number
  readonly #random: Random

  constructor(
    name: string,
    destinations: readonly Destination[],
    timeout: number | null,
    retry: RetryPolicy | null,
    tunnels: TunnelPolicy,
    random: Random = systemRandom,
    rateLimits: readonly RateLimit[] | null = null,
  ) {
    this.name = name
    this.destinations = destinations
    this.timeout = timeout
    this.retry = retry
    this.tunnels = tunnels
    this.rateLimits = rateLimits
    this.#total = destinations[destinations.length - 1].upTo
    this.#random = random
  }

  /** Index of the destination for the next request, drawn by weight. */
  choose(): number {
    if (this.destinations.length === 1) return 0
    const drawn = this.#random.next() * this.#total
    let i = 0
    while (drawn >= this.destinations[i].upTo) i++
    return i
  }
}
