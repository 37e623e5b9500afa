import { retryFields } from '../downstream/local-reply.ts'
import { Added } from '../message/added.ts'
import { Fields } from '../message/fields.ts'
import { reasons } from '../message/reason.ts'
import type { Allowance } from '../policy/allowance.ts'
import type { ConcurrencyLimit } from '../policy/concurrency-limit.ts'
import type { RateLimit } from '../policy/rate-limit.ts'
import { answer } from './ending.ts'
import type { Exchange } from './exchange.ts'
import type { Destination } from './route-target.ts'

/** Whether the request may go on: first rate limits, then limits on concurrency. Answers it when it may not. */
export function admit(exchange: Exchange, destination: Destination): boolean {
  const { allowance } = exchange.verdict
  if (allowance !== null) {
    const wait = allowance.take(exchange.startedAt)
    if (wait > 0) {
      refuseRate(exchange, allowance, wait)
      return false
    }
  }
  const limits = destination.concurrency
  if (limits === null) return true
  for (let i = 0; i < limits.length; i++) {
    if (limits[i].hasRoom) continue
    refuseOverload(exchange, limits[i])
    return false
  }
  for (let i = 0; i < limits.length; i++) limits[i].enter()
  exchange.places = limits
  exchange.awaitedFrom = exchange.startedAt
  return true
}

function refuseRate(exchange: Exchange, allowance: Allowance, wait: number): void {
  const limit = allowance.refusedBy as RateLimit
  const extra = retryFields(exchange.request, wait)
  if (allowance.advertises) Object.assign(extra, allowance.fields(exchange.startedAt, true))
  answer(exchange, reasons.rateLimited.with(`${limit.name} of ${limit.place}`), extra)
}

function refuseOverload(exchange: Exchange, limit: ConcurrencyLimit): void {
  const detail = `${limit.stats.inFlight} requests to ${limit.place}`
  answer(exchange, reasons.overloaded.with(detail), retryFields(exchange.request, limit.refuse()))
}

/** What a response tells of the rate limits; null when they are not to be told of. */
export function rateLimitFields(exchange: Exchange): Added | null {
  const allowance = exchange.verdict.allowance as Allowance
  if (!allowance.advertises) return null
  const added = new Added()
  added.fields = Fields.of(allowance.fields(exchange.context.clock.now(), false))
  return added
}
