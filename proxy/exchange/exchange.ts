import { type Choice, NONE_TRIED } from '../balance/choice.ts'
import type { Endpoint } from '../balance/endpoint.ts'
import { FAILED, SUCCEEDED } from '../balance/outcome.ts'
import { type Deadline, Timer } from '../base/timer-wheel.ts'
import { Added } from '../message/added.ts'
import type { Fields } from '../message/fields.ts'
import { grpcStatusOf } from '../message/grpc-status.ts'
import { type Head, TUNNEL_CONNECT } from '../message/head.ts'
import { type Reason, reasons } from '../message/reason.ts'
import { nextRequestId } from '../message/request-id.ts'
import type { MessageSink, MessageSource, MessageStream } from '../message/stream.ts'
import type { RequestStats } from '../telemetry/request-stats.ts'
import { chooseDestination, firstEndpoint, withCookies } from './affinity.ts'
import type { Attempt } from './attempt.ts'
import type { CallerContext } from './caller-context.ts'
import type { Cluster } from './cluster.ts'
import { answer, breakOff, complete, dropRequest, dropUnsent, giveUp, record } from './ending.ts'
import { outcomeOf } from './outcome-of.ts'
import { REPLAY_LIMIT, Replay } from './replay.ts'
import type { RouteTarget } from './route-target.ts'
import { DISCARDED, isFree, mayTryAgain, nextEndpoint, spendRetry, tryAt } from './try-again.ts'
import { Tunnel } from './tunnel.ts'
import type { Verdict } from './verdict.ts'

/** Tries of one request, whatever the reasons. */
const MAX_ATTEMPTS = 10

const NOTHING = Buffer.alloc(0)

// Reused for every request: valid until `head` returns.
const added = new Added()

/**
 * One request's life:
 *
 *     identify, route, authorize   the verdict, worked out once per head and connection
 *     balance                      an endpoint, and a session to it
 *     forward                      request and response, event by event, each byte credited when it has left
 *     try again                    as long as nothing of a response has been passed on
 *     record                       once, when the response is complete or will never be
 *
 * It is the sink of the request (downstream stream -> exchange -> attempt's stream), and the source that the attempt's
 * stream credits for it. The response comes through the attempt.
 */
export class Exchange implements MessageSink, MessageSource, Deadline, Choice {
  readonly context: CallerContext
  readonly request: Head
  readonly verdict: Verdict
  readonly down: MessageStream
  /** Monotonic milliseconds. */
  readonly startedAt: number
  readonly requestId: number
  cluster: Cluster | null
  stats: RequestStats
  destination: number
  attempt: Attempt | null
  attempts: number
  /** Of the last try, null before the first. */
  endpoint: Endpoint | null
  tried: readonly Endpoint[]
  hash: number
  /** The endpoint that the request's cookie names, null without a session that goes on. */
  session: Endpoint | null
  /** A `Set-Cookie` for the response, "" for none. */
  setCookie: string
  /** The request's body so far, null once it can no longer be sent again. */
  replay: Replay | null
  requestEnded: boolean
  requestTrailers: Fields | null
  /** Bytes of the request that the caller has been credited. */
  credited: number
  requestBytes: number
  responseBytes: number
  /** A response head has gone to the caller. */
  committed: boolean
  /** Recorded; only the rest of the request may still be under way. */
  done: boolean
  status: number
  grpcStatus: number
  /** What went wrong last, null while all is well. */
  reason: Reason | null
  timer: Timer | null
  /** Counted among the cluster's retries. */
  retrying: boolean
  /** What the connection has been turned into, null for ordinary requests. */
  tunnel: Tunnel | null

  constructor(context: CallerContext, down: MessageStream, request: Head, verdict: Verdict, end: boolean) {
    this.context = context
    this.request = request
    this.verdict = verdict
    this.down = down
    this.startedAt = context.clock.now()
    this.requestId = verdict.needsRequestId ? nextRequestId() : 0
    this.cluster = null
    this.stats = context.unrouted
    this.destination = 0
    this.attempt = null
    this.attempts = 0
    this.endpoint = null
    this.tried = NONE_TRIED
    this.hash = -1
    this.session = null
    this.setCookie = ''
    this.replay = null
    this.requestEnded = end
    this.requestTrailers = null
    this.credited = 0
    this.requestBytes = 0
    this.responseBytes = 0
    this.committed = false
    this.done = false
    this.status = 0
    this.grpcStatus = -1
    this.reason = null
    this.timer = null
    this.retrying = false
    this.tunnel = null
  }

