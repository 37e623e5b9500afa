import type { BalancePolicy } from '../../config/types/upstream.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { type Random, systemRandom } from '../base/random.ts'
import type { Balancer } from './balancer.ts'
import { EwmaBalancer, type EwmaOptions } from './ewma.ts'
import { LeastRequestBalancer, type LeastRequestOptions } from './least-request.ts'
import { MaglevBalancer } from './maglev.ts'
import { PriorityBalancer } from './priority.ts'
import { RandomBalancer } from './random.ts'
import { RingHashBalancer, type RingHashOptions } from './ring-hash.ts'
import { RoundRobinBalancer } from './round-robin.ts'
import { SlowStart, type SlowStartOptions } from './slow-start.ts'
import type { Tier, TierSource } from './tier.ts'
import { WeightedBalancer } from './weighted.ts'

/** A policy, and the options of it; those of others have no effect. */
export interface BalanceOptions extends LeastRequestOptions, EwmaOptions, RingHashOptions {
  readonly policy: BalancePolicy
  /** Not with the policies that hash; default `null`: none. The set has to mark newcomers (`warmUpClock`). */
  readonly slowStart?: SlowStartOptions | null
}

type Create = (
  tier: Tier,
  random: Random,
  slowStart: SlowStart | null,
  options: BalanceOptions,
  clock: Clock,
) => Balancer

const POLICIES: Record<BalancePolicy, Create> = {
  'round-robin': (tier, random, slowStart) => new RoundRobinBalancer(tier, random, slowStart),
  weighted: (tier, random, slowStart) => new WeightedBalancer(tier, random, slowStart),
  random: (tier, random, slowStart) => new RandomBalancer(tier, random, slowStart),
  'least-request': (tier, random, slowStart, options) =>
    new LeastRequestBalancer(tier, random, slowStart, options),
  ewma: (tier, random, slowStart, options, clock) =>
    new EwmaBalancer(tier, random, clock, slowStart, options),
  'ring-hash': (tier, random, _, options) => new RingHashBalancer(tier, random, options),
  maglev: (tier, random, _, options) => new MaglevBalancer(tier, random, options),
}

/** Whether a policy goes by the hash of a request's key. */
export function isHashPolicy(policy: BalancePolicy): boolean {
  return policy === 'ring-hash' || policy === 'maglev'
}

/**
 * The balancer over a set's endpoints, all tiers. It follows the set's changes by itself. The policy ewma needs a
 * `LatencyObserver` among those who hear of attempts.
 */
export function createBalancer(
  options: BalanceOptions,
  source: TierSource,
  random: Random = systemRandom,
  clock: Clock = systemClock,
): Balancer {
  const create = POLICIES[options.policy]
  const slowStart = options.slowStart ? new SlowStart(options.slowStart, clock, random) : null
  const byHash = isHashPolicy(options.policy)
  return new PriorityBalancer(source, random, byHash, (tier) =>
    create(tier, random, slowStart, options, clock),
  )
}
