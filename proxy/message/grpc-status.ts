import type { Fields } from './fields.ts'

/** UNKNOWN: what a call without a legible status ends with (gRPC over HTTP/2, "Responses"). */
const UNKNOWN = 2

/** The value of grpc-status in trailers or in a trailers-only head. */
export function grpcStatusOf(fields: Fields): number {
  const value = fields.get('grpc-status')
  return value !== null && /^[0-9]{1,2}$/.test(value) ? Number(value) : UNKNOWN
}
