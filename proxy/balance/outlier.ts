import type { Clock } from '../base/clock.ts'
import { type Random, systemRandom } from '../base/random.ts'
import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'
import type { Endpoint } from './endpoint.ts'
import type { EndpointSet } from './endpoint-set.ts'
import { type AttemptObserver, FAILED, type Outcome } from './outcome.ts'
import { type Cause, findOutliers, type JudgementOptions } from './outlier-judgement.ts'

export interface OutlierOptions extends JudgementOptions {
  /** Failed requests in a row until an endpoint is ejected, at least 1; null: not judged by them. */
  readonly consecutive: number | null
  /** Time in milliseconds over which success rate and share of failures are counted. */
  readonly interval: number
  /** Length of the first ejection in milliseconds. */
  readonly eject: number
  /** Share by which each ejection is longer at random, at most; 0 to 1. */
  readonly jitter: number
  /** Share of the endpoints that may be ejected at once, 0 to 1; above 0, one may always be. */
  readonly maxEjected: number
}

/** No ejection is longer, in milliseconds, but for its jitter (Envoy's max_ejection_time). */
const MAX_EJECTION = 300_000

/** Ends one endpoint's ejection. */
class Return implements Deadline {
  readonly timer: Timer
  readonly #endpoint: Endpoint
  readonly #detector: OutlierDetector

  constructor(detector: OutlierDetector, endpoint: Endpoint) {
    this.#detector = detector
    this.#endpoint = endpoint
    this.timer = new Timer(this, 0)
  }

  expired(): void {
    this.#detector.ejectionEnded(this.#endpoint)
  }
}

/**
 * Ejects endpoints whose requests fail: at once when they fail in a row, at the end of an interval when they fail more
 * than those of the others, or more than a share of them (outlier-judgement.ts).
 *
 * The n-th ejection lasts n times `eject`, at most 300 s; n goes down by one for each interval that the endpoint stays
 * in. The last usable endpoint is never ejected, and when none is usable for other reasons, all ejections end.
 * Otherwise they end by time, or by an active check that passes.
 */
export class OutlierDetector implements AttemptObserver, Deadline {
  /** Ejections so far, by cause. */
  readonly causes: Record<Cause, number> = { consecutive: 0, 'success-rate': 0, 'failure-share': 0 }
  readonly #set: EndpointSet
  readonly #options: OutlierOptions
  readonly #consecutive: number
  readonly #wheel: TimerWheel
  readonly #clock: Clock
  readonly #random: Random
  readonly #interval: Timer
  readonly #returns = new Map<Endpoint, Return>()

  constructor(
    set: EndpointSet,
    options: OutlierOptions,
    wheel: TimerWheel,
    clock: Clock,
    random: Random = systemRandom,
  ) {
    this.#set = set
    this.#options = options
    this.#consecutive = options.consecutive ?? Number.POSITIVE_INFINITY
    this.#wheel = wheel
    this.#clock = clock
    this.#random = random
    this.#interval = new Timer(this, 0)
  }

  /** Begins the first interval. */
  start(): void {
    this.#wheel.arm(this.#interval, this.#options.interval)
  }

  attemptEnded(endpoint: Endpoint, outcome: Outcome): void {
    endpoint.intervalResults += 1
    if (outcome !== FAILED) {
      endpoint.consecutiveFailures = 0
      return
    }
    endpoint.intervalFailures += 1
    endpoint.consecutiveFailures += 1
    if (endpoint.consecutiveFailures >= this.#consecutive && endpoint.usable) {
      const failures = endpoint.consecutiveFailures
      const plural = failures === 1 ? 'request' : 'requests in a row'
      this.#eject(endpoint, 'consecutive', `${failures} ${plural} failed`)
    }
  }

  /** The interval is over. */
  expired(): void {
    const { endpoints } = this.#set
    for (const { endpoint, cause, why } of findOutliers(endpoints, this.#options)) {
      this.#eject(endpoint, cause, why)
    }
    for (const endpoint of endpoints) {
      endpoint.intervalResults = 0
      endpoint.intervalFailures = 0
      if (endpoint.ejectionLevel > 0 && !endpoint.ejected) endpoint.ejectionLevel -= 1
    }
    this.#wheel.arm(this.#interval, this.#options.interval)
  }

  /** No endpoint is usable: an endpoint that was ejected is better than none. To be called after a change of the set. */
  relent(): void {
    if (this.#set.usable > 0 || this.#set.ejected === 0) return
    const now = this.#clock.now()
    for (const [endpoint, end] of this.#returns) {
      this.#wheel.disarm(end.timer)
      this.#set.restore(endpoint, now, 'no other endpoint is usable')
    }
    this.#returns.clear()
  }

  /** Disarms every timer; what is ejected stays so. */
  stop(): void {
    this.#wheel.disarm(this.#interval)
    for (const one of this.#returns.values()) this.#wheel.disarm(one.timer)
    this.#returns.clear()
  }

  /** Called when an ejection's time is over. */
  ejectionEnded(endpoint: Endpoint): void {
    this.#returns.delete(endpoint)
    const now = this.#clock.now()
    this.#set.restore(endpoint, now, 'its ejection is over')
  }

  #eject(endpoint: Endpoint, cause: Cause, why: string): void {
    const set = this.#set
    const { eject, jitter, maxEjected } = this.#options
    if (maxEjected <= 0 || set.usable < 2) return
    const allowed = Math.max(1, Math.floor(maxEjected * set.endpoints.length))
    if (set.ejected >= allowed) return
    endpoint.ejectionLevel += 1
    const length = Math.min(MAX_EJECTION, eject * endpoint.ejectionLevel) * (1 + jitter * this.#random.next())
    let end = this.#returns.get(endpoint)
    if (end === undefined) {
      end = new Return(this, endpoint)
      this.#returns.set(endpoint, end)
    }
    this.#wheel.arm(end.timer, length)
    this.causes[cause] += 1
    set.eject(endpoint, this.#clock.now() + length, `${why}; out for ${Math.round(length / 1000)} s`)
  }
}
