import { type Random, systemRandom } from '../base/random.ts'
import type { Balancer } from './balancer.ts'
import type { EndpointSet } from './endpoint-set.ts'
import { LeastRequestBalancer } from './least-request.ts'
import { PriorityBalancer } from './priority.ts'
import { RandomBalancer } from './random.ts'
import { RoundRobinBalancer } from './round-robin.ts'
import type { Tier } from './tier.ts'
import { WeightedBalancer } from './weighted.ts'

export type BalancePolicy = 'round-robin' | 'weighted' | 'random' | 'least-request'

export interface BalanceOptions {
  readonly policy: BalancePolicy
}

const POLICIES: Record<BalancePolicy, (tier: Tier, random: Random) => Balancer> = {
  'round-robin': (tier, random) => new RoundRobinBalancer(tier, random),
  weighted: (tier, random) => new WeightedBalancer(tier, random),
  random: (tier, random) => new RandomBalancer(tier, random),
  'least-request': (tier, random) => new LeastRequestBalancer(tier, random),
}

/** The balancer over a set's endpoints, all priorities. It follows the set's changes by itself. */
export function createBalancer(
  options: BalanceOptions,
  set: EndpointSet,
  random: Random = systemRandom,
): Balancer {
  const create = POLICIES[options.policy]
  return new PriorityBalancer(set, random, (tier) => create(tier, random))
}
