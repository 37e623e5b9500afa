import type { Endpoint } from '../endpoint.ts'
import { failureText } from './failure-text.ts'
import { HttpClient } from './http-client.ts'
import type { Probe, ProbeDone, ProbeRun, ProbeTransport } from './probe.ts'

/** Status codes, both ends included. */
export interface StatusRange {
  readonly from: number
  readonly to: number
}

export interface HttpProbeOptions {
  /** With its query; begins with `/`. */
  readonly path: string
  /** Status codes that mean healthy; at least one range. */
  readonly expect: readonly StatusRange[]
  /** Status codes that mean degraded; default none. */
  readonly degraded?: readonly StatusRange[]
}

/** In a healthy answer they mean degraded, whatever their value but `false`; the second is Envoy's. */
const DEGRADED_FIELDS = ['x-pillion-degraded', 'x-envoy-degraded'] as const

/** GET, and the status tells. Redirects are not followed. */
export class HttpProbe implements Probe {
  readonly #options: HttpProbeOptions
  readonly #client: HttpClient

  constructor(options: HttpProbeOptions, transport: ProbeTransport) {
    this.#options = options
    this.#client = new HttpClient(transport)
  }

  run(endpoint: Endpoint, done: ProbeDone): ProbeRun {
    const { path, expect, degraded = [] } = this.#options
    const authority = this.#client.authorityOf(endpoint)
    const fields = { 'user-agent': 'pillion-health', accept: '*/*' }
    return this.#client.send(
      endpoint,
      { method: 'GET', path, authority, fields, body: null },
      (failure, answer) => {
        if (answer === null) {
          done(false, failure === null ? 'no answer' : failureText(failure))
          return
        }
        const { status } = answer
        if (isIn(degraded, status)) {
          done(true, `status ${status}, which means degraded`, true)
          return
        }
        if (!isIn(expect, status)) {
          done(false, `status ${status} for ${path}, expected ${rangesText(expect)}`)
          return
        }
        const field = DEGRADED_FIELDS.find((name) => (answer.fields[name] ?? 'false') !== 'false')
        if (field === undefined) done(true, `status ${status}`)
        else done(true, `status ${status}, degraded by ${field}`, true)
      },
    )
  }

  forget(endpoint: Endpoint): void {
    this.#client.forget(endpoint)
  }

  close(): void {
    this.#client.close()
  }
}

function isIn(ranges: readonly StatusRange[], status: number): boolean {
  return ranges.some((range) => status >= range.from && status <= range.to)
}

function rangesText(ranges: readonly StatusRange[]): string {
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(', ')
}
