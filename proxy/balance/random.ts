import type { Random } from '../base/random.ts'
import { type Balancer, firstUntried, UNTRIED_DRAWS } from './balancer.ts'
import { CandidateDraw } from './candidate-draw.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import type { SlowStart } from './slow-start.ts'
import type { Tier } from './tier.ts'

/** Any endpoint, with a probability in proportion to its weight. */
export class RandomBalancer implements Balancer {
  readonly #draw: CandidateDraw

  constructor(tier: Tier, random: Random, slowStart: SlowStart | null) {
    this.#draw = new CandidateDraw(tier, random, slowStart)
  }

  pick(choice: Choice): Endpoint | null {
    const { tried } = choice
    const draw = this.#draw
    draw.follow()
    const { candidates } = draw
    if (candidates.length === 0) return null
    let at = draw.next()
    if (tried.length === 0) return candidates[at] as Endpoint
    for (let draws = 1; draws < UNTRIED_DRAWS && tried.includes(candidates[at] as Endpoint); draws++) {
      at = draw.next()
    }
    return firstUntried(candidates, at, tried)
  }
}
