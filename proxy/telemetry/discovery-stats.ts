import { BoundedCounts } from './bounded-counts.ts'
import type { Labels } from './samples.ts'

/** How the endpoints of one upstream are found. Owners write the fields directly. */
export class DiscoveryStats {
  readonly labels: Labels
  /** Changes of the endpoints, the first result included. */
  updates: number
  /** Times it could not be found out, by the reason. */
  readonly failures: BoundedCounts
  /** Wall-clock milliseconds of the last time it was found out; 0 before the first. */
  succeededAt: number
  /** Endpoints in use. */
  endpoints: number

  constructor(upstream: string, source: string) {
    this.labels = { upstream, source }
    this.updates = 0
    this.failures = new BoundedCounts('reason', 16)
    this.succeededAt = 0
    this.endpoints = 0
  }
}
