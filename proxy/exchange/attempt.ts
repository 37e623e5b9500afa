import type { Endpoint } from '../balance/endpoint.ts'
import { FAILED, type Outcome, OVERLOADED, SUCCEEDED } from '../balance/outcome.ts'
import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'
import type { Added } from '../message/added.ts'
import type { Fields } from '../message/fields.ts'
import type { Head } from '../message/head.ts'
import type { Reason } from '../message/reason.ts'
import type { ClientSession } from '../message/session.ts'
import type { MessageSink, MessageSource, MessageStream } from '../message/stream.ts'
import type { EndpointStats } from '../telemetry/endpoint-stats.ts'
import { ENDPOINT_REMOVED, type EndpointPool, type SessionWaiter } from '../upstream/endpoint-pool.ts'
import type { Cluster } from './cluster.ts'
import { endLife, endTry, isOver } from './deadline.ts'
import type { Exchange } from './exchange.ts'
import type { HeldResponse } from './held-response.ts'

/** HTTP/2 error code of a stream that is not wanted any more (RFC 9113 §7). */
const CANCEL = 8

/**
 * One try of an exchange at one endpoint: waits for a session, then takes the response, and the credit for what of the
 * request has left.
 */
export class Attempt implements MessageSink, MessageSource, SessionWaiter, Deadline {
  readonly exchange: Exchange
  readonly endpoint: Endpoint
  readonly pool: EndpointPool
  /** Of the endpoint, which may leave its slot to another meanwhile. */
  readonly stats: EndpointStats
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
  /** Time for the head of a response, in milliseconds; the timer is null when there is no limit. */
  limitMs: number
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
    this.stats = (exchange.cluster as Cluster).endpointStats[endpoint.index]
    this.stream = null
    this.credited = 0
    this.released = false
    this.sentAt = 0
    this.answeredAt = 0
    this.trial = endpoint.shut && exchange.cluster?.breaker?.take(endpoint) === true
    this.limitMs = 0
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
    if (isOver(this.exchange)) return endLife(this.exchange)
    this.stream = session.open(this, this)
    this.sentAt = this.exchange.context.clock.now()
    this.exchange.sendRequest(this, this.stream)
  }

  sessionFailed(reason: Reason): void {
    // The try never began. However often the membership changes meanwhile, the request is only moved.
    if (reason === ENDPOINT_REMOVED) this.exchange.attempts -= 1
    this.exchange.attemptFailed(this, reason)
  }

  /** Gives the try `ms` milliseconds for the head of a response. */
  limit(timers: TimerWheel, ms: number): void {
    this.limitMs = ms
    this.timers = timers
    this.timer = new Timer(this, 0)
    timers.arm(this.timer, ms)
  }

  unlimit(): void {
    if (this.timer !== null) this.timers?.disarm(this.timer)
  }

  expired(): void {
    endTry(this.exchange, this, this.limitMs)
  }

  /**
   * Ends the try from our side. Over HTTP/2 that is CANCEL whatever the reason: what a caller did wrong, or says of its own
   * stream, is no word between us and the endpoint, whose connection others share (RFC 9113 §7).
   */
  cancel(reason: Reason): void {
    if (this.stream === null) this.pool.leave(this)
    else this.stream.cancel(reason.http2 === CANCEL ? reason : reason.withHttp2(CANCEL, reason.detail))
    this.release()
  }

  /** The endpoint is not judged by it, unless `settle` came before. */
  release(): void {
    if (this.released) return
    this.released = true
    this.unlimit()
    if (this.held !== null) this.held.drop()
    this.held = null
    this.endpoint.active -= 1
    if (this.trial) this.exchange.cluster?.breaker?.giveBack(this.endpoint)
  }

  /** The endpoint has done its part, well or not. */
  settle(judged: Outcome): void {
    if (this.released) return
    const { trial } = this
    this.trial = false
    this.release()
    const cluster = this.exchange.cluster as Cluster
    // A sidecar that sheds load says when to come again. Callers that ejected it for that would overload the others.
    const sheds = judged === FAILED && this.backOffMs > 0 && cluster.meshed
    const outcome = sheds ? OVERLOADED : judged
    if (trial) cluster.breaker?.judge(this.endpoint, outcome)
    if (outcome === FAILED) this.stats.failures += 1
    const { observers } = cluster
    // Nobody keeps anything of an endpoint that is gone.
    if (observers.length === 0 || this.endpoint.removed) return
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

  /**
   * It took too long: the endpoint's fault, unless it has connections and the try waited for room on one. Where no
   * connection came about at all, that is a failure to connect. Deadlines run on time without stalls of this process.
   */
  overdue(): void {
    const waitedForRoom = this.stream === null && this.pool.connections > 0
    if (waitedForRoom) this.release()
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
