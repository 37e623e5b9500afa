import { NONE_TRIED } from '../balance/balancer.ts'
import type { Endpoint } from '../balance/endpoint.ts'
import { type Deadline, Timer } from '../base/timer-wheel.ts'
import { breakOff, replyLocally } from '../downstream/local-reply.ts'
import { Added } from '../message/added.ts'
import type { Fields } from '../message/fields.ts'
import { grpcStatusOf } from '../message/grpc-status.ts'
import type { Head } from '../message/head.ts'
import { type Reason, reasons } from '../message/reason.ts'
import { nextRequestId } from '../message/request-id.ts'
import type { MessageSink, MessageSource, MessageStream } from '../message/stream.ts'
import type { RequestStats } from '../telemetry/request-stats.ts'
import { Attempt } from './attempt.ts'
import type { CallerContext } from './caller-context.ts'
import type { Cluster } from './cluster.ts'
import { Discard } from './discard.ts'
import { recordEnd } from './record.ts'
import { REPLAY_LIMIT, Replay } from './replay.ts'
import type { RouteTarget } from './route-target.ts'
import { DISCARDED, isFree, mayTryAgain, nextEndpoint, spendRetry } from './try-again.ts'
import type { Verdict } from './verdict.ts'

/** Tries of one request, whatever the reasons. */
const MAX_ATTEMPTS = 10

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
export class Exchange implements MessageSink, MessageSource, Deadline {
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
  tried: readonly Endpoint[]
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
    this.tried = NONE_TRIED
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
  }

  start(): void {
    const { verdict } = this
    const target = verdict.target
    if (target === null) {
      this.context.turnedAway(verdict.refusal as Reason)
      this.#answer(verdict.refusal as Reason)
      return
    }
    this.destination = target.choose()
    const destination = target.destinations[this.destination]
    const cluster = destination.cluster
    this.stats = destination.stats
    if (cluster.active >= cluster.maxRequests) {
      cluster.stats.overflow += 1
      this.#answer(reasons.overflow.with(`${cluster.maxRequests} requests are in flight to ${cluster.name}`))
      return
    }
    this.cluster = cluster
    cluster.active += 1
    if (!this.requestEnded) this.replay = new Replay()
    else if (target.timeout !== null) this.#arm(target.timeout)
    this.#try(cluster.balancer.pick(NONE_TRIED))
  }

  /** Sends the request, as far as it has come, to `endpoint`, or to the next that can take it. */
  #try(endpoint: Endpoint | null): void {
    const cluster = this.cluster as Cluster
    while (endpoint !== null) {
      this.attempts += 1
      const attempt = new Attempt(this, endpoint, cluster.pools[endpoint.index])
      this.attempt = attempt
      cluster.endpointStats[endpoint.index].requests += 1
      const perTry = (this.verdict.target as RouteTarget).retry?.perTryTimeout ?? null
      if (perTry !== null) attempt.limit(this.context.timers, perTry)
      const refusal = attempt.begin()
      if (refusal === null) return
      attempt.release()
      this.attempt = null
      this.reason = refusal
      if (refusal.is(reasons.overflow)) cluster.stats.overflow += 1
      endpoint = refusal.is(reasons.overflow) ? null : nextEndpoint(this, endpoint)
    }
    if (this.reason === null) cluster.stats.noHealthy += 1
    this.#answer(this.reason ?? reasons.noHealthyUpstream.with(cluster.name))
  }

  /** The attempt has its stream: sends head, and what of the body is there. */
  sendRequest(attempt: Attempt, stream: MessageStream): void {
    const replay = this.replay
    const bytes = replay === null ? 0 : replay.length
    const trailers = this.requestTrailers
    added.requestId = this.requestId
    stream.head(
      this.verdict.forwarded(this.destination),
      this.requestId === 0 ? null : added,
      this.requestEnded && bytes === 0 && trailers === null,
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
    if (this.requestBytes > this.context.maxBodyBytes) return this.#giveUp(this.context.bodyTooLarge(), false)
    if (end) this.#requestEnds()
    const replay = this.replay
    if (replay !== null) {
      replay.append(chunk, from, to)
      // While no stream is there nothing is credited, so the caller's window bounds what gathers here.
      if (replay.length > REPLAY_LIMIT && this.attempt !== null && this.attempt.stream !== null)
        this.replay = null
    }
    const attempt = this.attempt
    if (attempt !== null && attempt.stream !== null) attempt.stream.data(chunk, from, to, end)
  }

  trailers(fields: Fields): void {
    this.#requestEnds()
    this.requestTrailers = fields
    const attempt = this.attempt
    if (attempt !== null && attempt.stream !== null) attempt.stream.trailers(fields)
  }

  #requestEnds(): void {
    this.requestEnded = true
    const timeout = this.verdict.target?.timeout ?? null
    if (timeout !== null && !this.committed) this.#arm(timeout)
  }

  /** The caller is gone, or its session has given up, be it on the endpoint. */
  reset(reason: Reason): void {
    this.reason = reason
    if (this.attempt !== null && reason.fault === 'upstream') this.#settle(this.attempt, true)
    this.attempt?.cancel(reason)
    if (!this.done) this.#record(reason.status)
  }

  // MessageSource of the attempt's stream.

  credit(bytes: number): void {
    const attempt = this.attempt
    if (attempt === null) return
    attempt.credited += bytes
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
    if (this.#discards(attempt, head, grpcStatus, end)) return
    this.committed = true
    this.replay = null
    this.#disarm()
    this.status = head.status
    this.grpcStatus = grpcStatus
    this.down.source = attempt.stream
    this.down.head(head, null, end)
    if (end) this.#complete()
  }

  responseData(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.responseBytes += to - from
    this.down.data(chunk, from, to, end)
    if (end) this.#complete()
  }

  responseTrailers(fields: Fields): void {
    if (this.request.grpc) this.grpcStatus = grpcStatusOf(fields)
    this.down.trailers(fields)
    this.#complete()
  }

  /** Drops a response that the route wants tried again, if another endpoint can be asked. */
  #discards(attempt: Attempt, head: Head, grpcStatus: number, end: boolean): boolean {
    const policy = (this.verdict.target as RouteTarget).retry
    if (policy === null || !this.#replayable() || this.attempts >= policy.attempts) return false
    if (!policy.onResponse(head.status, grpcStatus, this.request)) return false
    const next = nextEndpoint(this, attempt.endpoint)
    if (next === null || !spendRetry(this)) return false
    ;(this.cluster as Cluster).stats.retries += 1
    this.#settle(attempt, true)
    if (!end || !this.requestEnded) attempt.cancel(DISCARDED)
    this.#try(next)
    return true
  }

  /** The endpoint, or the way to it, let us down. */
  attemptFailed(attempt: Attempt, reason: Reason): void {
    if (attempt !== this.attempt) return
    this.attempt = null
    if (this.done) {
      // The response is complete: the endpoint wants no more of the request.
      this.down.receiver = new Discard(this.down)
      return
    }
    this.reason = reason
    // A request that cannot be sent as it is says nothing of the endpoint, good or bad.
    if (reason.is(reasons.badRequest)) attempt.release()
    else this.#settle(attempt, !reason.is(reasons.goaway))
    if (this.committed) {
      this.#breakOff(reason)
      return
    }
    const cluster = this.cluster as Cluster
    if (this.attempts < MAX_ATTEMPTS && this.#replayable() && mayTryAgain(this, reason)) {
      const next = nextEndpoint(this, attempt.endpoint)
      if (next !== null && (isFree(this, reason) || spendRetry(this))) {
        cluster.stats.retries += 1
        this.#try(next)
        return
      }
    }
    this.#answer(reason)
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

  #disarm(): void {
    if (this.timer !== null) this.context.timers.disarm(this.timer)
    this.attempt?.unlimit()
  }

  /** The response to one try is overdue. */
  tryOverdue(attempt: Attempt): void {
    if (attempt !== this.attempt || this.committed) return
    const reason = reasons.timeout.with('no response to this try in time')
    this.#settle(attempt, true)
    attempt.cancel(reason)
    this.attemptFailed(attempt, reason)
  }

  /** The response is overdue. */
  expired(): void {
    if (this.committed || this.done) return
    this.#giveUp(reasons.timeout.with(`no response within ${this.verdict.target?.timeout} ms`), true)
  }

  /** Ends the request here, whatever has come of it; `overdue` when the endpoint is to blame. */
  #giveUp(reason: Reason, overdue: boolean): void {
    const { attempt } = this
    if (attempt !== null && overdue) this.#settle(attempt, attempt.stream !== null)
    attempt?.cancel(reason)
    this.reason = reason
    if (this.done) this.#dropRequest()
    else if (this.committed) this.#breakOff(reason)
    else this.#answer(reason)
  }

  // The end

  /** Answers the caller ourselves. */
  #answer(reason: Reason): void {
    this.reason = reason
    this.committed = true
    this.replay = null
    this.attempt = null
    this.context.listener.localReplies.count(reason.code)
    if (this.request.grpc) this.grpcStatus = reason.grpcStatus
    this.#record(this.request.grpc ? 200 : reason.status)
    this.#dropRequest()
    replyLocally(this.down, this.request, reason)
  }

  /** Ends a response that has begun and that nobody completes. */
  #breakOff(reason: Reason): void {
    if (this.request.grpc) this.grpcStatus = reason.grpcStatus
    this.#record(this.status)
    if (this.request.grpc) this.#dropRequest()
    breakOff(this.down, this.request, reason)
  }

  /** Nobody is there any more to take the rest of the request. */
  #dropRequest(): void {
    this.down.source = null
    if (!this.requestEnded) this.down.receiver = new Discard(this.down)
    const unsent = this.requestBytes - this.credited
    if (unsent > 0) this.down.credit(unsent)
  }

  #complete(): void {
    const attempt = this.attempt
    if (attempt !== null) this.#settle(attempt, this.status >= 500)
    this.#record(this.status)
  }

  /** The endpoint has done its part, well or not. */
  #settle(attempt: Attempt, failed: boolean): void {
    if (attempt.released) return
    attempt.release()
    const cluster = this.cluster as Cluster
    if (failed) cluster.endpointStats[attempt.endpoint.index].failures += 1
    if (cluster.outlier !== null) cluster.outlier.record(attempt.endpoint, failed)
  }

  #record(status: number): void {
    if (this.done) return
    this.done = true
    this.#disarm()
    recordEnd(this, status)
  }
}
