import type { Random } from '../base/random.ts'
import { ConsistentBalancer } from './consistent.ts'
import { LoadBound } from './load-bound.ts'
import { MaglevTable } from './maglev-table.ts'
import type { Tier } from './tier.ts'

export interface MaglevOptions {
  /** Times its share of the requests in flight that an endpoint takes at most, above 1; `null`: no bound. */
  readonly boundedLoad?: number | null
}

/** Consistent hashing by Maglev's table: even shares and the cheapest pick, at the price of a few more moves. */
export class MaglevBalancer extends ConsistentBalancer {
  constructor(tier: Tier, random: Random, options: MaglevOptions = {}) {
    const { boundedLoad = null } = options
    super(tier, random, new MaglevTable(), boundedLoad === null ? null : new LoadBound(boundedLoad))
  }
}
