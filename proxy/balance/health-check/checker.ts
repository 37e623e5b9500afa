import { type Deadline, Timer } from '../../base/timer-wheel.ts'
import type { Endpoint } from '../endpoint.ts'
import type { EndpointSet } from '../endpoint-set.ts'
import { Check, type CheckOwner, type CheckRuntime, type HealthCheckOptions } from './check.ts'
import type { Probe } from './probe.ts'

/** Between the first checks of two endpoints, in milliseconds at most: a thousand do not start at once. */
const FIRST_CHECK_GAP = 10

/**
 * Checks of one upstream that run at once; others wait their turn. Enough for a thousand endpoints that all say nothing
 * for a second, at an interval of two.
 */
const MAX_RUNNING = 600

/**
 * Checks every endpoint of a set at its interval, and tells the set.
 *
 * The first result of an endpoint counts at once, whichever it is; after that the thresholds apply.
 * A check that passes also ends an ejection. While nobody uses the upstream, healthy endpoints are checked less often.
 */
export class HealthChecker implements CheckOwner, Deadline {
  /** Nobody has used the upstream for `idleInterval`. */
  idle = false

  readonly #set: EndpointSet
  readonly #probe: Probe
  readonly #options: HealthCheckOptions
  readonly #runtime: CheckRuntime
  readonly #checks = new Map<Endpoint, Check>()
  readonly #running = new Set<Check>()
  readonly #waiting = new Set<Check>()
  readonly #look: Timer
  #usedAt = 0

  /** Owns `probe`, and closes it on `stop`. */
  constructor(set: EndpointSet, probe: Probe, options: HealthCheckOptions, runtime: CheckRuntime) {
    this.#set = set
    this.#probe = probe
    this.#options = options
    this.#runtime = runtime
    this.#look = new Timer(this, 0)
  }

  /** Starts checking; the first endpoint at once, the others soon after. */
  start(): void {
    this.idle = false
    this.#usedAt = this.#runtime.clock.now()
    const { interval, idleInterval = interval } = this.#options
    if (this.#runtime.busy !== undefined && idleInterval > interval) {
      this.#runtime.wheel.arm(this.#look, interval)
    }
    this.sync()
  }

  /** Looks whether the upstream is used. */
  expired(): void {
    const { clock, wheel, busy } = this.#runtime
    const { interval, idleInterval = interval } = this.#options
    wheel.arm(this.#look, interval)
    const now = clock.now()
    if (busy?.() !== true) {
      if (now - this.#usedAt >= idleInterval) this.idle = true
      return
    }
    this.#usedAt = now
    if (!this.idle) return
    this.idle = false
    const gap = this.#gap(this.#checks.size)
    let delay = 0
    for (const check of this.#checks.values()) {
      delay += gap
      check.hasten(delay)
    }
  }

  admit(check: Check): boolean {
    if (this.#running.size >= MAX_RUNNING) {
      this.#waiting.add(check)
      return false
    }
    this.#running.add(check)
    return true
  }

  left(check: Check): void {
    this.#waiting.delete(check)
    if (!this.#running.delete(check)) return
    for (const next of this.#waiting) {
      this.#waiting.delete(next)
      this.#running.add(next)
      next.run()
      return
    }
  }

  /** Between the starts of `count` checks, so that they are spread over an interval. */
  #gap(count: number): number {
    return Math.min(FIRST_CHECK_GAP, this.#options.interval / Math.max(1, count))
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
    const gap = this.#gap(fresh.length)
    for (let i = 0; i < fresh.length; i++) {
      const endpoint = fresh[i] as Endpoint
      const check = new Check(endpoint, this.#set, this.#probe, this.#options, this.#runtime, this)
      this.#checks.set(endpoint, check)
      check.start(i * gap)
    }
  }

  /** Ends every check and closes every connection. Health stays as last seen. May be started again. */
  stop(): void {
    this.#runtime.wheel.disarm(this.#look)
    this.#waiting.clear()
    for (const check of this.#checks.values()) check.stop()
    this.#checks.clear()
    this.#probe.close()
  }
}
