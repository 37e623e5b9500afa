/** What a rate limit keeps apart: each distinct value has a bucket of its own. */
export type RateLimitBy =
  | { readonly kind: 'principal' }
  | { readonly kind: 'source' }
  /** `name` is lower-case. */
  | { readonly kind: 'header'; readonly name: string }

export interface RateLimitConfig {
  /** As given, otherwise what it does, such as `100/1s by principal`. */
  readonly name: string
  /** How many requests may pass in `per`, again and again. */
  readonly requests: number
  /** In milliseconds. */
  readonly per: number
  /** How many may come at once after a pause. */
  readonly burst: number
  /** Buckets are kept apart by all of these together; empty: one bucket for all requests. */
  readonly by: readonly RateLimitBy[]
  /** Buckets at a time. */
  readonly maxKeys: number
  /** Requests beyond the limit are counted and let pass. */
  readonly dryRun: boolean
  /** Callers are told in `RateLimit` and `RateLimit-Policy`. */
  readonly advertise: boolean
}

/** A limit on requests in flight that follows the latency of what it protects. */
export interface ConcurrencyConfig {
  /** The limit never falls below it. */
  readonly min: number
  /** The limit never rises above it. */
  readonly max: number
  /** Where the limit begins; from `min` to `max`. */
  readonly start: number
}
