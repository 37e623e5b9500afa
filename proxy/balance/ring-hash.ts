import type { Random } from '../base/random.ts'
import { ConsistentBalancer } from './consistent.ts'
import { HashRing, type RingOptions } from './hash-ring.ts'
import { LoadBound } from './load-bound.ts'
import type { Tier } from './tier.ts'

export interface RingHashOptions extends RingOptions {
  /** Times its share of the requests in flight that an endpoint takes at most, above 1; `null`: no bound. */
  readonly boundedLoad?: number | null
}

/** Consistent hashing by a ring: the least moves when endpoints come and go, at the price of somewhat uneven shares. */
export class RingHashBalancer extends ConsistentBalancer {
  constructor(tier: Tier, random: Random, options: RingHashOptions = {}) {
    const { boundedLoad = null } = options
    super(tier, random, new HashRing(options), boundedLoad === null ? null : new LoadBound(boundedLoad))
  }
}
