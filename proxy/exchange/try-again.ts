import type { Endpoint } from '../balance/endpoint.ts'
import { FAILED, type Outcome, SUCCEEDED } from '../balance/outcome.ts'
import { REUSED_CONNECTION_CLOSED } from '../codec/http1/reasons.ts'
import type { Fields } from '../message/fields.ts'
import { type Reason, reasons } from '../message/reason.ts'
import { BackOff } from '../policy/back-off.ts'
import { grpcPushback, NEVER, NOT_ASKED, retryAfter } from '../policy/pushback.ts'
import { isIdempotent } from '../policy/retry.ts'
import type { Attempt } from './attempt.ts'
import type { Cluster } from './cluster.ts'
import type { Exchange } from './exchange.ts'
import { askAgain, nextEndpoint, tryOrAnswer } from './next-attempt.ts'
import { outcomeOf } from './outcome-of.ts'
import { Pause } from './pause.ts'
import type { RouteTarget } from './route-target.ts'

/** Tries of one request, whatever the reasons, those beside each other included. */
export const MAX_ATTEMPTS = 10
/** No response is waited out for longer, in milliseconds: its caller decides better than we do. */
const LONGEST_ASKED_MS = 10_000

/** HTTP/2 code that says "not wanted any more" (RFC 9113 §7). */
const CANCEL = 8
/** Ends a try whose response is dropped for another try. */
export const DISCARDED = reasons.upstreamReset.withHttp2(CANCEL, 'another endpoint is asked')

/** Where no route says otherwise. */
const USUAL_BACK_OFF = new BackOff()

/**
 * Has a response dropped that the route wants tried again, if another endpoint can be asked in time. `grpcStatus` is -1
 * when the response has none so far; `fields` are those that it came with: the head's or the trailers.
 */
export function retryResponse(
  exchange: Exchange,
  attempt: Attempt,
  status: number,
  grpcStatus: number,
  fields: Fields,
  end: boolean,
): boolean {
  const policy = (exchange.verdict.target as RouteTarget).retry
  if (exchange.hedge !== null && exchange.hedge.rivals.length > 0) {
    // Another one may do better.
    const good = outcomeOf(status, grpcStatus) === SUCCEEDED
    if (good && !policy?.onResponse(status, grpcStatus, exchange.request)) return false
    attempt.backOffMs = quietFor(askedWait(exchange, fields))
    discard(exchange, attempt, outcomeOf(status, grpcStatus), end)
    passOver(exchange, attempt, true)
    return true
  }
  if (policy === null || !exchange.replayable || exchange.attempts >= policy.attempts) return false
  if (!policy.onResponse(status, grpcStatus, exchange.request)) return false
  const asked = askedWait(exchange, fields)
  if (asked > LONGEST_ASKED_MS) return false
  // A call is to wait exactly as long as it is told to (gRFC A6), others at least so long.
  const exact = exchange.request.grpc && grpcPushback(fields) !== NOT_ASKED
  const wait = exact ? asked : Math.max(0, asked) + policy.backOff.delay(exchange.attempts)
  if (!mayWait(exchange, wait)) return false
  const failed = attempt.endpoint
  const next = nextEndpoint(exchange, failed) ?? askAgain(exchange, failed)
  if (next === null || !spendRetry(exchange)) return false
  exchange.earlier += 1
  attempt.backOffMs = quietFor(asked)
  discard(exchange, attempt, outcomeOf(status, grpcStatus), end)
  goOn(exchange, next, wait, status === 200 ? `grpc-${grpcStatus}` : `http-${status}`)
  return true
}

/** Has a response dropped by which another sidecar says that it reached no application, if another endpoint can be asked. */
export function moveOn(exchange: Exchange, attempt: Attempt, reason: Reason, end: boolean): boolean {
  if (exchange.hedge !== null && exchange.hedge.rivals.length > 0) {
    discard(exchange, attempt, FAILED, end)
    passOver(exchange, attempt, false)
    return true
  }
  if (exchange.attempts >= MAX_ATTEMPTS || !exchange.replayable) return false
  const wait = waitAfter(exchange, reason)
  const next = mayWait(exchange, wait) ? nextEndpoint(exchange, attempt.endpoint) : null
  if (next === null || !(isFree(exchange, reason) || spendRetry(exchange))) return false
  discard(exchange, attempt, FAILED, end)
  goOn(exchange, next, wait, reason.code)
  return true
}

/** Ends a try whose response, as far as it has come, nobody gets; `end` when all of it has. */
function discard(exchange: Exchange, attempt: Attempt, outcome: Outcome, end: boolean): void {
  const held = attempt.held?.bytes ?? 0
  attempt.settle(outcome)
  exchange.leave(attempt)
  // A try that is complete both ways leaves its connection for others.
  if (!end || !exchange.requestEnded || attempt.credited < exchange.requestBytes) attempt.cancel(DISCARDED)
  else if (held > 0) attempt.stream?.credit(held)
}

