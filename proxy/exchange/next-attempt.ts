import { NONE_TRIED } from '../balance/choice.ts'
import type { Endpoint } from '../balance/endpoint.ts'
import { REUSED_CONNECTION_CLOSED } from '../codec/http1/reasons.ts'
import { type Reason, reasons } from '../message/reason.ts'
import { balancerOf, subsetOf } from './affinity.ts'
import { Attempt } from './attempt.ts'
import type { Cluster } from './cluster.ts'
import { isOver, lifeOver } from './deadline.ts'
import { answer } from './ending.ts'
import type { Exchange } from './exchange.ts'

/** Sends the request, as far as it has come, to `endpoint` or the next that can take it; answers when none can. */
export function tryOrAnswer(exchange: Exchange, endpoint: Endpoint | null): void {
  const refusal = tryAt(exchange, endpoint)
  if (refusal !== null) answer(exchange, refusal)
}

/** Returns null, or why no endpoint can take the request. */
function tryAt(exchange: Exchange, endpoint: Endpoint | null): Reason | null {
  if (isOver(exchange)) return lifeOver(exchange)
  const cluster = exchange.cluster as Cluster
  while (endpoint !== null) {
    const attempt = openAttempt(exchange, endpoint)
    exchange.attempt = attempt
    // The other idle connections are likely to be as stale as the one that was lost.
    const fresh = exchange.reason?.is(REUSED_CONNECTION_CLOSED) === true
    const refusal = attempt.begin(fresh)
    if (refusal === null) return null
    attempt.release()
    exchange.attempt = null
    exchange.reason = refusal
    if (refusal.is(reasons.overflow)) cluster.stats.overflow += 1
    endpoint = refusal.is(reasons.overflow) ? null : nextEndpoint(exchange, endpoint)
  }
  return exchange.reason ?? cluster.noneToPick(subsetOf(exchange))
}

/** A try at `endpoint`, counted and limited in time, that has not begun yet. */
export function openAttempt(exchange: Exchange, endpoint: Endpoint): Attempt {
  const cluster = exchange.cluster as Cluster
  const pools = exchange.request.tunnel === '' ? cluster.pools : cluster.tunnelPools
  exchange.attempts += 1
  exchange.endpoint = endpoint
  const attempt = new Attempt(exchange, endpoint, pools[endpoint.index])
  attempt.stats.requests += 1
  const perTry = exchange.verdict.target?.retry?.perTryTimeout ?? null
  if (perTry !== null) attempt.limit(exchange.context.timers, perTry)
  return attempt
}

/** The endpoint to try when `failed` has failed, null when there is none. */
export function nextEndpoint(exchange: Exchange, failed: Endpoint): Endpoint | null {
  const balancer = balancerOf(exchange)
  if (!failed.removed) exchange.tried = [...exchange.tried, failed]
  const other = balancer.pick(exchange)
  if (other !== null) return other
  // One that merely turned the request away may be asked again, on a new connection.
  if (exchange.reason === null || !mayAskAgain(exchange.reason)) return null
  exchange.tried = NONE_TRIED
  return balancer.pick(exchange)
}

/** Where every endpoint has been asked: another one than `failed` if there is any, otherwise that one again. */
export function askAgain(exchange: Exchange, failed: Endpoint): Endpoint | null {
  const balancer = balancerOf(exchange)
  exchange.tried = [failed]
  const other = balancer.pick(exchange)
  if (other !== null) return other
  exchange.tried = NONE_TRIED
  return balancer.pick(exchange)
}

function mayAskAgain(reason: Reason): boolean {
  return reason.is(reasons.goaway) || reason.is(reasons.refusedStream) || reason.is(REUSED_CONNECTION_CLOSED)
}
