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
  /** Further attempts made. */
  retries: number
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
    this.retriesOverflow = 0
    this.ejections = null
    this.breaker = null
    this.limits = new BoundedCounts('limit', 64)
  }
}
