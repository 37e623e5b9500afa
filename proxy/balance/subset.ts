import type { Balancer } from './balancer.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import type { EndpointSet } from './endpoint-set.ts'
import { hasLabels, type Labels } from './labels.ts'
import { byUse, Tier, type TierSource } from './tier.ts'
import { spreadLoad } from './tier-load.ts'

/** One tier of a subset, and what its balancer was made from. */
interface SubsetTier {
  readonly tier: Tier
  /** Weight and fitness of each member, as of the last look. */
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
  readonly #byPlace = new Map<number, SubsetTier>()
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
    for (const { tier } of this.#byPlace.values()) groups.set(tier.rank, [])
    for (const endpoint of set.endpoints) {
      if (!hasLabels(endpoint, this.#labels)) continue
      const rank = set.rankOf(endpoint)
      const group = groups.get(rank)
      if (group === undefined) groups.set(rank, [endpoint])
      else group.push(endpoint)
    }
    const known = this.#byPlace.size
    for (const [rank, members] of groups) {
      this.#settle(rank, members, false)
      const standby = this.#byPlace.has(placeOf(rank, true)) || members.some(({ degraded }) => degraded)
      if (standby) this.#settle(rank, members, true)
    }
    if (this.#byPlace.size !== known) {
      this.#tiers = [...this.#byPlace.values()].map(({ tier }) => tier).sort(byUse)
      this.#structure += 1
    }
    spreadLoad(this.#tiers, set.panicBelow, set.overprovision)
  }

  #settle(rank: number, members: readonly Endpoint[], degraded: boolean): void {
    const fit = (endpoint: Endpoint) => endpoint.usable && endpoint.degraded === degraded
    const state = Int32Array.from(members, (endpoint) => 2 * endpoint.weight + (fit(endpoint) ? 1 : 0))
    const place = placeOf(rank, degraded)
    const known = this.#byPlace.get(place)
    if (known === undefined) {
      this.#byPlace.set(place, { tier: new Tier(rank, members, degraded), state })
      return
    }
    const { tier, state: old } = known
    known.state = state
    let changed = members.length !== old.length
    let fitnessChanged = false
    for (let i = 0; i < members.length && !changed; i++) {
      const now = state[i] as number
      const before = old[i] as number
      changed = members[i] !== tier.members[i] || now >> 1 !== before >> 1
      if (now !== before) fitnessChanged = true
    }
    if (changed) {
      tier.replace(members)
    } else if (fitnessChanged) {
      tier.usable = members.reduce((count, endpoint) => count + (fit(endpoint) ? 1 : 0), 0)
      // In panic all members are candidates anyway.
      if (!tier.panic) tier.version += 1
    }
  }
}

function placeOf(rank: number, degraded: boolean): number {
  return 2 * rank + (degraded ? 1 : 0)
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
