import { type Random, systemRandom } from '../base/random.ts'
import type { ConcurrencyLimit } from '../policy/concurrency-limit.ts'
import type { HedgePolicy } from '../policy/hedge.ts'
import type { RateLimit } from '../policy/rate-limit.ts'
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
  /** The limits on concurrency of the route and of the upstream; null when there are none. */
  readonly concurrency: readonly ConcurrencyLimit[] | null
}

/** A destination as given: what is left out is null. */
export type DestinationOptions = Pick<Destination, 'cluster' | 'upTo' | 'stats'> & Partial<Destination>

/** A route as given: what is left out is null, false or nothing. */
export interface RouteOptions {
  readonly name: string
  /** At least one. */
  readonly destinations: readonly DestinationOptions[]
  readonly tunnels: TunnelPolicy
  readonly times?: RouteTimes
  readonly retry?: RetryPolicy | null
  readonly hedge?: HedgePolicy | null
  readonly rateLimits?: readonly RateLimit[] | null
  readonly sticky?: boolean
  /** Draws the destination. */
  readonly random?: Random
}

/** How long the requests of a route may take, in milliseconds. */
export interface RouteTimes {
  /** From the last byte of the request to the head of the response; null: no limit. */
  readonly response: number | null
  /** From the head of the request to the end of the response; null: no limit. */
  readonly whole: number | null
  /** Without anything that moves, in ordinary requests and gRPC calls; as `MessageStream.silenceMs`. */
  readonly silence: number
  readonly grpcSilence: number
}

/** No limits of its own. */
export const NO_TIMES: RouteTimes = { response: null, whole: null, silence: -1, grpcSilence: -1 }

/** Where a route sends its requests, and how. */
export class RouteTarget {
  readonly name: string
  readonly destinations: readonly Destination[]
  readonly times: RouteTimes
  readonly retry: RetryPolicy | null
  /** Null: one endpoint at a time is asked. */
  readonly hedge: HedgePolicy | null
  /** The tunnels it opens, by `Head.tunnel`. */
  readonly tunnels: TunnelPolicy
  /** Those of the listener, then its own; null when there are none. */
  readonly rateLimits: readonly RateLimit[] | null
  /** Whether a session goes on at its destination, whatever the weights. */
  readonly sticky: boolean
  readonly #total: number
  readonly #random: Random

  constructor(options: RouteOptions) {
    const { destinations } = options
    this.name = options.name
    this.destinations = destinations.map(({ cluster, upTo, stats, affinity = null, concurrency = null }) => ({
      cluster,
      upTo,
      stats,
      affinity,
      concurrency,
    }))
    this.times = options.times ?? NO_TIMES
    this.retry = options.retry ?? null
    this.hedge = options.hedge ?? null
    this.tunnels = options.tunnels
    this.rateLimits = options.rateLimits ?? null
    this.sticky = options.sticky ?? false
    this.#total = destinations[destinations.length - 1].upTo
    this.#random = options.random ?? systemRandom
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
