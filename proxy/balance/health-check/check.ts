import type { Clock } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import { type Deadline, Timer, type TimerWheel } from '../../base/timer-wheel.ts'
import type { Endpoint } from '../endpoint.ts'
import type { EndpointSet } from '../endpoint-set.ts'
import type { Probe, ProbeRun } from './probe.ts'

export interface HealthCheckOptions {
  /** From the start of a check to the start of the next, in milliseconds; 2000 is usual. */
  readonly interval: number
  /** The same for healthy endpoints while nobody uses the upstream; default `interval`. 60000 is usual. */
  readonly idleInterval?: number
  /** Longest time for one check, in milliseconds; 1000 is usual. Time in which this process stalled is added. */
  readonly timeout: number
  /** Failed checks in a row until a healthy endpoint is unhealthy, at least 1; 3 is usual. */
  readonly unhealthyAfter: number
  /** Passed checks in a row until an unhealthy endpoint is healthy, at least 1; 2 is usual. */
  readonly healthyAfter: number
  /** Share by which each interval varies at random, 0 to 1; 0.1 is usual. */
  readonly jitter: number
}

/** What the checks need to know about time and chance. `wheel` runs on `clock`. */
export interface CheckRuntime {
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly random: Random
  /** Whether the upstream has been used since it was last asked; default: always. */
  readonly busy?: () => boolean
}

/** Who decides when checks may run. */
export interface CheckOwner {
  /** Nobody uses the upstream. */
  readonly idle: boolean
  /** Whether `check` may run now; if not, its `run` is called later. */
  admit(check: Check): boolean
  /** A check that ran, or waited to, does so no longer. */
  left(check: Check): void
}

const NEXT = 0
const STEP = 1

/** The timeout is waited for in this many steps. */
const STEPS = 4

/** A timer of the wheel is this late at most without any stall, in milliseconds. */
const TIMER_SLACK = 20

/**
 * The checks of one endpoint, one after the other.
 *
 * An endpoint is not blamed for a stall of this process. The timeout is waited for in steps, each armed when the
 * one before has fired: a stall stretches the step that it falls into, and the rest of the timeout still follows.
 * If a step was late by more than half the timeout, a failure does not count at all.
 */
export class Check implements Deadline {
  readonly #endpoint: Endpoint
  readonly #set: EndpointSet
  readonly #probe: Probe
  readonly #options: HealthCheckOptions
  readonly #runtime: CheckRuntime
  readonly #owner: CheckOwner
  readonly #next: Timer
  readonly #step: Timer
  #run: ProbeRun | null = null
  #startedAt = 0
  #stepDue = 0
  #stepsLeft = 0
  #stall = 0
  /** Results in a row: above 0 passed, below 0 failed. */
  #streak = 0
  /** When the next is due, while it is waited for. */
  #nextDue = 0

  constructor(
    endpoint: Endpoint,
    set: EndpointSet,
    probe: Probe,
    options: HealthCheckOptions,
    runtime: CheckRuntime,
    owner: CheckOwner,
  ) {
    this.#endpoint = endpoint
    this.#set = set
    this.#probe = probe
    this.#options = options
    this.#runtime = runtime
    this.#owner = owner
    this.#next = new Timer(this, NEXT)
    this.#step = new Timer(this, STEP)
  }

  /** Makes the first check in `delay` milliseconds, at 0 at once. */
  start(delay: number): void {
    if (delay <= 0) {
      this.#begin()
      return
    }
    this.#nextDue = this.#runtime.clock.now() + delay
    this.#runtime.wheel.arm(this.#next, delay)
  }

