import type { Endpoint } from '../endpoint.ts'
import type { EndpointSet } from '../endpoint-set.ts'
import { Check, type CheckRuntime, type HealthCheckOptions } from './check.ts'
import type { Probe } from './probe.ts'

/** Between the first checks of two endpoints, in milliseconds at most: a thousand do not start at once. */
const FIRST_CHECK_GAP = 10

/**
 * Checks every endpoint of a set at its interval, and tells the set.
 *
 * The first result of an endpoint counts at once, whichever it is; after that the thresholds apply.
 * A check that passes also ends an ejection.
 */
export class HealthChecker {
  readonly #set: EndpointSet
  readonly #probe: Probe
  readonly #options: HealthCheckOptions
  readonly #runtime: CheckRuntime
  readonly #checks = new Map<Endpoint, Check>()

  /** Owns `probe`, and closes it on `stop`. */
  constructor(set: EndpointSet, probe: Probe, options: HealthCheckOptions, runtime: CheckRuntime) {
    this.#set = set
    this.#probe = probe
    this.#options = options
    this.#runtime = runtime
  }

  /** Starts checking; the first endpoint at once, the others soon after. */
  start(): void {
    this.sync()
  }

  /** Brings the checks in line with the set's members; to be called after `EndpointSet.update`. */
  sync(): void {
    for (const [endpoint, check] of this.#checks) {
      if (!endpoint.removed) continue
      check.stop()
      this.#checks.delete(endpoint)
      this.#probe.forget(endpoint)
    }
    const fresh = this.#set.endpoints.filter((endpoint) => !this.#checks.has(endpoint))
    const gap = Math.min(FIRST_CHECK_GAP, this.#options.interval / Math.max(1, fresh.length))
    for (let i = 0; i < fresh.length; i++) {
      const endpoint = fresh[i] as Endpoint
      const check = new Check(endpoint, this.#set, this.#probe, this.#options, this.#runtime)
      this.#checks.set(endpoint, check)
      check.start(i * gap)
    }
  }

  /** Ends every check and closes every connection. Health stays as last seen. May be started again. */
  stop(): void {
    for (const check of this.#checks.values()) check.stop()
    this.#checks.clear()
    this.#probe.close()
  }
}
