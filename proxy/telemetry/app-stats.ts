import { BoundedCounts } from './bounded-counts.ts'

/** The application that the sidecar runs. */
export class AppStats {
  /** Runs and is ready. */
  up: boolean
  /** When it was last started, in milliseconds since 1970; 0 before the first. */
  startedAt: number
  readonly restarts: BoundedCounts

  constructor() {
    this.up = false
    this.startedAt = 0
    this.restarts = new BoundedCounts('cause')
  }
}
