import type { Endpoint } from '../balance/endpoint.ts'
import type { Reason } from '../message/reason.ts'
import type { EndpointStats } from '../telemetry/endpoint-stats.ts'
import type { EndpointPool } from '../upstream/endpoint-pool.ts'

/** Makes what a cluster keeps for each of its endpoints. */
export interface MemberFactory {
  /** `drained` is to be called when a pool that was told to drain has lost its last connection. */
  pool(endpoint: Endpoint, stats: EndpointStats, drained: (pool: EndpointPool) => void): EndpointPool
  /** For tunnels; null: they share the pool. */
  tunnelPool(
    endpoint: Endpoint,
    stats: EndpointStats,
    drained: (pool: EndpointPool) => void,
  ): EndpointPool | null
  stats(endpoint: Endpoint): EndpointStats
  /** Nobody asks for these any more. */
  forgetStats(endpoint: Endpoint): void
}

/**
 * Connections and numbers of a cluster's endpoints, in lists by `Endpoint.index` that follow the membership. A slot that
 * no endpoint holds is empty; one that is taken again starts with new objects.
 */
export class Members {
  readonly pools: EndpointPool[] = []
  /** By `Endpoint.index`: the same as in `pools`, unless tunnels have connections of their own. */
  readonly tunnelPools: EndpointPool[] = []
  readonly endpointStats: EndpointStats[] = []
  /** Of endpoints that are gone: their last streams are under way. */
  readonly draining = new Set<EndpointPool>()
  readonly #factory: MemberFactory

  constructor(factory: MemberFactory) {
    this.#factory = factory
  }

  /**
   * Follows what `EndpointSet.update` returned. The pools returned have to be drained once everybody knows the new
   * membership: the requests that wait there look for another endpoint at once. `forget`: nobody else counts under the
   * names of the removed endpoints.
   */
  follow(added: readonly Endpoint[], removed: readonly Endpoint[], forget = true): EndpointPool[] {
    const retired: EndpointPool[] = []
    for (const endpoint of removed) {
      this.#remove(endpoint, retired)
      if (forget) this.#factory.forgetStats(endpoint)
    }
    for (const endpoint of added) this.#add(endpoint)
    trim(this.pools)
    trim(this.tunnelPools)
    trim(this.endpointStats)
    for (const pool of retired) this.draining.add(pool)
    return retired
  }

  /** Closes every connection now. */
  close(reason: Reason): void {
    for (const pool of [...this.pools, ...this.tunnelPools, ...this.draining]) pool?.close(reason)
  }

  #add(endpoint: Endpoint): void {
    const { index } = endpoint
    const stats = this.#factory.stats(endpoint)
    const pool = this.#factory.pool(endpoint, stats, this.#drained)
    this.endpointStats[index] = stats
    this.pools[index] = pool
    this.tunnelPools[index] = this.#factory.tunnelPool(endpoint, stats, this.#drained) ?? pool
  }

  #remove(endpoint: Endpoint, retired: EndpointPool[]): void {
    const { index } = endpoint
    const pool = this.pools[index]
    const tunnelPool = this.tunnelPools[index]
    retired.push(pool)
    if (tunnelPool !== pool) retired.push(tunnelPool)
    for (const list of [this.pools, this.tunnelPools, this.endpointStats]) Reflect.deleteProperty(list, index)
  }

  readonly #drained = (pool: EndpointPool): void => {
    this.draining.delete(pool)
  }
}

/** Gives up the empty slots at the end. */
function trim(list: unknown[]): void {
  while (list.length > 0 && !(list.length - 1 in list)) list.length -= 1
}
