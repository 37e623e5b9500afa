import type { Labels } from './samples.ts'

/** What one rate limit did. Owners write the fields directly. */
export class RateLimitStats {
  readonly labels: Labels
  /** Requests it refused. */
  refused: number
  /** Requests it would have refused, were it not a trial. */
  dryRun: number
  /** Keys that have a bucket of their own now. */
  keys: number

  /** `route` is "" for a limit of the listener. */
  constructor(listener: string, route: string, limit: string) {
    this.labels = { listener, route, limit }
    this.refused = 0
    this.dryRun = 0
    this.keys = 0
  }
}
