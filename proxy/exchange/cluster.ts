import type { Balancer } from '../balance/balancer.ts'
import type { EndpointSet } from '../balance/endpoint-set.ts'
import type { AttemptObserver } from '../balance/outcome.ts'
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
  /** By `Endpoint.index`. */
  readonly pools: readonly EndpointPool[]
  /** For tunnels, by `Endpoint.index`: the same, unless the endpoints choose the protocol; then HTTP/1.1 is spoken. */
  readonly tunnelPools: readonly EndpointPool[]
  /** By `Endpoint.index`. */
  readonly endpointStats: readonly EndpointStats[]
  readonly stats: UpstreamStats
  readonly maxRequests: number
  /** Share of the requests that may be made again, 0 to 1. */
  readonly retryBudget: number
  /** Requests in flight. */
  active = 0
  readonly #budget: RetryBudget

  constructor(parts: ClusterParts) {
    this.name = parts.name
    this.scheme = parts.scheme
    this.meshed = parts.meshed
    this.set = parts.set
    this.balancer = parts.balancer
    this.observers = parts.observers
    this.pools = parts.pools
    this.tunnelPools = parts.tunnelPools
    this.endpointStats = parts.endpointStats
    this.stats = parts.stats
    this.maxRequests = parts.maxRequests
    this.retryBudget = parts.retryBudget
    this.#budget = new RetryBudget(parts.retryBudget)
  }

  /** `now` in monotonic milliseconds. */
  requestBegan(now: number): void {
    this.active += 1
    this.#budget.deposit(now)
  }

  requestEnded(): void {
    this.active -= 1
  }

  /** Takes a further try out of the budget; false when it is used up. `now` in monotonic milliseconds. */
  spendRetry(now: number): boolean {
    if (this.#budget.withdraw(now)) return true
    this.stats.retriesOverflow += 1
    return false
  }
}

export type ClusterParts = Omit<Cluster, 'active' | 'requestBegan' | 'requestEnded' | 'spendRetry'>
