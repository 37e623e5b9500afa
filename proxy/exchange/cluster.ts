import type { Balancer } from '../balance/balancer.ts'
import type { Breaker } from '../balance/breaker.ts'
import type { EndpointCap } from '../balance/capped-balancer.ts'
import type { EndpointSet } from '../balance/endpoint-set.ts'
import type { AttemptObserver } from '../balance/outcome.ts'
import { type Reason, reasons } from '../message/reason.ts'
import { RetryBudget } from '../policy/retry-budget.ts'
import type { EndpointStats } from '../telemetry/endpoint-stats.ts'
import type { UpstreamStats } from '../telemetry/upstream-stats.ts'
import type { EndpointPool } from '../upstream/endpoint-pool.ts'

/** One upstream at run time: its endpoints, how one is chosen, the connections to each. */
export class Cluster {
  readonly name: string
  /** What `:scheme` says to the endpoints. */
  readonly scheme: 'http' | 'https'
  /** The endpoints have to prove that they are of the mesh. */
  readonly meshed: boolean
  readonly set: EndpointSet
  readonly balancer: Balancer
  /** Who judges the endpoints by how attempts go. */
  readonly observers: readonly AttemptObserver[]
  /** Shuts endpoints and has single requests try them; null: none does. */
  readonly breaker: Breaker | null
  /** The part of `balancer` that passes over full endpoints; null where they have no limit. */
  readonly cap: EndpointCap | null
  /** By `Endpoint.index`; these lists follow the membership. */
  readonly pools: readonly EndpointPool[]
  /** For tunnels, by `Endpoint.index`: the same, unless the endpoints choose the protocol; then HTTP/1.1 is spoken. */
  readonly tunnelPools: readonly EndpointPool[]
  /** By `Endpoint.index`. */
  readonly endpointStats: readonly EndpointStats[]
  readonly stats: UpstreamStats
  readonly maxRequests: number
  /** Share of the requests that may be made again, 0 to 1. */
  readonly retryBudget: number
  /** Why there is no endpoint, where they are looked up and there is none. */
  absence = ''
  /** Requests in flight. */
  active = 0
  /** Requests begun so far. */
  started = 0
  readonly #budget: RetryBudget
  readonly #tooManyRequests: Reason
  readonly #endpointsFull: Reason

  constructor(parts: ClusterParts) {
    this.name = parts.name
    this.scheme = parts.scheme
    this.meshed = parts.meshed
    this.set = parts.set
    this.balancer = parts.balancer
    this.observers = parts.observers
    this.breaker = parts.breaker ?? null
    this.cap = parts.cap ?? null
    this.pools = parts.pools
    this.tunnelPools = parts.tunnelPools
    this.endpointStats = parts.endpointStats
    this.stats = parts.stats
    this.maxRequests = parts.maxRequests
    this.retryBudget = parts.retryBudget
    this.#budget = new RetryBudget(parts.retryBudget)
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

  /** The balancer found no endpoint for a first try: counts it and says why. `subset`: labels they had to have, "" for none. */
  noneToPick(subset: string): Reason {
    if (this.cap?.full === true) {
      this.#refused('limits.requestsPerEndpoint')
      return this.#endpointsFull
    }
    this.stats.noHealthy += 1
    const name = subset === '' ? this.name : `${this.name} with ${subset}`
    const absent = this.absence !== '' && this.set.endpoints.length === 0
    return reasons.noHealthyUpstream.with(`${name}: ${absent ? this.absence : this.set.whyNone()}`)
  }

  #refused(limit: string): void {
    this.stats.overflow += 1
    this.stats.limits.count(limit)
  }

  /** `now` in monotonic milliseconds. */
  requestBegan(now: number): void {
    this.active += 1
    this.started += 1
    this.#budget.deposit(now)
  }

  requestEnded(): void {
    this.active -= 1
  }

  /** Takes a further try out of the budget; false when it is used up. `now` in monotonic milliseconds. */
  spendRetry(now: number): boolean {
    if (this.#budget.withdraw(now)) return true
    this.stats.retriesOverflow += 1
    this.stats.limits.count('limits.retryBudget')
    return false
  }
}

type Optional = 'breaker' | 'cap'
type Own =
  | 'absence'
  | 'active'
  | 'started'
  | 'requestBegan'
  | 'requestEnded'
  | 'spendRetry'
  | 'tooManyRequests'
  | 'noneToPick'
export type ClusterParts = Omit<Cluster, Own | Optional> & Partial<Pick<Cluster, Optional>>
