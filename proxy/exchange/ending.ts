import { FAILED, SUCCEEDED } from '../balance/outcome.ts'
import { endWithStatus, replyLocally, UNPROCESSED_FIELD } from '../downstream/local-reply.ts'
import { TUNNEL_CONNECT } from '../message/head.ts'
import { type Reason, reasons } from '../message/reason.ts'
import type { Attempt } from './attempt.ts'
import type { Cluster } from './cluster.ts'
import { Discard } from './discard.ts'
import type { Exchange } from './exchange.ts'
import { outcomeOf, saysLate, wasFair } from './outcome-of.ts'
import { unanswered } from './places.ts'
import { tellsUnprocessed } from './unprocessed.ts'

/** Answers the caller ourselves; `extra` are further fields of the reply. */
export function answer(exchange: Exchange, reason: Reason, extra?: Record<string, string>): void {
  const { context, request, down } = exchange
  exchange.reason = reason
  exchange.committed = true
  exchange.replay = null
  exchange.attempt = null
  context.listener.localReplies.count(reason.code)
  if (request.grpc) exchange.grpcStatus = reason.grpcStatus
  record(exchange, request.grpc ? 200 : reason.status)
  dropRequest(exchange)
  const mark = tellsUnprocessed(exchange, reason) ? { ...extra, [UNPROCESSED_FIELD]: 'true' } : extra
  replyLocally(down, request, reason, mark)
}

/** Ends a response that has begun and that nobody completes. */
export function breakOff(exchange: Exchange, reason: Reason): void {
  if (exchange.request.grpc) exchange.grpcStatus = reason.grpcStatus
  record(exchange, exchange.status)
  if (exchange.request.grpc) dropRequest(exchange)
  // Over HTTP/1 trailers may not reach the caller, and without them the response would look whole.
  if (exchange.request.grpc && exchange.context.protocol === 'h2') endWithStatus(exchange.down, reason)
  else exchange.down.reset(exchange.tunnel === null ? reason : tunnelError(exchange, reason))
}

// HTTP/2 error codes (RFC 9113 §7).
const CANCEL = 8
const CONNECT_ERROR = 10

/** For a tunnel that breaks: CONNECT (RFC 9113 §8.5) and upgrades (RFC 8441 §5) have codes of their own. */
function tunnelError(exchange: Exchange, reason: Reason): Reason {
  const code = exchange.request.tunnel === TUNNEL_CONNECT ? CONNECT_ERROR : CANCEL
  return reason.withHttp2(code, reason.detail)
}

/** Ends a response that has begun from our side, towards both. */
export function cutOff(exchange: Exchange, reason: Reason): void {
  const { attempt } = exchange
  exchange.attempt = null
  exchange.reason = reason
  if (attempt !== null) {
    attempt.settle(SUCCEEDED)
    attempt.cancel(reason)
  }
  breakOff(exchange, reason)
}

/** Ends the request here, whatever has come of it; `overdue` when it took too long. */
export function giveUp(exchange: Exchange, reason: Reason, overdue: boolean): void {
  const { attempt } = exchange
  if (attempt !== null) {
    if (overdue) attempt.overdue()
    attempt.cancel(reason)
  }
  exchange.reason = reason
  if (exchange.done) dropRequest(exchange)
  else if (exchange.committed) breakOff(exchange, reason)
  else answer(exchange, reason)
}

/** Nobody is there any more to take the rest of the request. */
export function dropRequest(exchange: Exchange): void {
  const { down } = exchange
  down.source = null
  if (!exchange.requestEnded) down.receiver = new Discard(exchange)
  const unsent = exchange.requestBytes - exchange.credited
  exchange.credited = exchange.requestBytes
  if (unsent > 0) down.credit(unsent)
}

/** The response is complete; `begun` when it was more than one head. */
export function complete(exchange: Exchange, begun = true): void {
  if (exchange.attempt !== null) judge(exchange, exchange.attempt, begun)
  const failed = exchange.tried.length > 0 || exchange.reason !== null
  if (failed && outcomeOf(exchange.status, exchange.grpcStatus) === SUCCEEDED) {
    ;(exchange.cluster as Cluster).stats.retriesSucceeded += 1
  }
  record(exchange, exchange.status)
  if (exchange.requestEnded) dropUnsent(exchange)
}

/** An endpoint that keeps to the deadline itself, as another sidecar does, is judged as if it had been ended by us. */
function judge({ status, grpcStatus, endsAt, context }: Exchange, attempt: Attempt, begun: boolean): void {
  if (!saysLate(grpcStatus, endsAt)) attempt.settle(outcomeOf(status, grpcStatus))
  else if (begun) attempt.settle(SUCCEEDED)
  else if (wasFair(attempt.sentAt, context.clock.now())) attempt.settle(FAILED)
  else attempt.release()
}

const ANSWERED = reasons.downstreamReset.withHttp2(
  CANCEL,
  'the endpoint answered and did not take all of the request',
)

/**
 * Request and response are complete. What of the request waits for an endpoint that has answered is not waited for: it
 * may never open its window, and the stream would be lost to others.
 */
export function dropUnsent(exchange: Exchange): void {
  const { attempt } = exchange
  // Tunnels see to it themselves.
  if (attempt === null || exchange.request.tunnel !== '' || attempt.credited >= exchange.requestBytes) return
  attempt.cancel(ANSWERED)
  dropRequest(exchange)
}

/** Once per exchange: deadlines off, numbers and log line written. */
export function record(exchange: Exchange, status: number): void {
  if (exchange.done) return
  exchange.done = true
  exchange.disarm()
  exchange.attempt?.release()
  if (exchange.places !== null) unanswered(exchange)
  exchange.cluster?.requestEnded()
  exchange.tunnel?.close()
  const { stats, context } = exchange
  stats.requestBytes += exchange.requestBytes
  stats.responseBytes += exchange.responseBytes
  stats.record(status, exchange.grpcStatus, context.clock.now() - exchange.startedAt)
  if (context.accessLog !== null) context.logAccess(exchange, status)
}
