import type { Labels } from './samples.ts'

/** Where one adaptive limit on concurrency stands. Owners write the fields directly. */
export class ConcurrencyStats {
  readonly labels: Labels
  /** Requests that may wait for a response now. */
  limit: number
  /** Requests that wait for a response now. */
  inFlight: number
  /** Latency that counts as that of an endpoint without a queue, in milliseconds; 0: not known yet. */
  baselineMs: number
  /** Requests refused. */
  refused: number

  /** One of the two is "": the limit is a route's or an upstream's. */
  constructor(route: string, upstream: string) {
    this.labels = { route, upstream }
    this.limit = 0
    this.inFlight = 0
    this.baselineMs = 0
    this.refused = 0
  }
}
