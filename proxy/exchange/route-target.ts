import { type Random, systemRandom } from '../base/random.ts'
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
  /** The tunnels it opens, by `Head.tunnel`. */
  readonly tunnels: TunnelPolicy
  readonly #total: number
  readonly #random: Random

  constructor(
    name: string,
    destinations: readonly Destination[],
    times: RouteTimes,
    retry: RetryPolicy | null,
    tunnels: TunnelPolicy,
    random: Random = systemRandom,
  ) {
    this.name = name
    this.destinations = destinations
    this.times = times
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
