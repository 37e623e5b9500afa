import type { Endpoint } from '../balance/endpoint.ts'
import { FAILED, type Outcome, SUCCEEDED } from '../balance/outcome.ts'
import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'
import type { Added } from '../message/added.ts'
import type { Fields } from '../message/fields.ts'
import type { Head } from '../message/head.ts'
import type { Reason } from '../message/reason.ts'
import type { ClientSession } from '../message/session.ts'
import type { MessageSink, MessageStream } from '../message/stream.ts'
import type { EndpointPool, SessionWaiter } from '../upstream/endpoint-pool.ts'
import type { Cluster } from './cluster.ts'
import type { Exchange } from './exchange.ts'

/** One try of an exchange at one endpoint: waits for a session, then takes the response. */
export class Attempt implements MessageSink, SessionWaiter, Deadline {
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
  /** The breaker lets nobody else use the endpoint until this has a result. */
  trial: boolean
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
    this.trial = endpoint.shut && exchange.cluster?.breaker?.take(endpoint) === true
    this.timer = null
    this.timers = null
    endpoint.active += 1
  }

  /** Gets hold of a session, now or later. Returns null, or why there will be none. */
  begin(): Reason | null {
    const session = this.pool.ready()
    if (session === null) return this.pool.wait(this)
    this.sessionReady(session)
    return null
  }

  sessionReady(session: ClientSession): void {
    this.stream = session.open(this, this.exchange)
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

  /** Ends the try from our side. */
  cancel(reason: Reason): void {
    if (this.stream === null) this.pool.leave(this)
    else this.stream.cancel(reason)
    this.release()
  }

  /** The endpoint is not judged by it, unless `settle` came before. */
  release(): void {
    if (this.released) return
    this.released = true
    this.unlimit()
    this.endpoint.active -= 1
    if (this.trial) this.exchange.cluster?.breaker?.giveBack(this.endpoint)
  }

  /** The endpoint has done its part, well or not. */
  settle(outcome: Outcome): void {
    if (this.released) return
    const { trial } = this
    this.trial = false
    this.release()
    const cluster = this.exchange.cluster as Cluster
    if (trial) cluster.breaker?.judge(this.endpoint, outcome)
    if (outcome === FAILED) cluster.endpointStats[this.endpoint.index].failures += 1
    const { observers } = cluster
    if (observers.length === 0) return
    const until = this.answeredAt === 0 ? this.exchange.context.clock.now() : this.answeredAt
    const ms = this.sentAt === 0 ? 0 : until - this.sentAt
    for (let i = 0; i < observers.length; i++) observers[i].attemptEnded(this.endpoint, outcome, ms, 0)
  }

  /**
   * It took too long: the endpoint's fault, unless this process stood still meanwhile, or the endpoint has connections
   * and the try waited for room on one. Where no connection came about at all, that is a failure to connect.
   */
  overdue(): void {
    const { stalls } = this.exchange.cluster as Cluster
    const waitedForRoom = this.stream === null && this.pool.connections > 0
    const since = this.sentAt === 0 ? this.exchange.startedAt : this.sentAt
    if (waitedForRoom || stalls?.excuses(since) === true) this.release()
    else this.settle(FAILED)
  }

  // The response.

  head(head: Head, _added: Added | null, end: boolean): void {
    if (head.status >= 200 || head.tunnel !== '') {
      this.answeredAt = this.exchange.context.clock.now()
      if (this.trial && !end && head.status < 500) {
        this.trial = false
        this.exchange.cluster?.breaker?.judge(this.endpoint, SUCCEEDED, true)
      }
    }
    this.exchange.responseHead(this, head, end)
  }

  data(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.exchange.responseData(chunk, from, to, end)
  }

  trailers(fields: Fields): void {
    this.exchange.responseTrailers(fields)
  }

  reset(reason: Reason): void {
    this.exchange.attemptFailed(this, reason)
  }
}
