import type { EndpointConfig } from '../../config/types/upstream.ts'
import type { Clock } from '../base/clock.ts'
import type { DiscoveryStats } from '../telemetry/discovery-stats.ts'
import type { Logger } from '../telemetry/log.ts'
import type { EndpointSource, SourceListener } from './endpoint-source.ts'

export interface DiscoveryOptions {
  /** Name of the upstream. */
  readonly upstream: string
  /** Puts the endpoints into use; empty for none. */
  readonly apply: (endpoints: readonly EndpointConfig[]) => void
  /** Hears of `problem` as it changes. */
  readonly explain: (problem: string) => void
  readonly stats: DiscoveryStats
  readonly clock: Clock
  readonly log: Logger
}

/** The same failure is told again after this time, in milliseconds. */
const REMIND_MS = 60_000
/** Addresses that a log line names. */
const NAMED = 20

/**
 * Keeps the endpoints of an upstream in line with its source. When the source fails, the last endpoints stay in use for
 * as long as that lasts; only a certain answer takes them away.
 */
export class Discovery implements SourceListener {
  readonly source: EndpointSource
  /** Why there is no endpoint, or why the last ones stay in use; empty when all is well. */
  problem: string
  readonly #options: DiscoveryOptions
  #endpoints: readonly EndpointConfig[] = []
  #settled = false
  #waiting: (() => void)[] = []
  #toldCode = ''
  #toldWhy = ''
  #toldAt = 0

  constructor(source: EndpointSource, options: DiscoveryOptions) {
    this.source = source
    this.#options = options
    this.problem = `${source.subject}: not looked up yet`
    options.explain(this.problem)
  }

  /** Whether it is known where the upstream runs, or that this is not to be found out soon. */
  get settled(): boolean {
    return this.#settled
  }

  /** Resolves when `settled`. */
  whenSettled(): Promise<void> {
    if (this.#settled) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  start(): void {
    this.source.start(this)
  }

  stop(): void {
    this.source.stop()
    this.#settle()
  }

  found(endpoints: readonly EndpointConfig[]): void {
    this.#succeeded()
    this.#explain('')
    this.#replace(endpoints, '')
    this.#settle()
  }

  empty(why: string): void {
    this.#succeeded()
    this.#explain(`${this.source.subject}: ${why}`)
    this.#replace([], why)
    this.#settle()
  }

  failed(code: string, why: string): void {
    const { stats, upstream, clock, log } = this.#options
    stats.failures.count(code)
    this.#explain(`${this.source.subject}: ${why}`)
    const now = clock.now()
    // Whoever mends a file wants to know what else is wrong with it; servers word the same failure in many ways.
    const news = code !== this.#toldCode || (this.source.kind === 'file' && why !== this.#toldWhy)
    if (news || now - this.#toldAt >= REMIND_MS) {
      this.#toldCode = code
      this.#toldWhy = why
      this.#toldAt = now
      const kept = this.#endpoints.length
      const rest = kept === 0 ? 'there is no endpoint yet' : `${countOf(kept)} kept`
      log.warn({ upstream, reason: code, kept }, `endpoints of ${upstream}: ${this.problem}; ${rest}`)
    }
    if (!this.source.patient) this.#settle()
  }

  #explain(problem: string): void {
    this.problem = problem
    this.#options.explain(problem)
  }

  #succeeded(): void {
    const { stats, clock, log, upstream } = this.#options
    stats.succeededAt = clock.wall()
    if (this.#toldCode === '') return
    this.#toldCode = ''
    log.info({ upstream }, `endpoints of ${upstream}: ${this.source.subject} works again`)
  }

  #replace(endpoints: readonly EndpointConfig[], why: string): void {
    const { stats, apply, upstream, log } = this.#options
    const before = this.#endpoints
    const changed = !isSame(before, endpoints)
    if (!changed && this.#settled) return
    this.#endpoints = endpoints
    stats.updates += 1
    stats.endpoints = endpoints.length
    if (changed) apply(endpoints)
    const known = new Set(before.map(addressOf))
    const now = new Set(endpoints.map(addressOf))
    const added = [...now].filter((address) => !known.has(address))
    const removed = [...known].filter((address) => !now.has(address))
    const fields = { upstream, added: added.slice(0, NAMED), removed: removed.slice(0, NAMED) }
    const difference = `+${added.length} −${removed.length}`
    if (endpoints.length > 0)
      log.info(fields, `endpoints of ${upstream}: ${difference}, now ${endpoints.length}`)
    else log.warn(fields, `endpoints of ${upstream}: ${difference}, now none: ${why}`)
  }

  #settle(): void {
    if (this.#settled) return
    this.#settled = true
    for (const resolve of this.#waiting) resolve()
    this.#waiting = []
  }
}

function countOf(endpoints: number): string {
  return endpoints === 1 ? 'the last endpoint is' : `the last ${endpoints} endpoints are`
}

function addressOf({ address }: EndpointConfig): string {
  return address.text
}

function isSame(one: readonly EndpointConfig[], other: readonly EndpointConfig[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
