import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'
import type { Transport } from '../codec/transport.ts'
import { type Reason, reasons } from '../message/reason.ts'
import type { ClientSession, ClientSessionOwner, Protocol } from '../message/session.ts'
import { Dial, type DialOptions, type DialOwner } from './dial.ts'
import type { IdleConnections, UpstreamLimits } from './upstream-limits.ts'

/** A request that waits for a session. */
export interface SessionWaiter {
  /** A session with capacity: a stream has to be opened on it before this returns. */
  sessionReady(session: ClientSession): void
  /** None will come. Not called from within `acquire`. */
  sessionFailed(reason: Reason): void
}

/** Counters of the pool, for metrics; written as plain fields. */
export interface PoolStats {
  connections: number
  connectionsOpened: number
  connectFailures: number
}

export interface PoolOptions extends Omit<DialOptions, 'timers'> {
  readonly host: string
  readonly port: number
  readonly timers: TimerWheel
  /** Makes the session of a fresh connection. */
  readonly session: (transport: Transport, protocol: Protocol, owner: ClientSessionOwner) => ClientSession
  readonly limits: UpstreamLimits
  readonly stats: PoolStats
  /** No connection came to be. */
  readonly refused: (reason: Reason) => void
  /** Called once, when the pool has been told to drain and has no connection left. */
  readonly drained?: (pool: EndpointPool) => void
}

/** For requests that wait for a connection to an endpoint that is gone: they go to another. */
export const ENDPOINT_REMOVED = reasons.goaway.with('the endpoint has been removed')

/** Streams that one HTTP/2 connection being opened is expected to carry, unless the endpoint allows fewer. */
const EXPECTED_STREAMS = 100

