import type { Clock } from '../base/clock.ts'
import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'
import type { Endpoint } from './endpoint.ts'
import type { EndpointSet } from './endpoint-set.ts'
import { type AttemptObserver, FAILED, type Outcome } from './outcome.ts'

export interface OutlierOptions {
  /** Failed requests in a row until an endpoint is ejected; at least 1. */
  readonly consecutive: number
  /** Length of the first ejection in milliseconds. */
  readonly eject: number
  /** Share of the endpoints that may be ejected at once, 0 to 1; above 0, one may always be. */
  readonly maxEjected: number
}

/** No ejection is longer, in milliseconds. */
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
 * Ejects endpoints whose requests fail one after the other.
 *
 * The n-th ejection lasts n times `eject`, at most 300 s; n goes down by one for each `eject` that the endpoint
 * stays in. The last usable endpoint is never ejected. Ejections end by time, or by an active check that passes.
 */
export class OutlierDetector implements AttemptObserver {
  readonly #set: EndpointSet
  readonly #options: OutlierOptions
  readonly #wheel: TimerWheel
  readonly #clock: Clock
  readonly #returns = new Map<Endpoint, Return>()

  constructor(set: EndpointSet, options: OutlierOptions, wheel: TimerWheel, clock: Clock) {
    this.#set = set
    this.#options = options
    this.#wheel = wheel
    this.#clock = clock
  }

  attemptEnded(endpoint: Endpoint, outcome: Outcome): void {
    if (outcome !== FAILED) {
      endpoint.consecutiveFailures = 0
      return
    }
    endpoint.consecutiveFailures += 1
    if (endpoint.consecutiveFailures >= this.#options.consecutive && endpoint.usable) this.#eject(endpoint)
  }

  endpointRemoved(endpoint: Endpoint): void {
    const end = this.#returns.get(endpoint)
    if (end === undefined) return
    this.#wheel.disarm(end.timer)
    this.#returns.delete(endpoint)
  }

  /** Disarms every timer; what is ejected stays so. */
  stop(): void {
    for (const one of this.#returns.values()) this.#wheel.disarm(one.timer)
    this.#returns.clear()
  }

  /** Called when an ejection's time is over. */
  ejectionEnded(endpoint: Endpoint): void {
    this.#returns.delete(endpoint)
    const now = this.#clock.now()
    this.#set.restore(endpoint, now, 'its ejection is over')
  }

  #eject(endpoint: Endpoint): void {
    const set = this.#set
    const { eject, maxEjected } = this.#options
    if (maxEjected <= 0 || set.usable < 2) return
    const allowed = Math.max(1, Math.floor(maxEjected * set.endpoints.length))
    if (set.ejected >= allowed) return
    const now = this.#clock.now()
    const quiet = eject > 0 ? Math.floor((now - endpoint.returnedAt) / eject) : 0
    endpoint.ejectionLevel = Math.max(0, endpoint.ejectionLevel - quiet) + 1
    const length = Math.min(MAX_EJECTION, eject * endpoint.ejectionLevel)
    let end = this.#returns.get(endpoint)
    if (end === undefined) {
      end = new Return(this, endpoint)
      this.#returns.set(endpoint, end)
    }
    this.#wheel.arm(end.timer, length)
    const failures = endpoint.consecutiveFailures
    const plural = failures === 1 ? 'request' : 'requests in a row'
    set.eject(endpoint, now + length, `${failures} ${plural} failed; out for ${length / 1000} s`)
  }
}
