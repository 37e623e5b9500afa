import { SUCCEEDED } from '../balance/outcome.ts'
import { endWithStatus, replyLocally } from '../downstream/local-reply.ts'
import { TUNNEL_CONNECT } from '../message/head.ts'
import { type Reason, reasons } from '../message/reason.ts'
import { Discard } from './discard.ts'
import type { Exchange } from './exchange.ts'
import { outcomeOf } from './outcome-of.ts'

/** Answers the caller ourselves. */
export function answer(exchange: Exchange, reason: Reason): void {
  const { context, request, down } = exchange
  exchange.reason = reason
  exchange.committed = true
  exchange.replay = null
  exchange.attempt = null
  context.listener.localReplies.count(reason.code)
  if (request.grpc) exchange.grpcStatus = reason.grpcStatus
  record(exchange, request.grpc ? 200 : reason.status)
  dropRequest(exchange)
  replyLocally(down, request, reason)
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
  if (!exchange.requestEnded) down.receiver = new Discard(down)
  const unsent = exchange.requestBytes - exchange.credited
  exchange.credited = exchange.requestBytes
  if (unsent > 0) down.credit(unsent)
}

/** The response is complete. */
export function complete(exchange: Exchange): void {
  if (exchange.attempt !== null) exchange.attempt.settle(outcomeOf(exchange.status, exchange.grpcStatus))
  record(exchange, exchange.status)
  if (exchange.requestEnded) dropUnsent(exchange)
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
  exchange.cluster?.requestEnded(exchange.retrying)
  exchange.tunnel?.close()
  const { stats, context } = exchange
  stats.requestBytes += exchange.requestBytes
  stats.responseBytes += exchange.responseBytes
  stats.record(status, exchange.grpcStatus, context.clock.now() - exchange.startedAt)
  if (context.accessLog !== null) context.logAccess(exchange, status)
}
