import type { Random } from '../base/random.ts'
import { AliasTable } from './alias-table.ts'
import { type Balancer, firstUntried, UNTRIED_DRAWS } from './balancer.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import type { Tier } from './tier.ts'

/** Further draws for a second choice that differs from the first, when weights make the same one likely. */
const SECOND_DRAWS = 3

/**
 * The less loaded of two endpoints drawn at random (Mitzenmacher 2001, "The power of two choices").
 *
 * With equal weights both are drawn uniformly and the one with fewer requests in flight wins. With different
 * weights both are drawn by weight, and the larger `weight / active` wins; in a tie the first drawn, so that
 * the shares follow the weights exactly while nothing is in flight. (With `active + 1` the heavier of two idle
 * endpoints would win every time, and the lighter would hardly be used by a service with little traffic.)
 */
export class LeastRequestBalancer implements Balancer {
  readonly #tier: Tier
  readonly #random: Random
  #version = 0
  #candidates: readonly Endpoint[] = []
  /** `null` while all weights are the same. */
  #table: AliasTable | null = null

  constructor(tier: Tier, random: Random) {
    this.#tier = tier
    this.#random = random
  }

  pick(choice: Choice): Endpoint | null {
    const { tried } = choice
    if (this.#version !== this.#tier.version) this.#refresh()
    const candidates = this.#candidates
    const length = candidates.length
    if (tried.length !== 0) return this.#pickUntried(tried)
    if (length < 2) return length === 0 ? null : (candidates[0] as Endpoint)
    if (this.#table !== null) return this.#pickWeighted(this.#table)
    const first = Math.floor(this.#random.next() * length)
    let second = Math.floor(this.#random.next() * (length - 1))
    if (second >= first) second += 1
    return better(candidates[first] as Endpoint, candidates[second] as Endpoint)
  }

  #pickWeighted(table: AliasTable): Endpoint {
    const first = table.draw(this.#random.next())
    let second = table.draw(this.#random.next())
    for (let draws = 0; draws < SECOND_DRAWS && second === first; draws++) {
      second = table.draw(this.#random.next())
    }
    return better(this.#candidates[first] as Endpoint, this.#candidates[second] as Endpoint)
  }

  #pickUntried(tried: readonly Endpoint[]): Endpoint | null {
    const candidates = this.#candidates
    const length = candidates.length
    if (length === 0) return null
    let first: Endpoint | null = null
    let at = 0
    for (let draws = 0; draws < UNTRIED_DRAWS; draws++) {
      const uniform = this.#random.next()
      at = this.#table === null ? Math.floor(uniform * length) : this.#table.draw(uniform)
      const drawn = candidates[at] as Endpoint
      if (drawn === first || tried.includes(drawn)) continue
      if (first !== null) return better(first, drawn)
      first = drawn
    }
    return first ?? firstUntried(candidates, at, tried)
  }

  #refresh(): void {
    this.#version = this.#tier.version
    this.#candidates = this.#tier.candidates()
    this.#table = this.#tier.equalWeights()
      ? null
      : new AliasTable(this.#candidates.map((endpoint) => endpoint.weight))
  }
}

/** The one with more weight per request in flight; the first in a tie. */
function better(first: Endpoint, second: Endpoint): Endpoint {
  return second.active * first.weight < first.active * second.weight ? second : first
}
