import { type Reason, reasons } from '../message/reason.ts'

export interface UpstreamLimitOptions {
  /** For the words of refusals. */
  readonly upstream: string
  /** A request that waits longer for a connection is refused, in milliseconds; null: no limit. */
  readonly pendingMs: number | null
  /** Hears of each refusal, with the key that sets the limit. */
  readonly reached: (limit: string) => void
}

/** Counts of one upstream against its limits, over all its endpoints. */
export class UpstreamLimits {
  readonly maxConnections: number
  readonly maxPending: number
  readonly pendingMs: number | null
  /** Connections open or being opened. */
  connections = 0
  /** Requests that wait for a connection. */
  pending = 0
  readonly #reached: (limit: string) => void
  // Made once: refusing has to cost next to nothing.
  readonly #tooManyPending: Reason
  readonly #tooManyConnections: Reason
  readonly #pendingTooLong: Reason

  constructor(maxConnections: number, maxPending: number, options: Partial<UpstreamLimitOptions> = {}) {
    const { upstream = '', pendingMs = null, reached = () => {} } = options
    this.maxConnections = maxConnections
    this.maxPending = maxPending
    this.pendingMs = pendingMs
    this.#reached = reached
    const raise = 'raise it, or limits.connections'
    this.#tooManyPending = reasons.overflow.with(
      `limits.pending of upstream ${upstream}, ${maxPending} waiting for a connection; ${raise}`,
    )
    this.#tooManyConnections = reasons.overflow.with(
      `limits.connections of upstream ${upstream}, ${maxConnections} open and none to this endpoint; raise it`,
    )
    this.#pendingTooLong = reasons.overflow.with(
      `limits.pendingTimeout of upstream ${upstream}, no connection was free within ${pendingMs} ms; ${raise}`,
    )
  }

  /** Why a request may not wait: `maxPending` do. */
  tooManyPending(): Reason {
    this.#reached('limits.pending')
    return this.#tooManyPending
  }

  /** Why a request may not wait: no connection can be opened. */
  tooManyConnections(): Reason {
    this.#reached('limits.connections')
    return this.#tooManyConnections
  }

  /** Why a request waits no longer. */
  pendingTooLong(): Reason {
    this.#reached('limits.pendingTimeout')
    return this.#pendingTooLong
  }
}
