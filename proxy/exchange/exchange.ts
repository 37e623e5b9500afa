import { type Choice, NONE_TRIED } from '../balance/choice.ts'
import type { Endpoint } from '../balance/endpoint.ts'
import { FAILED, SUCCEEDED } from '../balance/outcome.ts'
import type { Deadline, Timer } from '../base/timer-wheel.ts'
import { Added } from '../message/added.ts'
import type { Fields } from '../message/fields.ts'
import { grpcStatusOf } from '../message/grpc-status.ts'
import type { Head } from '../message/head.ts'
import { type Reason, reasons } from '../message/reason.ts'
import { nextRequestId } from '../message/request-id.ts'
import type { MessageSink, MessageStream } from '../message/stream.ts'
import type { ConcurrencyLimit } from '../policy/concurrency-limit.ts'
import type { HedgePolicy } from '../policy/hedge.ts'
import type { RequestStats } from '../telemetry/request-stats.ts'
import { admit, rateLimitFields } from './admission.ts'
import { chooseDestination, firstEndpoint, withCookies } from './affinity.ts'
import type { Attempt } from './attempt.ts'
import type { CallerContext } from './caller-context.ts'
import type { Cluster } from './cluster.ts'
import { disarm, expire, isOver, lifeOver, limitLife, limitResponse, responseBegan } from './deadline.ts'
import { fieldsOfAttempt } from './earlier-attempts.ts'
import { answer, breakOff, complete, dropRequest, dropUnsent, giveUp, record } from './ending.ts'
import { Hedge } from './hedge.ts'
import { tryOrAnswer } from './next-attempt.ts'
import { outcomeOf } from './outcome-of.ts'
import type { Pause } from './pause.ts'
import { answered } from './places.ts'
import { REPLAY_LIMIT, Replay } from './replay.ts'
import { takeHead } from './response.ts'
import { askedWait, passOver, quietFor, retryFailure } from './try-again.ts'
import type { Tunnel } from './tunnel.ts'
import type { Verdict } from './verdict.ts'

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
 * It is the sink of the request (downstream stream -> exchange -> attempt's stream). The response, and the credit for
 * the request, come through the attempt: response.ts says what happens to them, try-again.ts whether another one follows.
 */
export class Exchange implements MessageSink, Deadline, Choice {
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
  /** Those of them that came to nothing and that an endpoint may have processed. */
  earlier: number
  /** Of the last try, null before the first. */
  endpoint: Endpoint | null
  tried: readonly Endpoint[]
  hash: number
  /** The endpoint that the request's cookie names, null without a session that goes on. */
  stuckTo: Endpoint | null
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
  /** Runs until the response begins; null when nothing limits that. */
  timer: Timer | null
  /** When the whole exchange has to be over, in monotonic milliseconds, and the timer for it; 0 and null: no limit. */
  endsAt: number
  lifeTimer: Timer | null
  /** What the next try waits for, null when none does. */
  pause: Pause | null
  /** The tries beside `attempt`, null while none is thought of. */
  hedge: Hedge | null
  /** The limits on concurrency in which it takes up a place, until its response begins; null: none. */
  places: readonly ConcurrencyLimit[] | null
  /** When the time began that its response is waited for, in monotonic milliseconds. */
  awaitedFrom: number
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
    this.earlier = 0
    this.endpoint = null
    this.tried = NONE_TRIED
    this.hash = -1
    this.stuckTo = null
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
    this.endsAt = 0
    this.lifeTimer = null
    this.pause = null
    this.hedge = null
    this.places = null
    this.awaitedFrom = 0
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
    if ((verdict.allowance !== null || destination.concurrency !== null) && !admit(this, destination)) return
    if (cluster.active >= cluster.maxRequests) {
      answer(this, cluster.tooManyRequests())
      return
    }
    this.cluster = cluster
    cluster.requestBegan(this.startedAt)
    if (!this.requestEnded) this.replay = new Replay()
    limitLife(this)
    tryOrAnswer(this, firstEndpoint(this, destination))
    if (this.requestEnded && target.hedge !== null) this.#armHedge(target.hedge)
  }

  /** Once the request is complete, another endpoint may be asked when this one is late. */
  #armHedge(policy: HedgePolicy): void {
    if (this.committed || this.done || !this.replayable || !policy.allows(this.request)) return
    // Another endpoint does not know the session, may say so faster, and would have it from then on.
    if (this.stuckTo !== null && this.stuckTo === this.endpoint) return
    const { delay } = policy
    if (delay >= 0) this.hedge = new Hedge(this, policy, delay)
  }

  /** The attempt has its stream: sends head, and what of the body is there. */
  sendRequest(attempt: Attempt, stream: MessageStream): void {
    const replay = this.request.tunnel === '' ? this.replay : null
    const bytes = replay === null ? 0 : replay.length
    const trailers = this.requestTrailers
    added.requestId = this.requestId
    added.fields = fieldsOfAttempt(this)
    stream.head(
      this.verdict.forwarded(this.destination),
      this.requestId === 0 && added.fields === null ? null : added,
      this.requestEnded && bytes === 0 && trailers === null && this.request.tunnel === '',
    )
    if (replay === null || !this.runs(attempt)) return
    const chunks = replay.chunks
    for (let i = 0; i < chunks.length && this.runs(attempt); i++) {
      const last = this.requestEnded && i === chunks.length - 1 && trailers === null
      stream.data(chunks[i], 0, chunks[i].length, last)
    }
    if (trailers !== null && this.runs(attempt)) stream.trailers(trailers)
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
    if (this.places !== null) this.awaitedFrom = this.context.clock.now()
    limitResponse(this)
    const hedge = this.verdict.target?.hedge ?? null
    if (hedge !== null) this.#armHedge(hedge)
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

  /** Its endpoint, or what leads there, has taken more of the request. */
  attemptCredited(attempt: Attempt): void {
    if (!this.runs(attempt)) return
    if (this.tunnel !== null) this.tunnel.passedOn()
    // What an earlier try had passed on is not credited a second time.
    const due = attempt.credited - this.credited
    if (due <= 0) return
    this.credited += due
    this.down.credit(due)
  }

  // The response, from the attempt.

  responseHead(attempt: Attempt, head: Head, end: boolean): void {
    if (this.runs(attempt)) takeHead(this, attempt, head, end)
  }

  /** The caller gets this response and no other. */
  commit(attempt: Attempt, head: Head, grpcStatus: number, end: boolean): void {
    this.committed = true
    this.replay = null
    this.hedge?.won(attempt)
    responseBegan(this)
    if (this.places !== null) answered(this, head.status, grpcStatus)
    this.endpoint = attempt.endpoint
    this.status = head.status
    this.grpcStatus = grpcStatus
    const hedge = this.verdict.target?.hedge ?? null
    if (hedge?.allows(this.request)) hedge.observe(attempt.answeredAt - attempt.sentAt)
    if (outcomeOf(head.status, grpcStatus) !== SUCCEEDED) this.#noteAsked(attempt, head.fields)
    this.down.source = attempt.stream
    const passedOn = withCookies(this, attempt.endpoint, head)
    this.down.head(passedOn, this.verdict.allowance === null ? null : rateLimitFields(this), end)
    if (end) complete(this, false)
  }

  responseData(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.responseBytes += to - from
    this.down.data(chunk, from, to, end)
    if (!end) return
    if (this.tunnel === null) complete(this)
    else this.tunnel.endpointEnded()
  }

  responseTrailers(fields: Fields): void {
    if (this.request.grpc) {
      this.grpcStatus = grpcStatusOf(fields)
      if (outcomeOf(this.status, this.grpcStatus) !== SUCCEEDED) this.#noteAsked(this.attempt, fields)
    }
    this.down.trailers(fields)
    complete(this)
  }

  /** A response that is bad news may ask to be left alone for a while. */
  #noteAsked(attempt: Attempt | null, fields: Fields): void {
    if (attempt !== null) attempt.backOffMs = quietFor(askedWait(this, fields))
  }

  /** The endpoint, or the way to it, let us down. */
  attemptFailed(attempt: Attempt, reason: Reason): void {
    if (!this.runs(attempt)) return
    this.leave(attempt)
    if (this.done) {
      // The response is complete: the endpoint wants no more of the request.
      dropRequest(this)
      return
    }
    this.reason = reason
    // A request that cannot be sent as it is, or that nobody looked at, says nothing of the endpoint, good or bad.
    if (reason.is(reasons.badRequest) || reason.is(reasons.goaway)) attempt.release()
    else if (reason.is(reasons.connectTimeout) || reason.is(reasons.overflow)) attempt.overdue()
    else attempt.settle(FAILED)
    if (reason.is(reasons.overflow)) (this.cluster as Cluster).stats.overflow += 1
    if (this.committed) breakOff(this, reason)
    else if (this.attempt !== null) passOver(this, attempt, !reason.unprocessed)
    else if (!retryFailure(this, attempt, reason)) answer(this, isOver(this) ? lifeOver(this) : reason)
  }

  /** True of the try under way, and of those beside it. */
  runs(attempt: Attempt): boolean {
    return attempt === this.attempt || this.hedge?.rivals.includes(attempt) === true
  }

  /** `attempt` came to nothing: one beside it takes its place, if there is any. */
  leave(attempt: Attempt): void {
    if (attempt === this.attempt) this.attempt = this.hedge?.rivals.shift() ?? null
    else this.hedge?.leave(attempt)
  }

  /** True while everything that came of the request could be sent again. */
  get replayable(): boolean {
    return this.replay !== null || this.requestBytes === 0
  }

  /** No deadline is left. */
  disarm(): void {
    disarm(this)
  }

  /** A deadline has passed. */
  expired(kind: number): void {
    expire(this, kind)
  }
}
