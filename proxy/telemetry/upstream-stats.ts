import { BoundedCounts } from './bounded-counts.ts'
import type { Labels } from './samples.ts'

/** What happened at one upstream as a whole. Owners write the fields directly. */
export class UpstreamStats {
  readonly name: string
  readonly labels: Labels
  /** Requests waiting for a connection now. */
  pending: number
  /** Requests refused because a limit was reached. */
  overflow: number
  /** Requests refused because no endpoint was healthy. */
  noHealthy: number
  /** Further attempts made for requests whose last one came to nothing. */
  retries: number
  /** The same by why: a reason's code, `http-STATUS` or `grpc-STATUS`. */
  readonly retryCauses: BoundedCounts
  /** Requests that were answered well by such an attempt. */
  retriesSucceeded: number
  /** Attempts made beside others that were late. */
  hedges: number
  /** Those of them whose answer the caller got. */
  hedgesWon: number
  /** Further attempts the retry budget did not allow. */
  retriesOverflow: number
  /** Ejections by cause; null without outlier detection. */
  ejections: Readonly<Record<string, number>> | null
  /** What the breaker did, by kind; null without one. */
  breaker: Readonly<Record<string, number>> | null
  /** Times a limit was reached, by the key of the configuration that sets it. */
  readonly limits: BoundedCounts

  constructor(name: string) {
    this.name = name
    this.labels = { upstream: name }
    this.pending = 0
    this.overflow = 0
    this.noHealthy = 0
    this.retries = 0
    this.retryCauses = new BoundedCounts('cause', 64)
    this.retriesSucceeded = 0
    this.hedges = 0
    this.hedgesWon = 0
    this.retriesOverflow = 0
    this.ejections = null
    this.breaker = null
    this.limits = new BoundedCounts('limit', 64)
  }
}
