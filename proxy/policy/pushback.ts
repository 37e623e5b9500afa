import type { Fields } from '../message/fields.ts'

/** The response says nothing of when to try again. */
export const NOT_ASKED = -1
/** The response asks not to be tried again at all. */
export const NEVER = Number.POSITIVE_INFINITY

/**
 * Milliseconds that a gRPC call is to wait before it is made again, by `grpc-retry-pushback-ms` of its trailers (gRFC A6):
 * exactly so long. NEVER when it is negative or no number; NOT_ASKED without the field.
 */
export function grpcPushback(fields: Fields): number {
  const value = fields.get('grpc-retry-pushback-ms')
  if (value === null) return NOT_ASKED
  return /^[0-9]{1,10}$/.test(value) ? Number(value) : NEVER
}

/**
 * Milliseconds by `Retry-After`, seconds or a date (RFC 9110 §10.2.3): at least so long. NOT_ASKED without the field, and
 * when it says nothing that can be read. `wall` is now, in milliseconds since 1970.
 */
export function retryAfter(fields: Fields, wall: number): number {
  const value = fields.get('retry-after')
  if (value === null) return NOT_ASKED
  if (/^[0-9]{1,10}$/.test(value)) return Number(value) * 1000
  // Only the form that senders may write; Date.parse alone would take nearly anything.
  if (!/^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/.test(value)) {
    return NOT_ASKED
  }
  const date = Date.parse(value)
  return Number.isNaN(date) ? NOT_ASKED : Math.max(0, date - wall)
}
