import type { Random } from '../base/random.ts'
import { AliasTable } from './alias-table.ts'
import { type Balancer, firstUntried, UNTRIED_DRAWS } from './balancer.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import type { Tier } from './tier.ts'

/** Any endpoint, with a probability in proportion to its weight. */
export class RandomBalancer implements Balancer {
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
    if (candidates.length === 0) return null
    let at = this.#draw()
    if (tried.length === 0) return candidates[at] as Endpoint
    for (let draws = 1; draws < UNTRIED_DRAWS && tried.includes(candidates[at] as Endpoint); draws++) {
      at = this.#draw()
    }
    return firstUntried(candidates, at, tried)
  }

  #draw(): number {
    const uniform = this.#random.next()
    return this.#table === null ? Math.floor(uniform * this.#candidates.length) : this.#table.draw(uniform)
  }

  #refresh(): void {
    this.#version = this.#tier.version
    this.#candidates = this.#tier.candidates()
    this.#table = this.#tier.equalWeights()
      ? null
      : new AliasTable(this.#candidates.map((endpoint) => endpoint.weight))
  }
}
