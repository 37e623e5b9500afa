import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Balancer } from './balancer.ts'
import { bestOfDraws, type Comparison } from './best-of-draws.ts'
import { CandidateDraw } from './candidate-draw.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'
import { type AttemptObserver, type Outcome, SUCCEEDED } from './outcome.ts'
import type { SlowStart } from './slow-start.ts'
import type { Tier } from './tier.ts'

export interface EwmaOptions {
  /** Time in which an old observation loses 63 % of its effect, in milliseconds, above 0; default 10 s, as Linkerd's. */
  readonly decay?: number
  /** What a failure counts as, in milliseconds; default 5 s, as Linkerd's; 0: as the time that it took. */
  readonly penalty?: number
}

export const EWMA_DECAY = 10_000
export const FAILURE_PENALTY = 5_000
/** Longest time that an endpoint is believed when it asks to be left alone, in milliseconds. */
const MAX_BACK_OFF = 300_000
/** What an endpoint is taken for before it has answered, in milliseconds. */
const INITIAL_LATENCY = 30
/** Shorter ones are the same, in milliseconds: between endpoints that nobody used for hours, requests in flight decide. */
const MIN_LATENCY = 0.01

/**
 * Keeps each endpoint's latency for the ewma policy: a mean that forgets exponentially, and that a slower answer
 * replaces at once (Finagle's peak EWMA, Linkerd's `tower-balance`). It stands on the endpoint, so that it outlives every
 * change of the set.
 *
 * A failure counts as a slow answer, and as a slower one when the endpoint asks to be left alone for longer: an endpoint
 * that fails fast would attract all requests otherwise.
 */
export class LatencyObserver implements AttemptObserver {
  readonly #clock: Clock
  readonly #decay: number
  readonly #penalty: number

  constructor(clock: Clock, options: EwmaOptions = {}) {
    this.#clock = clock
    this.#decay = options.decay ?? EWMA_DECAY
    this.#penalty = options.penalty ?? FAILURE_PENALTY
  }

  attemptEnded(endpoint: Endpoint, outcome: Outcome, ms: number, backOffMs: number): void {
    let sample = ms
    if (outcome !== SUCCEEDED && this.#penalty > 0) {
      sample = Math.max(ms, this.#penalty, Math.min(backOffMs, MAX_BACK_OFF))
    }
    // A try that never left says nothing of how fast the endpoint is.
    if (sample <= 0) return
    const now = this.#clock.now()
    if (endpoint.latency < 0) {
      endpoint.latency = sample
    } else {
      const kept = Math.exp((endpoint.latencyAt - now) / this.#decay)
      const decayed = endpoint.latency * kept
      endpoint.latency = sample > decayed ? sample : decayed + sample * (1 - kept)
    }
    endpoint.latencyAt = now
  }
}

/**
 * The better of two endpoints drawn at random by `latency × (requests in flight + 1)`. An endpoint's latency fades while
 * nothing is heard of it, so that one that was slow or failed is asked again.
 *
 * With different weights both are drawn by weight, and requests in flight count by what the weight is to the mean
 * weight: an endpoint of twice the mean carries twice as many before it looks as loaded.
 */
export class EwmaBalancer implements Balancer, Comparison {
  readonly #draw: CandidateDraw
  readonly #slowStart: SlowStart | null
  readonly #clock: Clock
  readonly #decay: number
  #meanWeight = 1
  #now = 0

  constructor(
    tier: Tier,
    random: Random,
    clock: Clock,
    slowStart: SlowStart | null = null,
    options: EwmaOptions = {},
  ) {
    this.#draw = new CandidateDraw(tier, random, slowStart)
    this.#slowStart = slowStart
    this.#clock = clock
    this.#decay = options.decay ?? EWMA_DECAY
  }

  pick(choice: Choice): Endpoint | null {
    this.#now = this.#clock.now()
    if (this.#draw.follow()) this.#refresh()
    return bestOfDraws(this.#draw, 2, this, choice)
  }

  better(first: Endpoint, second: Endpoint): Endpoint {
    return this.#load(second) < this.#load(first) ? second : first
  }

  #load(endpoint: Endpoint): number {
    const passed = this.#now - endpoint.latencyAt
    const latency = Math.max(MIN_LATENCY, endpoint.latency * Math.exp(-passed / this.#decay))
    const weight =
      this.#slowStart === null ? endpoint.weight : endpoint.weight * this.#slowStart.share(endpoint)
    return latency * ((endpoint.active * this.#meanWeight) / weight + 1)
  }

  #refresh(): void {
    let total = 0
    for (const endpoint of this.#draw.candidates) {
      total += endpoint.weight
      if (endpoint.latency >= 0) continue
      endpoint.latency = INITIAL_LATENCY
      endpoint.latencyAt = this.#now
    }
    this.#meanWeight = total / Math.max(1, this.#draw.candidates.length)
  }
}
