import type { Random } from '../base/random.ts'
import { type Balancer, firstUntried } from './balancer.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import type { LoadBound } from './load-bound.ts'
import type { Tier } from './tier.ts'

/** Maps hashes to endpoints so that a change of the members moves few of them. */
export interface HashTable {
  /** Places in the table; 0 without members. */
  readonly length: number
  /** Makes the table for these members and their weights. */
  update(members: readonly Endpoint[]): void
  /** The place of a hash (32 bits, unsigned). The table must not be empty. */
  find(hash: number): number
  /** How far it is from a place of this hash to the next; more than 0, less than `length`. */
  step(hash: number): number
  /** Who stands at a place. */
  at(place: number): Endpoint
}

/** Places that are looked at until any endpoint is taken: reached when fewer than some 2 % can be. */
const MAX_STEPS = 256

/**
 * The same endpoint for the same hash, as long as it can be had: those that are unusable, were tried or are over the
 * bound are passed over along the table, each request for itself. The table holds all members, usable or not, so that a
 * failing endpoint moves its own requests only, costs no new table, and gets exactly them back when it returns.
 *
 * A request without a key goes to a random place: by weight, like all others.
 */
export class ConsistentBalancer implements Balancer {
  readonly #tier: Tier
  readonly #random: Random
  readonly #table: HashTable
  readonly #bound: LoadBound | null
  #version = 0
  #members: readonly Endpoint[] | null = null
  #candidates: readonly Endpoint[] = []

  constructor(tier: Tier, random: Random, table: HashTable, bound: LoadBound | null) {
    this.#tier = tier
    this.#random = random
    this.#table = table
    this.#bound = bound
  }

  pick(choice: Choice): Endpoint | null {
    if (this.#version !== this.#tier.version) this.#refresh()
    const { tried } = choice
    const candidates = this.#candidates
    if (candidates.length === 0) return null
    const hash = choice.hash >= 0 ? choice.hash : Math.floor(this.#random.next() * 0x1_0000_0000)
    if (tried.length < candidates.length) {
      const table = this.#table
      const { panic, degraded } = this.#tier
      const { length } = table
      const step = table.step(hash)
      let place = table.find(hash)
      for (let steps = 0; steps < MAX_STEPS; steps++) {
        const endpoint = table.at(place)
        const candidate = panic || (endpoint.usable && endpoint.degraded === degraded)
        if (candidate && this.#fits(endpoint, tried)) return endpoint
        place += step
        if (place >= length) place -= length
      }
    }
    return this.#any(hash % candidates.length, tried)
  }

  release(): void {
    this.#bound?.update([], [])
    // Should it be asked yet, it starts anew.
    this.#version = -1
  }

  #fits(endpoint: Endpoint, tried: readonly Endpoint[]): boolean {
    if (tried.length !== 0 && tried.includes(endpoint)) return false
    return this.#bound === null || this.#bound.admits(endpoint)
  }

  /** One within the bound if there is one, else one that was not tried. */
  #any(start: number, tried: readonly Endpoint[]): Endpoint | null {
    const candidates = this.#candidates
    if (this.#bound !== null) {
      for (let i = 0; i < candidates.length; i++) {
        const endpoint = candidates[(start + i) % candidates.length] as Endpoint
        if (this.#fits(endpoint, tried)) return endpoint
      }
    }
    return firstUntried(candidates, start, tried)
  }

  #refresh(): void {
    const tier = this.#tier
    this.#version = tier.version
    this.#candidates = tier.candidates()
    this.#bound?.update(tier.members, this.#candidates)
    if (tier.members === this.#members) return
    this.#members = tier.members
    this.#table.update(tier.members)
  }
}
