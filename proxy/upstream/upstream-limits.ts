/** Counts of one upstream against its limits, over all its endpoints. */
export class UpstreamLimits {
  readonly maxConnections: number
  readonly maxPending: number
  /** Connections open or being opened. */
  connections = 0
  /** Requests that wait for a connection. */
  pending = 0

  constructor(maxConnections: number, maxPending: number) {
    this.maxConnections = maxConnections
    this.maxPending = maxPending
  }
}
