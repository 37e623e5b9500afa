import type { Random } from '../base/random.ts'
import type { Balancer } from './balancer.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import type { EndpointSet } from './endpoint-set.ts'
import type { Tier } from './tier.ts'

/**
 * Chooses a tier by its share of the load (tier-load.ts), then the endpoint by that tier's own balancer.
 * A tier that has nobody left hands over to the others, the lowest priority number first.
 */
export class PriorityBalancer implements Balancer {
  readonly #set: EndpointSet
  readonly #random: Random
  readonly #create: (tier: Tier) => Balancer
  #structure = -1
  #tiers: readonly Tier[] = []
  #balancers: Balancer[] = []

  /** `create` makes the balancer of one tier. */
  constructor(set: EndpointSet, random: Random, create: (tier: Tier) => Balancer) {
    this.#set = set
    this.#random = random
    this.#create = create
  }

  pick(choice: Choice): Endpoint | null {
    if (this.#structure !== this.#set.structure) this.#refresh()
    const balancers = this.#balancers
    if (balancers.length === 1) return (balancers[0] as Balancer).pick(choice)
    const chosen = this.#chooseTier()
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

  #chooseTier(): number {
    const tiers = this.#tiers
    const first = tiers[0]
    if (first === undefined) return -1
    if (first.load === 1) return 0
    let rest = this.#random.next()
    for (let i = 0; i < tiers.length; i++) {
      rest -= (tiers[i] as Tier).load
      if (rest < 0) return i
    }
    return 0
  }

  #refresh(): void {
    this.#structure = this.#set.structure
    const kept = new Map<Tier, Balancer>()
    for (let i = 0; i < this.#tiers.length; i++) {
      kept.set(this.#tiers[i] as Tier, this.#balancers[i] as Balancer)
    }
    this.#tiers = this.#set.tiers
    this.#balancers = this.#tiers.map((tier) => kept.get(tier) ?? this.#create(tier))
  }
}
