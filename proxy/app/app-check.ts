import type { AppCheckConfig } from '../../config/types/app.ts'
import type { Endpoint, Health } from '../balance/endpoint.ts'
import { EndpointSet } from '../balance/endpoint-set.ts'
import type { CheckRuntime } from '../balance/health-check/check.ts'
import { HealthChecker } from '../balance/health-check/checker.ts'
import { createProbe } from '../balance/health-check/create-probe.ts'

/** Told when the verdict changes; `why` is a phrase for people. */
export type AppCheckListener = (healthy: boolean, why: string) => void

/** The active checks of an upstream, made of the application: with their thresholds, and without blame for our stalls. */
export class AppCheck {
  readonly #config: AppCheckConfig
  readonly #runtime: CheckRuntime
  readonly #changed: AppCheckListener
  #checker: HealthChecker | null = null
  #endpoint: Endpoint | null = null

  constructor(config: AppCheckConfig, runtime: CheckRuntime, changed: AppCheckListener) {
    this.#config = config
    this.#runtime = runtime
    this.#changed = changed
  }

  /**
   * Begins to check, anew if it did before. With `unknown` the first result counts, whichever it is; with `healthy` the
   * thresholds hold from the beginning. `interval` is at most this many milliseconds.
   */
  start(health: Health, interval = Number.POSITIVE_INFINITY): void {
    this.stop()
    const { address, check } = this.#config
    let begun = false
    const set = new EndpointSet([{ address, weight: 1, zone: null, priority: 0 }], {
      onChange: (_, change, why) => {
        if (begun) this.#changed(change === 'healthy', why)
      },
    })
    const [endpoint] = set.endpoints as [Endpoint]
    set.setHealth(endpoint, health, '')
    begun = true
    const schedule = { ...check, interval: Math.min(interval, check.interval) }
    this.#endpoint = endpoint
    this.#checker = new HealthChecker(set, createProbe(check.probe, {}), schedule, this.#runtime)
    this.#checker.start()
  }

  stop(): void {
    this.#checker?.stop()
    this.#checker = null
  }

  /** What the last check found, for people; empty before the first. */
  get lastCheck(): string {
    return this.#endpoint?.lastCheck ?? ''
  }
}
