import { type Reason, reasons } from '../message/reason.ts'

export interface UpstreamLimitOptions {
  /** For the words of refusals. */
  readonly upstream: string
  /** A request that waits longer for a connection is refused, in milliseconds; null: no limit. */
  readonly pendingMs: number | null
  /** Hears of each refusal, with the key that sets the limit. */
  readonly reached: (limit: string) => void
}

/** Connections to one endpoint, among them some that are not needed now. */
export interface IdleConnections {
  /** Closes one without a request; false when there is none. What it counted for is free at once. */
  closeIdle(): boolean
}

/** Pools that are asked for an idle connection when one is needed. */
const LOOKS = 16

/** Counts of one upstream against its limits, over all its endpoints. */
export class UpstreamLimits {
  readonly maxConnections: number
  readonly maxPending: number
  readonly pendingMs: number | null
  /** Connections open or being opened. */
  connections = 0
  /** Requests that wait for a connection. */
  pending = 0
  readonly #pools: IdleConnections[] = []
  // Where each stands among them: thousands may leave at once.
  readonly #places = new Map<IdleConnections, number>()
  #next = 0
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

  join(pool: IdleConnections): void {
    this.#places.set(pool, this.#pools.length)
    this.#pools.push(pool)
  }

  leave(pool: IdleConnections): void {
    const at = this.#places.get(pool)
    if (at === undefined) return
    this.#places.delete(pool)
    const last = this.#pools.pop() as IdleConnections
    if (last === pool) return
    this.#pools[at] = last
    this.#places.set(last, at)
  }

  /**
   * Whether a connection may be opened: when all are taken, one that nobody uses is closed for it. With more endpoints
   * than connections most could otherwise never be reached.
   */
  hasRoom(): boolean {
    if (this.connections < this.maxConnections) return true
    for (let looks = Math.min(LOOKS, this.#pools.length); looks > 0; looks--) {
      this.#next = (this.#next + 1) % this.#pools.length
      if ((this.#pools[this.#next] as IdleConnections).closeIdle()) return true
    }
    return false
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