  /** Makes the next check in `delay` milliseconds, unless it comes sooner anyway. */
  hasten(delay: number): void {
    if (this.#nextDue > this.#runtime.clock.now() + delay) this.start(delay)
  }

  /** Ends it, with a check that is under way. */
  stop(): void {
    this.#runtime.wheel.disarm(this.#next)
    this.#runtime.wheel.disarm(this.#step)
    this.#run?.cancel()
    this.#run = null
    this.#nextDue = 0
    this.#owner.left(this)
  }

  expired(kind: number): void {
    if (kind === NEXT) this.#begin()
    else this.#stepOver()
  }

  #begin(): void {
    this.#nextDue = 0
    if (this.#owner.admit(this)) this.run()
  }

  /** Starts the check that is due. */
  run(): void {
    this.#startedAt = this.#runtime.clock.now()
    this.#stall = 0
    this.#stepsLeft = STEPS
    this.#armStep()
    this.#run = this.#probe.run(this.#endpoint, (ok, detail, degraded) => this.#finish(ok, detail, degraded))
  }

  #armStep(): void {
    const length = this.#options.timeout / STEPS
    this.#stepDue = this.#runtime.clock.now() + length
    this.#runtime.wheel.arm(this.#step, length)
  }

  #stepOver(): void {
    this.#noteStall()
    this.#stepsLeft -= 1
    if (this.#stepsLeft > 0) {
      this.#armStep()
      return
    }
    const run = this.#run as ProbeRun
    const waitingFor = run.waitingFor()
    run.cancel()
    this.#finish(false, `timeout after ${this.#options.timeout} ms: ${waitingFor}`)
  }

  #noteStall(): void {
    this.#stall = Math.max(this.#stall, this.#runtime.clock.now() - this.#stepDue - TIMER_SLACK)
  }

  #finish(ok: boolean, detail: string, degraded = false): void {
    // A result may be read before a timer that is overdue has fired.
    this.#noteStall()
    this.#run = null
    this.#runtime.wheel.disarm(this.#step)
    this.#judge(ok, detail, degraded)
    this.#schedule(this.#endpoint.lastCheckMs)
    this.#owner.left(this)
  }

  #judge(ok: boolean, detail: string, degraded: boolean): void {
    const endpoint = this.#endpoint
    endpoint.lastCheckMs = this.#runtime.clock.now() - this.#startedAt
    if (!ok && this.#stall > this.#options.timeout / 2) {
      endpoint.checksDiscarded += 1
      endpoint.lastCheck = `not counted, as this process stalled for ${Math.round(this.#stall)} ms: ${detail}`
      return
    }
    endpoint.lastCheck = detail
    if (ok) this.#passed(detail, degraded)
    else this.#failed(detail)
  }

  #passed(detail: string, degraded: boolean): void {
    const endpoint = this.#endpoint
    // Before it is used again: one that is degraded is not to be taken for well in between.
    this.#set.setDegraded(endpoint, degraded, `health check passed: ${detail}`)
    endpoint.checksOk += 1
    this.#streak = Math.max(0, this.#streak) + 1
    if (endpoint.health === 'unknown' || this.#streak >= this.#options.healthyAfter) {
      this.#set.setHealth(endpoint, 'healthy', `health check passed: ${detail}`)
    }
    this.#set.restore(endpoint, this.#runtime.clock.now(), 'a health check passed')
  }

  #failed(detail: string): void {
    const endpoint = this.#endpoint
    endpoint.checksFailed += 1
    this.#streak = Math.min(0, this.#streak) - 1
    if (endpoint.health === 'unknown' || -this.#streak >= this.#options.unhealthyAfter) {
      this.#set.setHealth(endpoint, 'unhealthy', `health check failed: ${detail}`)
    }
  }

  #schedule(took: number): void {
    const { jitter } = this.#options
    const relaxed = this.#owner.idle && this.#endpoint.health === 'healthy' && this.#streak > 0
    const interval = relaxed ? (this.#options.idleInterval ?? this.#options.interval) : this.#options.interval
    const varied = interval * (1 + jitter * (2 * this.#runtime.random.next() - 1))
    // Not at once: a failure that is found at once would be looked for without end.
    this.start(Math.max(1, varied - took))
  }
}
