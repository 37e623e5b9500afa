import { grpcStatusOf } from '../message/grpc-status.ts'
import { type Head, TUNNEL_CONNECT } from '../message/head.ts'
import type { MessageStream } from '../message/stream.ts'
import { withCookies } from './affinity.ts'
import type { Attempt } from './attempt.ts'
import { responseBegan } from './deadline.ts'
import { dropRequest } from './ending.ts'
import type { Exchange } from './exchange.ts'
import { HeldResponse } from './held-response.ts'
import { answered } from './places.ts'
import { moveOn, retryResponse } from './try-again.ts'
import { Tunnel } from './tunnel.ts'
import { isMarked, toldReason, unmarked } from './unprocessed.ts'

const NOTHING = Buffer.alloc(0)

/** The head of a response to `attempt` is there: it is passed on, or dropped for another try. */
export function takeHead(exchange: Exchange, attempt: Attempt, answer: Head, end: boolean): void {
  let head = answer
  if (head.status < 200) {
    // Of those that run beside each other one is heard.
    if (attempt === exchange.attempt) exchange.down.head(head, null, false)
    return
  }
  if (isMarked(exchange, head, end)) {
    const told = toldReason(exchange, head)
    if (told !== null && moveOn(exchange, attempt, told, end)) return
    head = unmarked(head)
  }
  const grpcStatus = end && exchange.request.grpc ? grpcStatusOf(head.fields) : -1
  if (head.tunnel !== '') openTunnel(exchange, attempt, head, end)
  else if (!retryResponse(exchange, attempt, head.status, grpcStatus, head.fields, end)) {
    if (exchange.request.tunnel !== '') refuseTunnel(exchange, attempt)
    if (!end && isHeld(exchange, head)) {
      attempt.unlimit()
      attempt.held = new HeldResponse(attempt, head)
    } else exchange.commit(attempt, head, grpcStatus, end)
  }
}

/** Whether the response is kept from the caller until it is clear that it need not be tried again. */
function isHeld(exchange: Exchange, head: Head): boolean {
  if (!exchange.request.grpc || !exchange.requestEnded || head.status !== 200) return false
  if (exchange.hedge !== null && exchange.hedge.rivals.length > 0) return true
  const policy = exchange.verdict.target?.retry ?? null
  if (policy === null || !policy.holdsResponses) return false
  return exchange.attempts < policy.attempts && exchange.replayable
}

/** The endpoint accepted: what the caller has sent meanwhile follows, and both sides see each other's bytes. */
function openTunnel(exchange: Exchange, attempt: Attempt, head: Head, end: boolean): void {
  const { replay, requestEnded, down } = exchange
  exchange.committed = true
  exchange.replay = null
  responseBegan(exchange)
  if (exchange.places !== null) answered(exchange, head.status, -1)
  // What the caller is told in its own protocol (RFC 9110 §15.2.2).
  const switched = exchange.context.protocol === 'http1' && head.tunnel !== TUNNEL_CONNECT
  exchange.status = switched ? 101 : head.status
  const tunnel = new Tunnel(exchange, attempt.stream as MessageStream, end)
  exchange.tunnel = tunnel
  down.receiver = tunnel
  down.source = attempt.stream
  down.head(withCookies(exchange, attempt.endpoint, head), null, end)
  tunnel.start(replay, requestEnded)
}

/** An ordinary answer to a request for a tunnel: what the caller sent as if it were open goes nowhere. */
function refuseTunnel(exchange: Exchange, attempt: Attempt): void {
  dropRequest(exchange)
  exchange.requestEnded = true
  attempt.stream?.data(NOTHING, 0, 0, true)
}
