import type { Random } from '../base/random.ts'
import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'
import type { Endpoint } from './endpoint.ts'
import type { EndpointSet } from './endpoint-set.ts'
import { hasLabels, type Labels } from './labels.ts'
import { type AttemptObserver, FAILED, type Outcome, SUCCEEDED } from './outcome.ts'

export interface BreakerOptions {
  /** Failed requests in a row that shut an endpoint, at least 1. */
  readonly failures: number
  readonly backOff: BackOff
}

/** How long an endpoint stays shut before a request tries it. */
export interface BackOff {
  /** The first time, in milliseconds. Doubles with each trial that fails. */
  readonly from: number
  /** The longest time, in milliseconds. */
  readonly to: number
  /** Share by which each is longer at random, at most; 0 to 1. */
  readonly jitter: number
}

/** What is kept of an endpoint while it is shut. */
class ShutEndpoint implements Deadline {
  readonly timer: Timer
  readonly #breaker: Breaker
  readonly #endpoint: Endpoint

  constructor(breaker: Breaker, endpoint: Endpoint) {
    this.#breaker = breaker
    this.#endpoint = endpoint
    this.timer = new Timer(this, 0)
  }

  expired(): void {
    this.#breaker.waited(this.#endpoint)
  }
}

/**
 * A circuit breaker per endpoint (Linkerd's failure accrual; Nygard, "Release It!").
 *
 *     open -- failures in a row --> shut -- time --> on offer -- a request --> on trial -- passed --> open
 *                                    ^                  ^----- without result ---|  |
 *                                    |------------------- failed ------------------|
 *
 * Whoever is shut is not usable, so that picks go elsewhere. One that is on offer is given to the next request
 * (trial-balancer.ts); until that has a result, nobody else gets it. Unlike outlier detection it shuts the last
 * endpoint, too. What is counted stands on the endpoint; only endpoints that are shut have an object and a timer.
 */
export class Breaker implements AttemptObserver {
  /** Times an endpoint was shut, and opened again. */
  timesShut = 0
  timesOpened = 0
  /** Trials that failed. */
  trialsFailed = 0
  readonly #set: EndpointSet
  readonly #options: BreakerOptions
  readonly #wheel: TimerWheel
  readonly #random: Random
  readonly #shut = new Map<Endpoint, ShutEndpoint>()
  // In the order in which their time was over.
  readonly #offered = new Set<Endpoint>()

  constructor(set: EndpointSet, options: BreakerOptions, wheel: TimerWheel, random: Random) {
    this.#set = set
    this.#options = options
    this.#wheel = wheel
    this.#random = random
  }

  /** Results of ordinary requests; those of trials come to `judge`. */
  attemptEnded(endpoint: Endpoint, outcome: Outcome): void {
    // From before it was shut.
    if (endpoint.shut) return
    if (outcome !== FAILED) {
      endpoint.breakerFailures = 0
      endpoint.breakerLevel = 0
      return
    }
    endpoint.breakerFailures += 1
    if (endpoint.breakerFailures < this.#options.failures || endpoint.removed) return
    const { breakerFailures } = endpoint
    const wait = this.#shutFor(endpoint)
    const plural = breakerFailures === 1 ? 'request' : 'requests in a row'
    this.timesShut += 1
    this.#set.shutOut(endpoint, `${breakerFailures} ${plural} failed; one will try it in ${seconds(wait)}`)
  }

  /** Whether endpoints are on offer. */
  get offers(): boolean {
    return this.#offered.size > 0
  }

  /**
   * The endpoint that has been on offer for longest, has `labels` and is fit for a trial; null when none is. Looks at
   * `looks` endpoints at most. It stays on offer until an attempt takes it.
   */
  offered(looks: number, labels: Labels | null): Endpoint | null {
    for (const endpoint of this.#offered) {
      if (looks-- <= 0) return null
      const fit = !endpoint.removed && !endpoint.ejected && endpoint.health !== 'unhealthy'
      if (fit && (labels === null || hasLabels(endpoint, labels))) return endpoint
      // Others may be fit meanwhile.
      this.#offered.delete(endpoint)
      if (endpoint.removed) this.#shut.delete(endpoint)
      else this.#offered.add(endpoint)
    }
    return null
  }

  /** An attempt begins at an endpoint that is shut. True: it is the trial, and `judge` or `giveBack` follows. */
  take(endpoint: Endpoint): boolean {
    return this.#offered.delete(endpoint)
  }

  /** The trial ended without a result: the next request is one. */
  giveBack(endpoint: Endpoint): void {
    if (endpoint.shut && !endpoint.removed && this.#shut.has(endpoint)) this.#offered.add(endpoint)
  }

  /**
   * The result of a trial. With `begun` it is a response that goes on: the endpoint is opened, as that may take hours,
   * and the next failure shuts it again for longer.
   */
  judge(endpoint: Endpoint, outcome: Outcome, begun = false): void {
    if (!endpoint.shut || endpoint.removed) {
      this.#shut.delete(endpoint)
      return
    }
    if (outcome === FAILED) {
      this.trialsFailed += 1
      endpoint.breakerLevel += 1
      this.#shutFor(endpoint)
      return
    }
    this.#shut.delete(endpoint)
    endpoint.breakerFailures = begun ? this.#options.failures - 1 : 0
    if (begun) endpoint.breakerLevel += 1
    else endpoint.breakerLevel = 0
    this.timesOpened += 1
    this.#set.reopen(endpoint, outcome === SUCCEEDED ? 'a request succeeded' : 'it answered a request')
  }

  /** The endpoint has been shut for long enough. */
  waited(endpoint: Endpoint): void {
    if (endpoint.removed) this.#shut.delete(endpoint)
    else this.#offered.add(endpoint)
  }

  /** Disarms every timer; what is shut stays so. */
  stop(): void {
    for (const one of this.#shut.values()) this.#wheel.disarm(one.timer)
    this.#shut.clear()
    this.#offered.clear()
  }

  /** Arms the next trial of an endpoint; returns the milliseconds until then. */
  #shutFor(endpoint: Endpoint): number {
    const { from, to, jitter } = this.#options.backOff
    const wait = Math.min(to, from * 2 ** endpoint.breakerLevel) * (1 + jitter * this.#random.next())
    let shut = this.#shut.get(endpoint)
    if (shut === undefined) {
      shut = new ShutEndpoint(this, endpoint)
      this.#shut.set(endpoint, shut)
    }
    this.#wheel.arm(shut.timer, wait)
    return wait
  }
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
