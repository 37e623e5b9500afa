import type { Balancer } from './balancer.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import type { EndpointSet } from './endpoint-set.ts'
import { Tier, type TierSource } from './tier.ts'
import { spreadLoad } from './tier-load.ts'

export type Labels = Readonly<Record<string, string>>

/** Whether an endpoint has all of these labels. */
export function hasLabels(endpoint: Endpoint, labels: Labels): boolean {
  for (const name in labels) if (endpoint.labels[name] !== labels[name]) return false
  return true
}

/** One tier of a subset, and what its balancer was made from. */
interface SubsetTier {
  readonly tier: Tier
  /** Weight and usability of each member, as of the last look. */
  state: Int32Array
}

/**
 * The endpoints of a set that have certain labels, with tiers of their own: a subset spills over, and panics, by what is
 * usable of it. Brought up to date at the first look after a change of the set, in time linear in its members; a tier in
 * which nothing changed keeps its version.
 */
export class EndpointSubset implements TierSource {
  readonly #set: EndpointSet
  readonly #labels: Labels
  readonly #byRank = new Map<number, SubsetTier>()
  #tiers: readonly Tier[] = []
  #structure = 0
  #version = -1

  constructor(set: EndpointSet, labels: Labels) {
    this.#set = set
    this.#labels = labels
  }

  get structure(): number {
    if (this.#version !== this.#set.version) this.#refresh()
    return this.#structure
  }

  get tiers(): readonly Tier[] {
    if (this.#version !== this.#set.version) this.#refresh()
    return this.#tiers
  }

  #refresh(): void {
    const set = this.#set
    this.#version = set.version
    const groups = new Map<number, Endpoint[]>()
    // A tier stays when it has lost all members: its balancer lets go of them, and takes up those who come.
    for (const rank of this.#byRank.keys()) groups.set(rank, [])
    for (const endpoint of set.endpoints) {
      if (!hasLabels(endpoint, this.#labels)) continue
      const rank = set.rankOf(endpoint)
      const group = groups.get(rank)
      if (group === undefined) groups.set(rank, [endpoint])
      else group.push(endpoint)
    }
    const known = this.#byRank.size
    for (const [rank, members] of groups) this.#settle(rank, members)
    if (this.#byRank.size !== known) {
      this.#tiers = [...this.#byRank.values()].map(({ tier }) => tier).sort((a, b) => a.rank - b.rank)
      this.#structure += 1
    }
    spreadLoad(this.#tiers, set.panicBelow, set.overprovision)
  }

  #settle(rank: number, members: readonly Endpoint[]): void {
    const state = Int32Array.from(members, ({ weight, usable }) => 2 * weight + (usable ? 1 : 0))
    const known = this.#byRank.get(rank)
    if (known === undefined) {
      this.#byRank.set(rank, { tier: new Tier(rank, members), state })
      return
    }
    const { tier, state: old } = known
    known.state = state
    let changed = members.length !== old.length
    let usabilityChanged = false
    for (let i = 0; i < members.length && !changed; i++) {
      const now = state[i] as number
      const before = old[i] as number
      changed = members[i] !== tier.members[i] || now >> 1 !== before >> 1
      if (now !== before) usabilityChanged = true
    }
    if (changed) {
      tier.replace(members)
    } else if (usabilityChanged) {
      tier.usable = members.reduce((count, { usable }) => count + (usable ? 1 : 0), 0)
      // In panic all members are candidates anyway.
      if (!tier.panic) tier.version += 1
    }
  }
}

/** Asks another balancer when the first has nobody left. */
export class FallbackBalancer implements Balancer {
  readonly #first: Balancer
  readonly #second: Balancer

  constructor(first: Balancer, second: Balancer) {
    this.#first = first
    this.#second = second
  }

  pick(choice: Choice): Endpoint | null {
    return this.#first.pick(choice) ?? this.#second.pick(choice)
  }
}
