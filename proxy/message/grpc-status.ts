import type { Fields } from './fields.ts'

/** UNKNOWN: what a call without a legible status ends with (gRPC over HTTP/2, "Responses"). */
const UNKNOWN = 2

/** The value of grpc-status in trailers or in a trailers-only head. */
export function grpcStatusOf(fields: Fields): number {
  const value = fields.get('grpc-status')
  return value !== null && /^[0-9]{1,2}$/.test(value) ? Number(value) : UNKNOWN
}

const OF_HTTP = new Map<number, number>([
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [502, 14],
  [503, 14],
  [504, 14],
])

/** What an HTTP status other than 200 means to a gRPC call (gRPC, "HTTP to gRPC Status Code Mapping"). */
export function grpcStatusOfHttp(status: number): number {
  return OF_HTTP.get(status) ?? UNKNOWN
}
