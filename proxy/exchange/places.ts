import { SUCCEEDED } from '../balance/outcome.ts'
import { reasons } from '../message/reason.ts'
import type { ConcurrencyLimit } from '../policy/concurrency-limit.ts'
import type { Exchange } from './exchange.ts'
import { outcomeOf } from './outcome-of.ts'

/**
 * The response begins, or a tunnel opens: the request gives its places back. From here on it may last, as streams do, or be
 * read slowly, and neither keeps the endpoint from answering others. Failures come fast and would pass for good latencies.
 */
export function answered(exchange: Exchange, status: number, grpcStatus: number): void {
  leave(exchange, outcomeOf(status, grpcStatus) === SUCCEEDED)
}

/** There will be no response. That it did not come in time is a latency, too: a long one. */
export function unanswered(exchange: Exchange): void {
  leave(exchange, exchange.reason?.is(reasons.timeout) === true)
}

function leave(exchange: Exchange, sampled: boolean): void {
  const limits = exchange.places as readonly ConcurrencyLimit[]
  exchange.places = null
  const now = exchange.context.clock.now()
  for (let i = 0; i < limits.length; i++) limits[i].leave(exchange.awaitedFrom, now, sampled)
}
