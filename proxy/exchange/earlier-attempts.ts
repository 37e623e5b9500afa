import { Fields } from '../message/fields.ts'
import type { Head } from '../message/head.ts'
import { timeLeft } from './deadline.ts'
import type { Exchange } from './exchange.ts'

/** Tells an application that it may see a request again: how many attempts at it an endpoint may have processed. */
export const EARLIER_FIELD = 'x-pillion-previous-attempts'
/** The same of a gRPC call (gRFC A6). */
const EARLIER_GRPC_FIELD = 'grpc-previous-rpc-attempts'

// One list for each number: it is written into heads, never changed.
const ofHttp: Fields[] = []
const ofGrpc: Fields[] = []

/**
 * The field to add to `request`, as it goes upstream, after `count` such attempts, from 1 on; null when it has it from a
 * caller that is believed.
 */
export function earlierAttempts(request: Head, count: number): Fields | null {
  const name = request.grpc ? EARLIER_GRPC_FIELD : EARLIER_FIELD
  if (request.fields.has(name)) return null
  const known = request.grpc ? ofGrpc : ofHttp
  known[count] ??= Fields.of({ [name]: String(count) })
  return known[count]
}

/** What this attempt tells its endpoint that other attempts do not; null: nothing. Valid until the next call. */
export function fieldsOfAttempt(exchange: Exchange): Fields | null {
  const left = timeLeft(exchange)
  const forwarded = exchange.verdict.forwarded(exchange.destination)
  const earlier = exchange.earlier === 0 ? null : earlierAttempts(forwarded, exchange.earlier)
  if (left === null || earlier === null) return left ?? earlier
  return new Fields([...left.names, ...earlier.names], [...left.values, ...earlier.values])
}
