import { type Random, systemRandom } from '../base/random.ts'
import type { RetryPolicy } from '../policy/retry.ts'
import type { TunnelPolicy } from '../policy/tunnels.ts'
import type { RequestStats } from '../telemetry/request-stats.ts'
import type { Affinity } from './affinity.ts'
import type { Cluster } from './cluster.ts'

/** One of the upstreams that a route sends to. */
export interface Destination {
  readonly cluster: Cluster
  /** Its weight and those of the ones before it, summed. */
  readonly upTo: number
  readonly stats: RequestStats
  /** Null: all of the upstream's endpoints are as good, and its own balancer chooses. */
  readonly affinity: Affinity | null
}

/** A destination as given; without `affinity` there is none. */
export type DestinationOptions = Omit<Destination, 'affinity'> & { readonly affinity?: Affinity | null }

/** Where a route sends its requests, and how. */
export class RouteTarget {
  readonly name: string
  readonly destinations: readonly Destination[]
  /** Time from the last byte of the request to the head of the response, in milliseconds; null: no limit. */
  readonly timeout: number | null
  readonly retry: RetryPolicy | null
  /** The tunnels it opens, by `Head.tunnel`. */
  readonly tunnels: TunnelPolicy
  /** Whether a session goes on at its destination, whatever the weights. */
  readonly sticky: boolean
  readonly #total: number
  readonly #random: Random

  constructor(
    name: string,
    destinations: readonly DestinationOptions[],
    timeout: number | null,
    retry: RetryPolicy | null,
    tunnels: TunnelPolicy,
    random: Random = systemRandom,
    sticky = false,
  ) {
    this.name = name
    this.destinations = destinations.map(({ cluster, upTo, stats, affinity = null }) => ({
      cluster,
      upTo,
      stats,
      affinity,
    }))
    this.sticky = sticky
    this.timeout = timeout
    this.retry = retry
    this.tunnels = tunnels
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
