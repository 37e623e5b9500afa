import type { Endpoint } from './endpoint.ts'

/** What a balancer over several tiers goes by: the endpoints of an upstream, or a subset of them. */
export interface TierSource {
  /** Moves whenever the list of tiers changes. */
  readonly structure: number
  /** The first is used first. */
  readonly tiers: readonly Tier[]
}

/**
 * The endpoints of one priority, or of one priority in one zone, and among them the candidates to choose from: those that
 * are well, or those that are degraded. Both kinds are tiers over the same members, those of degraded endpoints behind
 * all others.
 *
 * The list of candidates is made when a balancer asks for it after a change, not on every change: thousands of
 * endpoints may change between two picks. Balancers compare `version` and ask again when it moved.
 */
export class Tier {
  /** Place in the order of use; the lowest is used first. Unique among the tiers of a source and a kind. */
  readonly rank: number
  /** Its candidates are the degraded members, otherwise all others. */
  readonly degraded: boolean
  /** Replaced by another list when a member or a weight changes, and only then. */
  members: readonly Endpoint[]
  /** Members that are usable, of the kind that this tier is for. */
  usable: number
  /** Too few are usable: all members are candidates. */
  panic: boolean
  /** Share of the set's requests for this tier, 0 to 1. */
  load: number
  /** Moves whenever the candidates or their weights change. */
  version: number
  #candidates: readonly Endpoint[]
  #equalWeights: boolean
  #built: number

  constructor(rank: number, members: readonly Endpoint[], degraded = false) {
    this.rank = rank
    this.degraded = degraded
    this.members = members
    this.usable = countUsable(members, degraded)
    this.panic = false
    this.load = 0
    this.version = 1
    this.#candidates = []
    this.#equalWeights = true
    this.#built = 0
  }

  /** Replaces the members. */
  replace(members: readonly Endpoint[]): void {
    this.members = members
    this.usable = countUsable(members, this.degraded)
    this.version += 1
  }

  /** The usable members, or all of them in panic, in the order of the members. Valid until `version` moves. */
  candidates(): readonly Endpoint[] {
    if (this.#built !== this.version) this.#build()
    return this.#candidates
  }

  /** Whether all candidates have the same weight. */
  equalWeights(): boolean {
    if (this.#built !== this.version) this.#build()
    return this.#equalWeights
  }

  #build(): void {
    const all = this.panic || this.usable === this.members.length
    this.#candidates = all
      ? this.members
      : this.members.filter((endpoint) => endpoint.usable && endpoint.degraded === this.degraded)
    const weight = this.#candidates[0]?.weight
    this.#equalWeights = this.#candidates.every((endpoint) => endpoint.weight === weight)
    this.#built = this.version
  }
}

/** Sorts tiers into the order of use. */
export function byUse(a: Tier, b: Tier): number {
  return Number(a.degraded) - Number(b.degraded) || a.rank - b.rank
}

function countUsable(members: readonly Endpoint[], degraded: boolean): number {
  let count = 0
  for (const endpoint of members) if (endpoint.usable && endpoint.degraded === degraded) count += 1
  return count
}
