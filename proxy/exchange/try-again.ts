import { NONE_TRIED } from '../balance/choice.ts'
import type { Endpoint } from '../balance/endpoint.ts'
import { REUSED_CONNECTION_CLOSED } from '../codec/http1/reasons.ts'
import { type Reason, reasons } from '../message/reason.ts'
import { isIdempotent } from '../policy/retry.ts'
import { balancerOf, whereTo } from './affinity.ts'
import { Attempt } from './attempt.ts'
import type { Cluster } from './cluster.ts'
import type { Exchange } from './exchange.ts'

/** HTTP/2 code that says "not wanted any more" (RFC 9113 §7). */
const CANCEL = 8
/** Ends a try whose response is dropped for another try. */
export const DISCARDED = reasons.upstreamReset.withHttp2(CANCEL, 'another endpoint is asked')

/** Whether a try that ended for `reason` may be followed by another: where it is always safe, or the route says so. */
export function mayTryAgain(exchange: Exchange, reason: Reason): boolean {
  // What cannot be written for one endpoint cannot be written for another.
  if (reason.is(reasons.overflow) || reason.is(reasons.badRequest)) return false
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

/**
 * Sends the request, as far as it has come, to `endpoint`, or to the next that can take it. Returns null, or why none can.
 */
export function tryAt(exchange: Exchange, endpoint: Endpoint | null): Reason | null {
  const cluster = exchange.cluster as Cluster
  const pools = exchange.request.tunnel === '' ? cluster.pools : cluster.tunnelPools
  while (endpoint !== null) {
    exchange.attempts += 1
    exchange.endpoint = endpoint
    const attempt = new Attempt(exchange, endpoint, pools[endpoint.index])
    exchange.attempt = attempt
    cluster.endpointStats[endpoint.index].requests += 1
    const perTry = exchange.verdict.target?.retry?.perTryTimeout ?? null
    if (perTry !== null) attempt.limit(exchange.context.timers, perTry)
    const refusal = attempt.begin()
    if (refusal === null) return null
    attempt.release()
    exchange.attempt = null
    exchange.reason = refusal
    if (refusal.is(reasons.overflow)) cluster.stats.overflow += 1
    endpoint = refusal.is(reasons.overflow) ? null : nextEndpoint(exchange, endpoint)
  }
  return exchange.reason ?? cluster.noneToPick(whereTo(exchange))
}

/** The endpoint to try when `failed` has failed, null when there is none. */
export function nextEndpoint(exchange: Exchange, failed: Endpoint): Endpoint | null {
  const balancer = balancerOf(exchange)
  exchange.tried = [...exchange.tried, failed]
  const other = balancer.pick(exchange)
  if (other !== null) return other
  // One that merely turned the request away may be asked again, on a new connection.
  if (exchange.reason === null || !mayAskAgain(exchange.reason)) return null
  exchange.tried = NONE_TRIED
  return balancer.pick(exchange)
}

function mayAskAgain(reason: Reason): boolean {
  return reason.is(reasons.goaway) || reason.is(reasons.refusedStream) || reason.is(REUSED_CONNECTION_CLOSED)
}

/** Takes one more try out of the cluster's budget; false when it is used up. */
export function spendRetry(exchange: Exchange): boolean {
  const cluster = exchange.cluster as Cluster
  if (exchange.retrying) return true
  if (!cluster.spendRetry()) {
    cluster.stats.retriesOverflow += 1
    cluster.stats.limits.count('limits.retryBudget')
    return false
  }
  exchange.retrying = true
  return true
}
