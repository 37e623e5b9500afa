import type { Random } from '../base/random.ts'
import type { Balancer } from './balancer.ts'
import { bestOfDraws, type Comparison } from './best-of-draws.ts'
import { CandidateDraw } from './candidate-draw.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import type { SlowStart } from './slow-start.ts'
import type { Tier } from './tier.ts'

export interface LeastRequestOptions {
  /** Endpoints drawn for each pick, at least 1; default 2. */
  readonly choices?: number
  /**
   * How much requests in flight count against weight, 0 or more: `weight / active^bias`. Default 1, as Envoy's
   * active_request_bias; 0: not at all, endpoints are drawn by weight. Without effect while all weights are the same.
   */
  readonly bias?: number
}

/**
 * The less loaded of two endpoints drawn at random.
 *
 * With equal weights both are drawn uniformly and the one with fewer requests in flight wins. With different
 * weights both are drawn by weight, and the larger `weight / active` wins; in a tie the first drawn, so that
 * the shares follow the weights exactly while nothing is in flight. (With Envoy's `active + 1` the heavier of two idle
 * endpoints would win every time, and the lighter would hardly be used by a service with little traffic.)
 */
export class LeastRequestBalancer implements Balancer, Comparison {
  readonly #draw: CandidateDraw
  readonly #slowStart: SlowStart | null
  readonly #choices: number
  readonly #bias: number

  constructor(
    tier: Tier,
    random: Random,
    slowStart: SlowStart | null = null,
    options: LeastRequestOptions = {},
  ) {
    this.#draw = new CandidateDraw(tier, random, slowStart)
    this.#slowStart = slowStart
    this.#bias = options.bias ?? 1
    this.#choices = this.#bias === 0 ? 1 : (options.choices ?? 2)
  }

  pick(choice: Choice): Endpoint | null {
    this.#draw.follow()
    return bestOfDraws(this.#draw, this.#choices, this, choice)
  }

  /** The one with more weight per request in flight; the first in a tie. */
  better(first: Endpoint, second: Endpoint): Endpoint {
    let firstWeight = first.weight
    let secondWeight = second.weight
    const slowStart = this.#slowStart
    if (slowStart !== null) {
      firstWeight *= slowStart.share(first)
      secondWeight *= slowStart.share(second)
    }
    const bias = this.#bias
    const firstLoad = bias === 1 ? first.active : first.active ** bias
    const secondLoad = bias === 1 ? second.active : second.active ** bias
    return secondLoad * firstWeight < firstLoad * secondWeight ? second : first
  }
}
