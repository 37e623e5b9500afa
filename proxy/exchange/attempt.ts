import type { Endpoint } from '../balance/endpoint.ts'
import { FAILED, type Outcome } from '../balance/outcome.ts'
import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'
import type { Added } from '../message/added.ts'
import type { Fields } from '../message/fields.ts'
import type { Head } from '../message/head.ts'
import type { Reason } from '../message/reason.ts'
import type { ClientSession } from '../message/session.ts'
import type { MessageSink, MessageSource, MessageStream } from '../message/stream.ts'
import type { EndpointPool, SessionWaiter } from '../upstream/endpoint-pool.ts'
import type { Cluster } from './cluster.ts'
import type { Exchange } from './exchange.ts'
import type { HeldResponse } from './held-response.ts'

/**
 * One try of an exchange at one endpoint: waits for a session, then takes the response, and the credit for what of the
 * request has left.
 */
export class Attempt implements MessageSink, MessageSource, SessionWaiter, Deadline {
  readonly exchange: Exchange
  readonly endpoint: Endpoint
  readonly pool: EndpointPool
  /** Null until a session is there. */
  stream: MessageStream | null
  /** Bytes of the request that the stream has passed on. */
  credited: number
  /** The endpoint has been relieved of it. */
  released: boolean
  /** Monotonic milliseconds at which the request went, and the head of its response came; 0: not yet. */
  sentAt: number
  answeredAt: number
  /** Milliseconds for which the endpoint asked to be left alone, 0 when it did not. */
  backOffMs: number
  /** The response so far, while it is kept from the caller. */
  held: HeldResponse | null
  timer: Timer | null
  timers: TimerWheel | null

  constructor(exchange: Exchange, endpoint: Endpoint, pool: EndpointPool) {
    this.exchange = exchange
    this.endpoint = endpoint
    this.pool = pool
    this.stream = null
    this.credited = 0
    this.released = false
    this.sentAt = 0
    this.answeredAt = 0
    this.backOffMs = 0
    this.held = null
    this.timer = null
    this.timers = null
    endpoint.active += 1
  }

  /**
   * Gets hold of a session, now or later; `fresh`: over a connection of its own, where one can be had. Returns null, or
   * why there will be none.
   */
  begin(fresh: boolean): Reason | null {
    const session = fresh && this.pool.mayOpen ? null : this.pool.ready()
    if (session === null) return this.pool.wait(this)
    this.sessionReady(session)
    return null
  }

  sessionReady(session: ClientSession): void {
    this.stream = session.open(this, this)
    this.sentAt = this.exchange.context.clock.now()
    this.exchange.sendRequest(this, this.stream)
  }

  sessionFailed(reason: Reason): void {
    this.exchange.attemptFailed(this, reason)
  }

  /** Gives the try `ms` milliseconds for the head of a response. */
  limit(timers: TimerWheel, ms: number): void {
    this.timers = timers
    this.timer = new Timer(this, 0)
    timers.arm(this.timer, ms)
  }

  unlimit(): void {
    if (this.timer !== null) this.timers?.disarm(this.timer)
  }

  expired(): void {
    this.exchange.tryOverdue(this)
  }

  /** Ends the try from our side: nothing of it is wanted any more, in either direction. */
  cancel(reason: Reason): void {
    if (this.stream === null) this.pool.leave(this)
    else this.stream.cancel(reason)
    this.release()
  }

  release(): void {
    if (this.released) return
    this.released = true
    this.unlimit()
    if (this.held !== null) this.held.drop()
    this.held = null
    this.endpoint.active -= 1
  }

  /** The endpoint has done its part, well or not. */
  settle(outcome: Outcome): void {
    if (this.released) return
    this.release()
    const cluster = this.exchange.cluster as Cluster
    if (outcome === FAILED) cluster.endpointStats[this.endpoint.index].failures += 1
    const { observers } = cluster
    if (observers.length === 0) return
    const until = this.answeredAt === 0 ? this.exchange.context.clock.now() : this.answeredAt
    const ms = this.sentAt === 0 ? 0 : until - this.sentAt
    for (let i = 0; i < observers.length; i++)
      observers[i].attemptEnded(this.endpoint, outcome, ms, this.backOffMs)
  }

  // MessageSource of the request.

  credit(bytes: number): void {
    this.credited += bytes
    this.exchange.attemptCredited(this)
  }

  // The response.

  head(head: Head, _added: Added | null, end: boolean): void {
    if (head.status >= 200 || head.tunnel !== '') this.answeredAt = this.exchange.context.clock.now()
    this.exchange.responseHead(this, head, end)
  }

  data(chunk: Buffer, from: number, to: number, end: boolean): void {
    if (this.held === null) this.exchange.responseData(chunk, from, to, end)
    else this.held.data(chunk, from, to, end)
  }

  trailers(fields: Fields): void {
    if (this.held === null) this.exchange.responseTrailers(fields)
    else this.held.trailers(fields)
  }

  reset(reason: Reason): void {
    this.exchange.attemptFailed(this, reason)
  }
}
