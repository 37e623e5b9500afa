import { mix32 } from '../base/murmur3.ts'
import type { Random } from '../base/random.ts'
import type { Balancer } from './balancer.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import type { Tier, TierSource } from './tier.ts'

const TIER_SEED = 0x5bd1e995

/**
 * Chooses a tier by its share of the load (tier-load.ts), then the endpoint by that tier's own balancer.
 * A tier that has nobody left hands over to the others, the lowest priority number first.
 */
export class PriorityBalancer implements Balancer {
  readonly #source: TierSource
  readonly #random: Random
  readonly #byHash: boolean
  readonly #create: (tier: Tier) => Balancer
  #structure = -1
  #tiers: readonly Tier[] = []
  #balancers: Balancer[] = []

  /** `byHash`: requests with the same hash get the same tier; `create` makes the balancer of one tier. */
  constructor(source: TierSource, random: Random, byHash: boolean, create: (tier: Tier) => Balancer) {
    this.#source = source
    this.#random = random
    this.#byHash = byHash
    this.#create = create
  }

  pick(choice: Choice): Endpoint | null {
    if (this.#structure !== this.#source.structure) this.#refresh()
    const balancers = this.#balancers
    if (balancers.length === 1) return (balancers[0] as Balancer).pick(choice)
    const chosen = this.#chooseTier(choice.hash)
    if (chosen >= 0) {
      const endpoint = (balancers[chosen] as Balancer).pick(choice)
      if (endpoint !== null) return endpoint
    }
    for (let i = 0; i < balancers.length; i++) {
      if (i === chosen) continue
      const endpoint = (balancers[i] as Balancer).pick(choice)
      if (endpoint !== null) return endpoint
    }
    return null
  }

  #chooseTier(hash: number): number {
    const tiers = this.#tiers
    const first = tiers[0]
    if (first === undefined) return -1
    if (first.load === 1) return 0
    // Mixed once more, since the place within the tier comes of the same hash.
    let rest = this.#byHash && hash >= 0 ? mix32(hash ^ TIER_SEED) / 0x1_0000_0000 : this.#random.next()
    for (let i = 0; i < tiers.length; i++) {
      rest -= (tiers[i] as Tier).load
      if (rest < 0) return i
    }
    return 0
  }

  #refresh(): void {
    this.#structure = this.#source.structure
    const kept = new Map<Tier, Balancer>()
    for (let i = 0; i < this.#tiers.length; i++) {
      kept.set(this.#tiers[i] as Tier, this.#balancers[i] as Balancer)
    }
    this.#tiers = this.#source.tiers
    this.#balancers = this.#tiers.map((tier) => kept.get(tier) ?? this.#create(tier))
    for (const tier of this.#tiers) kept.delete(tier)
    for (const balancer of kept.values()) balancer.release?.()
  }
}
