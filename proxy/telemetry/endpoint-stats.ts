import type { Labels } from './samples.ts'

/** The worst that is said of an endpoint. */
export type EndpointState = 'healthy' | 'degraded' | 'shut' | 'ejected' | 'unhealthy'

/** What happened at one endpoint of an upstream. Owners write the fields directly. */
export class EndpointStats {
  readonly upstream: string
  /** `host:port`. */
  readonly address: string
  readonly labels: Labels
  /** Attempts sent. */
  requests: number
  /** Attempts that failed. */
  failures: number
  /** Attempts under way now. */
  active: number
  /** Connections open now. */
  connections: number
  /** Connections opened so far. */
  connectionsOpened: number
  /** Connections that could not be opened. */
  connectFailures: number
  /** Verdict of the active checks; true when there are none. */
  healthy: boolean
  /** Whether the active checks say that it is degraded. */
  degraded: boolean
  /** Whether the breaker has it shut now. */
  shut: boolean
  /** Whether outlier detection has it ejected now. */
  ejected: boolean
  /** Times it was ejected. */
  ejections: number
  /** Active checks that succeeded. */
  checksOk: number
  /** Active checks that failed. */
  checksFailed: number
  /** Active checks whose failure did not count, because this process had stalled. */
  checksDiscarded: number

  constructor(upstream: string, address: string) {
    this.upstream = upstream
    this.address = address
    this.labels = { upstream, endpoint: address }
    this.requests = 0
    this.failures = 0
    this.active = 0
    this.connections = 0
    this.connectionsOpened = 0
    this.connectFailures = 0
    this.healthy = true
    this.degraded = false
    this.shut = false
    this.ejected = false
    this.ejections = 0
    this.checksOk = 0
    this.checksFailed = 0
    this.checksDiscarded = 0
  }

  get state(): EndpointState {
    if (!this.healthy) return 'unhealthy'
    if (this.ejected) return 'ejected'
    if (this.shut) return 'shut'
    return this.degraded ? 'degraded' : 'healthy'
  }
}