  start(): void {
    const { verdict } = this
    const target = verdict.target
    if (target === null) {
      this.context.turnedAway(verdict.refusal as Reason)
      answer(this, verdict.refusal as Reason)
      return
    }
    this.destination = chooseDestination(this, target)
    const destination = target.destinations[this.destination]
    const cluster = destination.cluster
    this.stats = destination.stats
    if (cluster.active >= cluster.maxRequests) {
      answer(this, cluster.tooManyRequests())
      return
    }
    this.cluster = cluster
    cluster.active += 1
    cluster.started += 1
    if (!this.requestEnded) this.replay = new Replay()
    // A request for a tunnel is complete with its head: what follows waits for the answer.
    if ((this.requestEnded || this.request.tunnel !== '') && target.timeout !== null)
      this.#arm(target.timeout)
    this.#try(firstEndpoint(this, destination))
  }

  #try(endpoint: Endpoint | null): void {
    const refusal = tryAt(this, endpoint)
    if (refusal !== null) answer(this, refusal)
  }

  /** The attempt has its stream: sends head, and what of the body is there. */
  sendRequest(attempt: Attempt, stream: MessageStream): void {
    const replay = this.request.tunnel === '' ? this.replay : null
    const bytes = replay === null ? 0 : replay.length
    const trailers = this.requestTrailers
    added.requestId = this.requestId
    stream.head(
      this.verdict.forwarded(this.destination),
      this.requestId === 0 ? null : added,
      this.requestEnded && bytes === 0 && trailers === null && this.request.tunnel === '',
    )
    if (replay === null || attempt !== this.attempt) return
    const chunks = replay.chunks
    for (let i = 0; i < chunks.length && attempt === this.attempt; i++) {
      const last = this.requestEnded && i === chunks.length - 1 && trailers === null
      stream.data(chunks[i], 0, chunks[i].length, last)
    }
    if (trailers !== null && attempt === this.attempt) stream.trailers(trailers)
  }

  // The request, from downstream.

  /** Never called: the head came with the exchange. */
  head(): void {}

  data(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.requestBytes += to - from
    if (this.requestBytes > this.context.maxBodyBytes && this.request.tunnel === '') {
      return giveUp(this, this.context.bodyTooLarge(), false)
    }
    if (end) this.#requestEnds()
    const replay = this.replay
    if (replay !== null) {
      replay.append(chunk, from, to)
      // While no stream is there, or a tunnel is not open, nothing is credited: the caller's window bounds what gathers.
      const passing = this.attempt !== null && this.attempt.stream !== null && this.request.tunnel === ''
      if (replay.length > REPLAY_LIMIT && passing) this.replay = null
    }
    const attempt = this.attempt
    if (attempt === null || attempt.stream === null) return
    if (this.request.tunnel === '') attempt.stream.data(chunk, from, to, end)
    if (end && this.done) dropUnsent(this)
  }

  trailers(fields: Fields): void {
    this.#requestEnds()
    this.requestTrailers = fields
    const attempt = this.attempt
    if (attempt !== null && attempt.stream !== null) attempt.stream.trailers(fields)
    if (this.done) dropUnsent(this)
  }

  #requestEnds(): void {
    this.requestEnded = true
    const timeout = this.verdict.target?.timeout ?? null
    if (timeout !== null && !this.committed) this.#arm(timeout)
  }

  /** The caller is gone, or its session has given up, be it on the endpoint. */
  reset(reason: Reason): void {
    this.reason = reason
    const { attempt } = this
    if (attempt !== null) {
      if (reason.fault === 'upstream') attempt.overdue()
      attempt.cancel(reason)
    }
    // A caller that is gone is told apart by its status; others have had theirs already, once the response has begun.
    const told = this.committed && reason.fault !== 'downstream'
    if (!this.done) record(this, told ? this.status : reason.status)
  }

  // MessageSource of the attempt's stream.

  credit(bytes: number): void {
    const attempt = this.attempt
    if (attempt === null) return
    attempt.credited += bytes
    if (this.tunnel !== null) this.tunnel.passedOn()
    // What an earlier try had passed on is not credited a second time.
    const due = attempt.credited - this.credited
    if (due <= 0) return
    this.credited += due
    this.down.credit(due)
  }

  cancel(reason: Reason): void {
    this.down.cancel(reason)
  }

  // The response, from the attempt.

  responseHead(attempt: Attempt, head: Head, end: boolean): void {
    if (attempt !== this.attempt) return
    if (head.status < 200) {
      this.down.head(head, null, false)
      return
    }
    const grpcStatus = end && this.request.grpc ? grpcStatusOf(head.fields) : -1
    if (head.tunnel !== '') {
      this.#openTunnel(attempt, head, end)
      return
    }
    if (this.#discards(attempt, head, grpcStatus, end)) return
    if (this.request.tunnel !== '') this.#tunnelRefused(attempt)
    this.committed = true
    this.replay = null
    this.disarm()
    this.status = head.status
    this.grpcStatus = grpcStatus
    this.down.source = attempt.stream
    this.down.head(withCookies(this, attempt.endpoint, head), null, end)
    if (end) complete(this)
  }

  responseData(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.responseBytes += to - from
    this.down.data(chunk, from, to, end)
    if (!end) return
    if (this.tunnel === null) complete(this)
    else this.tunnel.endpointEnded()
  }

  responseTrailers(fields: Fields): void {
    if (this.request.grpc) this.grpcStatus = grpcStatusOf(fields)
    this.down.trailers(fields)
    complete(this)
  }

  /** The endpoint accepted: what the caller has sent meanwhile follows, and both sides see each other's bytes. */
  #openTunnel(attempt: Attempt, head: Head, end: boolean): void {
    const { replay, requestEnded } = this
    this.committed = true
    this.replay = null
    this.disarm()
    // What the caller is told in its own protocol (RFC 9110 §15.2.2).
    const switched = this.context.protocol === 'http1' && head.tunnel !== TUNNEL_CONNECT
    this.status = switched ? 101 : head.status
    const tunnel = new Tunnel(this, attempt.stream as MessageStream, end)
    this.tunnel = tunnel
    this.down.receiver = tunnel
    this.down.source = attempt.stream
    this.down.head(withCookies(this, attempt.endpoint, head), null, end)
    tunnel.start(replay, requestEnded)
  }

  /** An ordinary answer to a request for a tunnel: what the caller sent as if it were open goes nowhere. */
  #tunnelRefused(attempt: Attempt): void {
    dropRequest(this)
    this.requestEnded = true
    attempt.stream?.data(NOTHING, 0, 0, true)
  }

  /** Drops a response that the route wants tried again, if another endpoint can be asked. */
  #discards(attempt: Attempt, head: Head, grpcStatus: number, end: boolean): boolean {
    const policy = (this.verdict.target as RouteTarget).retry
    if (policy === null || !this.#replayable() || this.attempts >= policy.attempts) return false
    if (!policy.onResponse(head.status, grpcStatus, this.request)) return false
    const next = nextEndpoint(this, attempt.endpoint)
    if (next === null || !spendRetry(this)) return false
    ;(this.cluster as Cluster).stats.retries += 1
    attempt.settle(outcomeOf(head.status, grpcStatus))
    // A try that is complete both ways leaves its connection for others.
    if (!end || !this.requestEnded || attempt.credited < this.requestBytes) attempt.cancel(DISCARDED)
    this.#try(next)
    return true
  }

  /** The endpoint, or the way to it, let us down. */
  attemptFailed(attempt: Attempt, reason: Reason): void {
    if (attempt !== this.attempt) return
    this.attempt = null
    if (this.done) {
      // The response is complete: the endpoint wants no more of the request.
      dropRequest(this)
      return
    }
    this.reason = reason
    // A request that cannot be sent as it is says nothing of the endpoint, good or bad.
    if (reason.is(reasons.badRequest)) attempt.release()
    else if (reason.is(reasons.connectTimeout) || reason.is(reasons.overflow)) attempt.overdue()
    else attempt.settle(reason.is(reasons.goaway) ? SUCCEEDED : FAILED)
    if (this.committed) {
      breakOff(this, reason)
      return
    }
    const cluster = this.cluster as Cluster
    if (reason.is(reasons.overflow)) cluster.stats.overflow += 1
    if (this.attempts < MAX_ATTEMPTS && this.#replayable() && mayTryAgain(this, reason)) {
      const next = nextEndpoint(this, attempt.endpoint)
      if (next !== null && (isFree(this, reason) || spendRetry(this))) {
        cluster.stats.retries += 1
        this.#try(next)
        return
      }
    }
    answer(this, reason)
  }

  /** True while everything that came of the request could be sent again. */
  #replayable(): boolean {
    return this.replay !== null || this.requestBytes === 0
  }

  // Deadlines

  #arm(ms: number): void {
    this.timer = new Timer(this, 0)
    this.context.timers.arm(this.timer, ms)
  }

  /** No deadline is left. */
  disarm(): void {
    if (this.timer !== null) this.context.timers.disarm(this.timer)
    this.attempt?.unlimit()
  }

  /** The response to one try is overdue. */
  tryOverdue(attempt: Attempt): void {
    if (attempt !== this.attempt || this.committed) return
    const reason = reasons.timeout.with('no response to this try in time')
    attempt.overdue()
    attempt.cancel(reason)
    this.attemptFailed(attempt, reason)
  }

  /** The response is overdue. */
  expired(): void {
    if (this.committed || this.done) return
    giveUp(this, reasons.timeout.with(`no response within ${this.verdict.target?.timeout} ms`), true)
  }
}
