import type { Random } from '../base/random.ts'
import type { Balancer } from './balancer.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import { type SlowStart, WARM_DRAWS } from './slow-start.ts'
import type { Tier } from './tier.ts'
import { WeightedBalancer } from './weighted.ts'

/**
 * One after the other. Different weights are honoured, as in the servers that people know this policy from:
 * then it is the weighted policy.
 *
 * The start is random, so that many sidecars do not begin with the same endpoint.
 */
export class RoundRobinBalancer implements Balancer {
  readonly #tier: Tier
  readonly #random: Random
  readonly #slowStart: SlowStart | null
  #version = 0
  #candidates: readonly Endpoint[] = []
  #cursor = -1
  #weighted: WeightedBalancer | null = null

  constructor(tier: Tier, random: Random, slowStart: SlowStart | null) {
    this.#tier = tier
    this.#random = random
    this.#slowStart = slowStart
  }

  pick(choice: Choice): Endpoint | null {
    if (this.#version !== this.#tier.version) this.#refresh()
    if (this.#weighted !== null) return this.#weighted.pick(choice)
    const { tried } = choice
    const length = this.#candidates.length
    if (this.#slowStart !== null) this.#passNewcomers(this.#slowStart, length)
    for (let turns = 0; turns < length; turns++) {
      const endpoint = this.#next(length)
      if (tried.length === 0 || !tried.includes(endpoint)) return endpoint
    }
    return null
  }

  /** Moves on to one who takes the request. */
  #passNewcomers(slowStart: SlowStart, length: number): void {
    for (let draws = 1; draws < WARM_DRAWS && length > 1; draws++) {
      if (slowStart.admits(this.#candidates[this.#cursor] as Endpoint)) return
      this.#next(length)
    }
  }

  #next(length: number): Endpoint {
    const cursor = this.#cursor
    this.#cursor = cursor + 1 === length ? 0 : cursor + 1
    return this.#candidates[cursor] as Endpoint
  }

  #refresh(): void {
    this.#version = this.#tier.version
    this.#candidates = this.#tier.candidates()
    const length = this.#candidates.length
    if (this.#cursor < 0) this.#cursor = Math.floor(this.#random.next() * length)
    else this.#cursor = length === 0 ? 0 : this.#cursor % length
    if (this.#tier.equalWeights()) this.#weighted = null
    else if (this.#weighted === null)
      this.#weighted = new WeightedBalancer(this.#tier, this.#random, this.#slowStart)
  }
}
