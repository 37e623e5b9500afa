import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Endpoint } from './endpoint.ts'

export interface SlowStartOptions {
  /** Time until an endpoint has its whole share, in milliseconds. */
  readonly window: number
  /** 1: the share grows evenly; above, faster at first; below, slower. Above 0. */
  readonly aggression: number
  /** Share at the beginning, above 0 to 1. */
  readonly minimum: number
}

/** Draws that newcomers may turn down before the next one is taken, whoever it is: when nearly all are newcomers. */
export const WARM_DRAWS = 8

/**
 * Gives an endpoint that joined or returned its share step by step: weight × max(minimum, t^(1/aggression)), t being
 * how much of the window has passed (Envoy's slow start).
 *
 * Weights are left as they are, so that no table is made again while an endpoint warms up: it is drawn by its whole
 * weight and turns a request down with the probability of what it lacks. A pick costs one number more, and only while
 * somebody warms up.
 */
export class SlowStart {
  readonly #options: SlowStartOptions
  readonly #clock: Clock
  readonly #random: Random

  constructor(options: SlowStartOptions, clock: Clock, random: Random) {
    this.#options = options
    this.#clock = clock
    this.#random = random
  }

  /** What of its weight `endpoint` has, above 0 to 1. */
  share(endpoint: Endpoint): number {
    if (endpoint.warmingSince < 0) return 1
    const { window, aggression, minimum } = this.#options
    const passed = (this.#clock.now() - endpoint.warmingSince) / window
    if (passed >= 1) {
      endpoint.warmingSince = -1
      return 1
    }
    return Math.max(minimum, aggression === 1 ? passed : passed ** (1 / aggression))
  }

  /** Whether an endpoint that was drawn takes the request. */
  admits(endpoint: Endpoint): boolean {
    return endpoint.warmingSince < 0 || this.#random.next() < this.share(endpoint)
  }
}
