import type { Scenario } from '../scenarios.ts'

export interface Target {
  readonly scenario: Scenario
  readonly port: number
  /** False to reach the upstream itself, which speaks no TLS. */
  readonly tls: boolean
  /** Path of the body that the upstream serves. */
  readonly path: string
  /** Length of the measured part, in seconds. */
  readonly seconds: number
  /** 1 for the first try, more when the generator itself failed before. */
  readonly attempt: number
  /** The core that the load generator runs on. */
  readonly core: number
  /** For request lists and logs. */
  readonly folder: string
}

/** Called at the ends of the measured part, while the load is on. */
export interface Observer {
  begin(): void
  end(): void
}

export interface LoadResult {
  readonly requestsPerSecond: number
  /** Latencies in milliseconds. NaN if there were no successful requests. */
  readonly p50: number
  readonly p99: number
  /** Requests that failed or were not answered with 2xx; any makes the result invalid. */
  readonly failed: number
  /** What failed, in words; empty if nothing did. */
  readonly failure: string
}

export interface LoadGenerator {
  readonly command: string
  readonly debianPackage: string
  /** Warms up, then measures for `target.seconds`. Throws when the generator itself fails. */
  run(target: Target, observer: Observer): Promise<LoadResult>
}
