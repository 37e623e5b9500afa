import { systemClock } from '../../../proxy/base/clock.ts'
import { TimerWheel } from '../../../proxy/base/timer-wheel.ts'
import { DEFAULT_LIMITS } from '../../../proxy/codec/http1/limits.ts'
import { Head } from '../../../proxy/message/head.ts'
import type { Reason } from '../../../proxy/message/reason.ts'
import type { ClientSession } from '../../../proxy/message/session.ts'
import type { MessageStream } from '../../../proxy/message/stream.ts'
import { createClientSession } from '../../../proxy/upstream/client-session.ts'
import { EndpointPool, type SessionWaiter } from '../../../proxy/upstream/endpoint-pool.ts'
import { UpstreamLimits } from '../../../proxy/upstream/upstream-limits.ts'
import { HTTP2 } from '../../support/http2-limits.ts'
import { Received } from '../../support/recorded.ts'

export interface PoolBenchOptions {
  readonly port: number
  readonly connections?: number
  readonly pending?: number
  /** Milliseconds that a request may wait; without it any time. */
  readonly pendingMs?: number
  /** Virtual time; by default real. */
  readonly timers?: TimerWheel
}

/** A pool of real HTTP/2 connections to one port of loopback. */
export class PoolBench {
  readonly pool: EndpointPool
  readonly limits: UpstreamLimits
  readonly stats = { connections: 0, connectionsOpened: 0, connectFailures: 0 }
  readonly refused: Reason[] = []

  /** Keys of the limits that were reached. */
  readonly reached: string[] = []

  constructor(options: PoolBenchOptions) {
    const { port, connections = 100, pending = 100, pendingMs = null } = options
    const timers = options.timers ?? new TimerWheel(systemClock.now)
    this.limits = new UpstreamLimits(connections, pending, {
      upstream: 'shop',
      pendingMs,
      reached: (limit) => this.reached.push(limit),
    })
    this.pool = new EndpointPool({
      host: '127.0.0.1',
      port,
      protocol: 'h2',
      tls: null,
      connectMs: 10_000,
      timers,
      session: (transport, protocol, owner) =>
        createClientSession(transport, protocol, owner, {
          timers,
          connectMs: 10_000,
          idleMs: null,
          maxHeadBytes: 65_536,
          maxFields: 200,
          maxTrailerBytes: 65_536,
          http1: DEFAULT_LIMITS,
          http2: HTTP2,
          limitReached: () => {},
        }),
      limits: this.limits,
      stats: this.stats,
      refused: (reason) => this.refused.push(reason),
    })
  }

  /** A GET of `path`, sent as soon as there is a session for it. */
  request(path = '/'): PooledRequest {
    return new PooledRequest(this.pool, Head.request('GET', 'http', 'a.test', path))
  }
}

/** One request that goes through a pool. */
export class PooledRequest extends Received implements SessionWaiter {
  readonly #head: Head
  sent: MessageStream | null = null
  /** Why no session came, at once or later. */
  failure: Reason | null = null

  constructor(pool: EndpointPool, head: Head) {
    super()
    this.#head = head
    const session = pool.ready()
    if (session !== null) this.sessionReady(session)
    else this.failure = pool.wait(this)
  }

  get waiting(): boolean {
    return this.sent === null && this.failure === null
  }

  sessionReady(session: ClientSession): void {
    this.sent = session.open(this, this)
    this.stream = this.sent
    this.sent.head(this.#head, null, true)
  }

  sessionFailed(reason: Reason): void {
    this.failure = reason
  }
}
