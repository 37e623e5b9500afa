/** How long a gRPC caller waits for its call: what is left for whoever gets the field. */
export const GRPC_TIMEOUT_FIELD = 'grpc-timeout'

/** More digits than this are malformed (gRPC over HTTP/2, "Timeout"). */
const MAX_DIGITS = 8
const MAX_VALUE = 99_999_999

/** Milliseconds of each unit, by its letter's code. */
const UNITS = new Map<number, number>([
  [0x48, 3_600_000], // H
  [0x4d, 60_000], // M
  [0x53, 1000], // S
  [0x6d, 1], // m
  [0x75, 0.001], // u
  [0x6e, 0.000001], // n
])

/**
 * Parses 1 to 8 digits and a unit (gRPC over HTTP/2, "Timeout"). Returns milliseconds, with fractions, or -1 for anything
 * else. 0, which the specification does not allow, is what some callers send when their time is up.
 */
export function parseGrpcTimeout(text: string): number {
  const digits = text.length - 1
  if (digits < 1 || digits > MAX_DIGITS) return -1
  const unit = UNITS.get(text.charCodeAt(digits))
  if (unit === undefined) return -1
  let value = 0
  for (let i = 0; i < digits; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value * unit
}

/**
 * Writes `ms` milliseconds in the finest unit from microseconds up that has room for them. Rounded down, so that nobody
 * is given more time than there is; at least one microsecond.
 */
export function formatGrpcTimeout(ms: number): string {
  if (ms < 100_000) return `${Math.max(1, Math.floor(ms * 1000))}u`
  if (ms <= MAX_VALUE) return `${Math.floor(ms)}m`
  if (ms <= MAX_VALUE * 1000) return `${Math.floor(ms / 1000)}S`
  if (ms <= MAX_VALUE * 60_000) return `${Math.floor(ms / 60_000)}M`
  return `${Math.min(MAX_VALUE, Math.floor(ms / 3_600_000))}H`
}
