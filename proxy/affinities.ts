import { readFileSync } from 'node:fs'
import type { RouteConfig } from '../config/types/route.ts'
import type { UpstreamConfig } from '../config/types/upstream.ts'
import type { Balancer } from './balance/balancer.ts'
import { isHashPolicy } from './balance/create-balancer.ts'
import type { Labels } from './balance/labels.ts'
import { EndpointSubset, FallbackBalancer } from './balance/subset.ts'
import type { TierSource } from './balance/tier.ts'
import type { Affinity } from './exchange/affinity.ts'
import type { Cluster } from './exchange/cluster.ts'
import { StickySession } from './exchange/sticky.ts'
import { HashKeys } from './policy/hash-key.ts'

/** Makes a balancer by the upstream's policy and limits, for those of `source`, which all have `labels`. */
export type CreateBalancer = (source: TierSource, labels: Labels | null) => Balancer

/** What binds routes to endpoints of one upstream. Routes that ask for the same subset share its balancer. */
export class Affinities {
  readonly #config: UpstreamConfig
  readonly #cluster: Cluster
  readonly #create: CreateBalancer
  readonly #keys: HashKeys | null
  readonly #subsets = new Map<string, Balancer>()

  constructor(config: UpstreamConfig, cluster: Cluster, create: CreateBalancer) {
    const { policy, hash } = config.balance
    this.#config = config
    this.#cluster = cluster
    this.#create = create
    this.#keys = isHashPolicy(policy) && hash.length > 0 ? new HashKeys(hash) : null
  }

  /** What a route's requests are bound by; null: nothing. Throws what reading `sticky.keyFile` throws. */
  of(route: RouteConfig): Affinity | null {
    const sticky = route.sticky ?? this.#config.sticky
    if (route.subset === null && sticky === null && this.#keys === null) return null
    const { set, name } = this.#cluster
    // Elsewhere than in its subset a session goes on only where the route may go elsewhere at all.
    const bound = route.subsetFallback === 'any' ? null : route.subset
    const key = sticky === null || sticky.keyFile === null ? '' : readFileSync(sticky.keyFile)
    return {
      balancer: this.#balancer(route.subset, route.subsetFallback),
      keys: this.#keys,
      sticky: sticky === null ? null : new StickySession(sticky.cookie, set, name, key, bound),
      // Where any other will do, nobody is missing them.
      subset:
        bound === null
          ? ''
          : Object.entries(bound)
              .map((label) => label.join('='))
              .join(),
    }
  }

  #balancer(labels: Labels | null, fallback: 'any' | 'none'): Balancer {
    const { set, balancer } = this.#cluster
    if (labels === null) return balancer
    const id = JSON.stringify(Object.entries(labels).sort())
    let subset = this.#subsets.get(id)
    if (subset === undefined) {
      subset = this.#create(new EndpointSubset(set, labels), labels)
      this.#subsets.set(id, subset)
    }
    return fallback === 'none' ? subset : new FallbackBalancer(subset, balancer)
  }
}
