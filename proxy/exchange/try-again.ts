import { REUSED_CONNECTION_CLOSED } from '../codec/http1/reasons.ts'
import { type Reason, reasons } from '../message/reason.ts'
import { isIdempotent } from '../policy/retry.ts'
import type { Exchange } from './exchange.ts'

/** Whether a try that ended for `reason` may be followed by another: where it is always safe, or the route says so. */
export function mayTryAgain(exchange: Exchange, reason: Reason): boolean {
  if (reason.is(reasons.overflow)) return false
  if (isAlwaysSafe(exchange, reason)) return true
  const policy = exchange.verdict.target?.retry ?? null
  return policy !== null && exchange.attempts < policy.attempts && policy.onFailure(reason, exchange.request)
}

/**
 * Whether another try is outside the budget of retries. A try that never reached its endpoint cost nothing, and when an
 * endpoint dies all of its requests move at once. A refused stream is different: it is how endpoints show overload.
 */
export function isFree(exchange: Exchange, reason: Reason): boolean {
  return isAlwaysSafe(exchange, reason) && !reason.is(reasons.refusedStream)
}

/** Whether a try that ended for `reason` had no effect, or none that a second one would add to. */
function isAlwaysSafe(exchange: Exchange, reason: Reason): boolean {
  return reason.unprocessed || (reason.is(REUSED_CONNECTION_CLOSED) && isIdempotent(exchange.request))
}

/** Whether the endpoint that ended a try for `reason` may be asked once more, when there is no other. */
export function mayAskAgain(reason: Reason): boolean {
  return reason.is(reasons.goaway) || reason.is(reasons.refusedStream) || reason.is(REUSED_CONNECTION_CLOSED)
}
