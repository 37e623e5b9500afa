import type { Random } from '../base/random.ts'
import { type Balancer, firstUntried, UNTRIED_DRAWS } from './balancer.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import { type SlowStart, WARM_DRAWS } from './slow-start.ts'
import type { Tier } from './tier.ts'
import { Tournament } from './tournament.ts'

/**
 * Smooth weighted round-robin: the sequence that nginx made known. There, each pick adds to every endpoint's
 * current value its weight, takes the endpoint with the largest value (the first of equals), and subtracts the
 * total of all weights from it.
 *
 * The same sequence, without touching every endpoint: at turn t an endpoint picked c times has the value
 * t * weight - c * total. Among endpoints of one weight, only c differs, so they simply take turns; what is left
 * is to find the best among the different weights, which a kinetic tournament does in O(log weights).
 * After `total` turns (of the weights divided by their greatest common divisor) all values are 0 again.
 *
 * The list starts at a random endpoint, so that many sidecars do not begin with the same one.
 */
export class WeightedBalancer implements Balancer {
  readonly #tier: Tier
  readonly #random: Random
  readonly #slowStart: SlowStart | null
  #version = 0
  #candidates: readonly Endpoint[] = []
  #tournament: Tournament<Endpoint> | null = null

  constructor(tier: Tier, random: Random, slowStart: SlowStart | null = null) {
    this.#tier = tier
    this.#random = random
    this.#slowStart = slowStart
  }

  pick(choice: Choice): Endpoint | null {
    const { tried } = choice
    if (this.#version !== this.#tier.version) this.#refresh()
    const tournament = this.#tournament
    if (tournament === null) return null
    let endpoint = this.#next(tournament)
    if (tried.length === 0) return endpoint
    for (let turns = 1; turns < UNTRIED_DRAWS && tried.includes(endpoint); turns++)
      endpoint = this.#next(tournament)
    if (!tried.includes(endpoint)) return endpoint
    return firstUntried(this.#candidates, Math.floor(this.#random.next() * this.#candidates.length), tried)
  }

  #next(tournament: Tournament<Endpoint>): Endpoint {
    let endpoint = tournament.next()
    const slowStart = this.#slowStart
    if (slowStart === null) return endpoint
    for (let draws = 1; draws < WARM_DRAWS && !slowStart.admits(endpoint); draws++)
      endpoint = tournament.next()
    return endpoint
  }

  #refresh(): void {
    this.#version = this.#tier.version
    const candidates = this.#tier.candidates()
    this.#candidates = candidates
    if (candidates.length === 0) {
      this.#tournament = null
      return
    }
    const start = Math.floor(this.#random.next() * candidates.length)
    const ordered = [...candidates.slice(start), ...candidates.slice(0, start)]
    this.#tournament = new Tournament(
      ordered,
      ordered.map((endpoint) => endpoint.weight),
    )
  }
}
