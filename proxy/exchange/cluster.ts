import type { Balancer } from '../balance/balancer.ts'
import type { Breaker } from '../balance/breaker.ts'
import type { EndpointCap } from '../balance/capped-balancer.ts'
import type { EndpointSet } from '../balance/endpoint-set.ts'
import type { AttemptObserver } from '../balance/outcome.ts'
import type { StallWatch } from '../base/stall-watch.ts'
import { type Reason, reasons } from '../message/reason.ts'
import type { EndpointStats } from '../telemetry/endpoint-stats.ts'
import type { UpstreamStats } from '../telemetry/upstream-stats.ts'
import type { EndpointPool } from '../upstream/endpoint-pool.ts'

/** Retries that the budget always allows at a time, so that a quiet upstream can be retried at all. */
const MIN_RETRIES = 3
/** Retries that requests without one may have saved up for the moment when an endpoint dies. */
const MAX_SAVED = 100

/** One upstream at run time: its endpoints, how one is chosen, the connections to each. */
export class Cluster {
  readonly name: string
  /** What `:scheme` says to the endpoints. */
  readonly scheme: 'http' | 'https'
  readonly set: EndpointSet
  readonly balancer: Balancer
  /** Who judges the endpoints by how attempts go. */
  readonly observers: readonly AttemptObserver[]
  /** Shuts endpoints and has single requests try them; null: none does. */
  readonly breaker: Breaker | null
  /** Tells whose fault it is when something took too long; null where nobody is judged. */
  readonly stalls: StallWatch | null
  /** The part of `balancer` that passes over full endpoints; null where they have no limit. */
  readonly cap: EndpointCap | null
  /** By `Endpoint.index`. */
  readonly pools: readonly EndpointPool[]
  /** For tunnels, by `Endpoint.index`: the same, unless the endpoints choose the protocol; then HTTP/1.1 is spoken. */
  readonly tunnelPools: readonly EndpointPool[]
  /** By `Endpoint.index`. */
  readonly endpointStats: readonly EndpointStats[]
  readonly stats: UpstreamStats
  readonly maxRequests: number
  readonly retryBudget: number
  /** Requests in flight. */
  active = 0
  /** Requests begun so far. */
  started = 0
  /** Those of them that are beyond their first try. */
  retrying = 0
  #saved = 0
  readonly #tooManyRequests: Reason
  readonly #endpointsFull: Reason

  constructor(parts: ClusterParts) {
    this.name = parts.name
    this.scheme = parts.scheme
    this.set = parts.set
    this.balancer = parts.balancer
    this.observers = parts.observers
    this.breaker = parts.breaker ?? null
    this.stalls = parts.stalls ?? null
    this.cap = parts.cap ?? null
    this.pools = parts.pools
    this.tunnelPools = parts.tunnelPools
    this.endpointStats = parts.endpointStats
    this.stats = parts.stats
    this.maxRequests = parts.maxRequests
    this.retryBudget = parts.retryBudget
    // Made once: refusing has to cost next to nothing.
    this.#tooManyRequests = reasons.overflow.with(
      `limits.requests of upstream ${parts.name}, ${parts.maxRequests} in flight at once; raise it if the endpoints can take more`,
    )
    this.#endpointsFull = reasons.overflow.with(
      `limits.requestsPerEndpoint of upstream ${parts.name}, ${parts.cap?.limit} in flight at every endpoint asked; raise it, or add endpoints`,
    )
  }

  /** A request is refused because `maxRequests` are in flight: counts it and says so. */
  tooManyRequests(): Reason {
    this.#refused('limits.requests')
    return this.#tooManyRequests
  }

  /** The balancer found no endpoint for a first try to `where`: counts it and says why. */
  noneToPick(where: string): Reason {
    if (this.cap?.full === true) {
      this.#refused('limits.requestsPerEndpoint')
      return this.#endpointsFull
    }
    this.stats.noHealthy += 1
    return reasons.noHealthyUpstream.with(`${where}: ${this.set.whyNone()}`)
  }

  #refused(limit: string): void {
    this.stats.overflow += 1
    this.stats.limits.count(limit)
  }

  /** Takes a retry out of the budget: a share of the requests in flight, always a few, and what earlier ones saved up. */
  spendRetry(): boolean {
    if (this.retrying >= Math.max(MIN_RETRIES, this.active * this.retryBudget)) {
      if (this.#saved < 1) return false
      this.#saved -= 1
    }
    this.retrying += 1
    return true
  }

  /** A request is over; `retried` when it had taken a retry out of the budget. */
  requestEnded(retried: boolean): void {
    this.active -= 1
    if (retried) this.retrying -= 1
    else if (this.#saved < MAX_SAVED) this.#saved += this.retryBudget
  }
}

type Optional = 'breaker' | 'stalls' | 'cap'
type Own =
  | 'active'
  | 'started'
  | 'retrying'
  | 'spendRetry'
  | 'requestEnded'
  | 'tooManyRequests'
  | 'noneToPick'
export type ClusterParts = Omit<Cluster, Own | Optional> & Partial<Pick<Cluster, Optional>>