/** Has a try that came to nothing followed by another, if that may be. */
export function retryFailure(exchange: Exchange, attempt: Attempt, reason: Reason): boolean {
  if (exchange.attempts >= MAX_ATTEMPTS || !exchange.replayable || !mayTryAgain(exchange, reason))
    return false
  const failed = attempt.endpoint
  const other = nextEndpoint(exchange, failed)
  const next = other ?? (isAskedFor(exchange, reason) ? askAgain(exchange, failed) : null)
  // What only moves costs nothing; whoever failed is given time, and paid for.
  const wait = other === null ? backOffOf(exchange).delay(exchange.attempts) : waitAfter(exchange, reason)
  if (next === null || !mayWait(exchange, wait)) return false
  if (!(other !== null && isFree(exchange, reason)) && !spendRetry(exchange)) return false
  if (!reason.unprocessed) exchange.earlier += 1
  goOn(exchange, next, wait, reason.code)
  return true
}

/** A try came to nothing while another goes on beside it. */
export function passOver(exchange: Exchange, attempt: Attempt, processed: boolean): void {
  exchange.tried = [...exchange.tried, attempt.endpoint]
  if (processed) exchange.earlier += 1
}

function goOn(exchange: Exchange, next: Endpoint, wait: number, cause: string): void {
  const { stats } = exchange.cluster as Cluster
  stats.retries += 1
  stats.retryCauses.count(cause)
  // The wheel is too coarse for less.
  if (wait < 1) tryOrAnswer(exchange, next)
  else exchange.pause = new Pause(exchange, next, wait)
}

/** Milliseconds that a response asks to wait before another try; NOT_ASKED or NEVER otherwise. */
export function askedWait(exchange: Exchange, fields: Fields): number {
  const pushback = exchange.request.grpc ? grpcPushback(fields) : NOT_ASKED
  return pushback === NOT_ASKED ? retryAfter(fields, exchange.context.clock.wall()) : pushback
}

/** How long an endpoint wants to be left alone, of what it asked. */
export function quietFor(asked: number): number {
  return asked === NEVER ? 0 : Math.max(0, asked)
}

/** Milliseconds before the try that follows one that came to nothing. */
function waitAfter(exchange: Exchange, reason: Reason): number {
  // The request only moves to where it can be taken. Streams refused again and again are how overload shows.
  const moves = isAlwaysSafe(exchange, reason) && (!reason.is(reasons.refusedStream) || exchange.attempts < 2)
  return moves ? 0 : backOffOf(exchange).delay(exchange.attempts)
}

function backOffOf(exchange: Exchange): BackOff {
  return exchange.verdict.target?.retry?.backOff ?? USUAL_BACK_OFF
}

/** Whether `wait` milliseconds from now there is time left for another try. */
function mayWait(exchange: Exchange, wait: number): boolean {
  const { timers } = exchange.context
  if (exchange.lifeTimer !== null && wait >= timers.left(exchange.lifeTimer)) return false
  return exchange.timer === null || wait < timers.left(exchange.timer)
}

/** Whether a try that ended for `reason` may be followed by another: where it is always safe, or the route says so. */
function mayTryAgain(exchange: Exchange, reason: Reason): boolean {
  // What cannot be written for one endpoint cannot be written for another.
  if (reason.is(reasons.overflow) || reason.is(reasons.badRequest)) return false
  return isAlwaysSafe(exchange, reason) || isAskedFor(exchange, reason)
}

/** Whether the route wants another try for `reason`. */
function isAskedFor(exchange: Exchange, reason: Reason): boolean {
  const policy = exchange.verdict.target?.retry ?? null
  return policy !== null && exchange.attempts < policy.attempts && policy.onFailure(reason, exchange.request)
}

/**
 * Whether another try is outside the budget of retries. A try that never reached its endpoint cost nothing, and when an
 * endpoint dies all of its requests move at once. A refused stream is different: it is how endpoints show overload.
 */
function isFree(exchange: Exchange, reason: Reason): boolean {
  return isAlwaysSafe(exchange, reason) && !reason.is(reasons.refusedStream)
}

/** Whether a try that ended for `reason` had no effect, or none that a second one would add to. */
function isAlwaysSafe(exchange: Exchange, reason: Reason): boolean {
  return reason.unprocessed || (reason.is(REUSED_CONNECTION_CLOSED) && isIdempotent(exchange.request))
}

/** Takes one more try out of the cluster's budget; false when it is used up. */
function spendRetry(exchange: Exchange): boolean {
  return (exchange.cluster as Cluster).spendRetry(exchange.context.clock.now())
}