/** The connections to one endpoint, either protocol, and the requests that wait for one. */
export class EndpointPool implements ClientSessionOwner, DialOwner, Deadline, IdleConnections {
  readonly #options: PoolOptions
  // HTTP/2 sessions that take new streams; a few at most, the first with capacity is used.
  readonly #shared: ClientSession[] = []
  // Idle HTTP/1 sessions, the one used last on top.
  readonly #idle: ClientSession[] = []
  readonly #all = new Set<ClientSession>()
  readonly #dials = new Set<Dial>()
  // HTTP/2 sessions whose SETTINGS have not come yet.
  readonly #unsettled = new Set<ClientSession>()
  // The longest first, each with the milliseconds without stalls since when.
  readonly #waiting = new Map<SessionWaiter, number>()
  // For the one that waits longest.
  readonly #patience: Timer
  // Closed for another endpoint's sake: they count no longer.
  readonly #yielded = new Set<ClientSession>()
  // What the endpoint spoke last, where that is left to ALPN.
  #learned: Protocol | null = null
  // Streams that a connection being opened will carry.
  #share = EXPECTED_STREAMS
  #closed = false
  #drained = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#patience = new Timer(this, 0)
    options.limits.join(this)
  }

  /** Connections, open or retired and not yet closed. */
  get connections(): number {
    return this.#all.size
  }

  /** A connection is being opened. */
  get connecting(): boolean {
    return this.#expanding()
  }

  /** A connection more may be opened. */
  get mayOpen(): boolean {
    return !this.#closed && this.#options.limits.connections < this.#options.limits.maxConnections
  }

  /** A session that has capacity now, or null: then one has to be waited for. */
  ready(): ClientSession | null {
    const shared = this.#shared
    for (let i = 0; i < shared.length; i++) if (shared[i].capacity > 0) return shared[i]
    while (this.#idle.length > 0) {
      const session = this.#idle.pop() as ClientSession
      if (session.capacity > 0) return session
    }
    return null
  }

  /** Queues `waiter` and opens a connection where one is needed. Returns null, or why it cannot wait. */
  wait(waiter: SessionWaiter): Reason | null {
    const limits = this.#options.limits
    if (this.#closed) return ENDPOINT_REMOVED
    if (limits.pending >= limits.maxPending) return limits.tooManyPending()
    if (!this.#expanding() && this.#all.size === this.#yielded.size && !limits.hasRoom()) {
      return limits.tooManyConnections()
    }
    limits.pending += 1
    if (this.#waiting.size === 0 && limits.pendingMs !== null)
      this.#options.timers.arm(this.#patience, limits.pendingMs)
    this.#waiting.set(waiter, this.#options.timers.time())
    this.#expand()
    return null
  }

  /** The waiter wants no session any more. */
  leave(waiter: SessionWaiter): void {
    if (!this.#waiting.delete(waiter)) return
    this.#options.limits.pending -= 1
    this.#noneWaiting()
  }

  #noneWaiting(): void {
    if (this.#waiting.size === 0) this.#options.timers.disarm(this.#patience)
  }

  /** The time of the one that waits longest is over. */
  expired(): void {
    const { limits, timers } = this.#options
    const patience = limits.pendingMs ?? Number.POSITIVE_INFINITY
    const now = timers.time()
    for (const [waiter, since] of this.#waiting) {
      if (now - since < patience) {
        timers.arm(this.#patience, patience - (now - since))
        return
      }
      this.#waiting.delete(waiter)
      limits.pending -= 1
      waiter.sessionFailed(limits.pendingTooLong())
    }
  }

  closeIdle(): boolean {
    if (this.#waiting.size > 0) return false
    const session = [...this.#idle, ...this.#shared].find(
      (one) => one.active === 0 && !this.#unsettled.has(one),
    )
    if (session === undefined) return false
    this.#yield(session)
    session.drain()
    return true
  }

  /** The connection counts against no limit any more. */
  #yield(session: ClientSession): void {
    if (this.#yielded.has(session)) return
    this.#yielded.add(session)
    this.#options.limits.connections -= 1
  }

  /** No new requests; connections close as their last stream ends, and count against no limit meanwhile. */
  drain(): void {
    this.#closed = true
    this.#options.limits.leave(this)
    // What ends here must not keep the endpoints that remain from being connected to. Requests in flight bound it.
    for (const session of this.#all) this.#yield(session)
    this.#failWaiting(ENDPOINT_REMOVED)
    for (const dial of [...this.#dials]) this.#endDial(dial, true)
    for (const session of [...this.#all]) session.drain()
    this.#noteDrained()
  }

  close(reason: Reason): void {
    this.drain()
    for (const session of [...this.#all]) session.close(reason)
  }

  #noteDrained(): void {
    if (!this.#closed || this.#drained || this.#all.size > 0) return
    this.#drained = true
    this.#options.drained?.(this)
  }

  #expanding(): boolean {
    return this.#dials.size + this.#unsettled.size > 0
  }

  #expand(): void {
    if (this.#takesNone()) return
    const { limits, protocol } = this.#options
    const spoken = protocol === 'auto' ? this.#learned : protocol
    // Where the protocol is not known yet, one connection finds it out.
    const share = spoken === 'h2' ? this.#share : 1
    const opening = this.#dials.size + this.#unsettled.size
    let wanted = Math.ceil(this.#waiting.size / share) - opening
    if (spoken === null && wanted > 1 - opening) wanted = 1 - opening
    while (wanted > 0 && limits.connections < limits.maxConnections) {
      wanted -= 1
      limits.connections += 1
      this.#dials.add(new Dial(this.#options.host, this.#options.port, this.#options, this))
    }
  }

  /** True while the endpoint allows no streams at all: it would be asked in vain over another connection. */
  #takesNone(): boolean {
    for (const session of this.#shared)
      if (session.capacity === 0 && session.active === 0 && !this.#unsettled.has(session)) return true
    return false
  }

  // DialOwner

  connected(dial: Dial, transport: Transport, protocol: Protocol): void {
    this.#dials.delete(dial)
    this.#learned = protocol
    this.#options.stats.connections += 1
    this.#options.stats.connectionsOpened += 1
    const session = this.#options.session(transport, protocol, this)
    this.#all.add(session)
    if (protocol === 'h2') {
      this.#shared.push(session)
      this.#unsettled.add(session)
    }
    if (session.capacity > 0) this.capacityChanged(session)
    // Now that the protocol is known, more may be needed than the one.
    if (this.#waiting.size > 0) this.#expand()
  }

  failed(dial: Dial, reason: Reason): void {
    this.#options.stats.connectFailures += 1
    this.#options.refused(reason)
    this.#endDial(dial, false)
    this.#giveUp(reason)
  }

  #endDial(dial: Dial, cancel: boolean): void {
    if (!this.#dials.delete(dial)) return
    this.#options.limits.connections -= 1
    if (cancel) dial.cancel()
  }

  /** Requests go on waiting as long as a connection is there or on its way. */
  #giveUp(reason: Reason): void {
    if (this.#waiting.size === 0) return
    if (this.#shared.length > 0 || this.#expanding()) return
    if (this.#all.size > 0 && this.#learned === 'http1') return
    this.#failWaiting(reason)
  }

  #failWaiting(reason: Reason): void {
    const waiting = [...this.#waiting.keys()]
    this.#waiting.clear()
    this.#noneWaiting()
    this.#options.limits.pending -= waiting.length
    for (const waiter of waiting) waiter.sessionFailed(reason)
  }

  // ClientSessionOwner

  capacityChanged(session: ClientSession): void {
    const settled = this.#unsettled.size > 0 && this.#unsettled.delete(session)
    if (settled && session.capacity > 0) this.#share = Math.min(session.capacity, EXPECTED_STREAMS)
    if (this.#waiting.size > 0) {
      for (const waiter of this.#waiting.keys()) {
        if (session.capacity === 0) break
        this.#waiting.delete(waiter)
        this.#options.limits.pending -= 1
        waiter.sessionReady(session)
      }
      this.#noneWaiting()
      // It takes fewer than it was opened for.
      if (settled && this.#waiting.size > 0) this.#expand()
    }
    if (session.protocol === 'http1' && session.capacity > 0) this.#idle.push(session)
  }

  retired(session: ClientSession): void {
    // One that never took a stream counts as being opened until it is closed, and has then failed like a dial.
    if (this.#unsettled.has(session)) {
      remove(this.#shared, session)
      return
    }
    this.#forget(session)
    this.#replace()
  }

  closed(session: ClientSession, reason: Reason): void {
    const settled = !this.#unsettled.has(session)
    this.#forget(session)
    if (!this.#all.delete(session)) return
    if (!this.#yielded.delete(session)) this.#options.limits.connections -= 1
    this.#options.stats.connections -= 1
    // A connection that ended before it could take a stream failed like a dial: another would end no better.
    if (settled) this.#replace()
    this.#giveUp(reason.asUnprocessed())
    this.#noteDrained()
  }

  /** No new streams for `session`. */
  #forget(session: ClientSession): void {
    remove(this.#shared, session)
    remove(this.#idle, session)
    this.#unsettled.delete(session)
  }

  /** Opens a connection in place of one that is lost, when requests wait for it. */
  #replace(): void {
    if (!this.#closed && this.#waiting.size > 0) this.#expand()
  }
}

function remove(list: ClientSession[], session: ClientSession): void {
  const at = list.indexOf(session)
  if (at >= 0) list.splice(at, 1)
}
