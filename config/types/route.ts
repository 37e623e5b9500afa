import type { StickyConfig } from './upstream.ts'

export interface RouteConfig {
  /** As given, otherwise `listener/index`, such as `outbound/0`. Unique. */
  readonly name: string
  readonly match: MatchConfig
  /** At least one, each with a weight of at least 1; each name is a declared upstream. */
  readonly upstreams: readonly WeightedUpstream[]
  /** From the last byte of the request to the head of the response, in milliseconds; `null`: no limit. */
  readonly timeout: number | null
  readonly retry: RetryConfig | null
  /** Only endpoints with all of these labels; `null`: all endpoints. */
  readonly subset: Readonly<Record<string, string>> | null
  /** What happens when no endpoint of the subset is left: any other is used, or none. */
  readonly subsetFallback: 'any' | 'none'
  /** `null`: as the upstream says. */
  readonly sticky: StickyConfig | null
  /** Lower-case upgrade tokens, and `connect` for the method CONNECT. */
  readonly upgrades: readonly string[]
}

export interface WeightedUpstream {
  readonly upstream: string
  /** 1 to 1000000, relative to the sum of the route's weights. */
  readonly weight: number
}

/** All that is not `null` has to match. At most one of `path`, `prefix` and `grpc` is set. */
export interface MatchConfig {
  /** Lower-case `host` (any port), `host:port`, or `*.suffix` (any labels before the suffix, any port). */
  readonly authority: string | null
  /** The whole path, without query. */
  readonly path: string | null
  /** Leading whole segments of the path: `/api` matches `/api` and `/api/x`, not `/apix`. */
  readonly prefix: string | null
  readonly grpc: GrpcMatch | null
  readonly methods: readonly string[] | null
  /** All have to match; empty when none is asked for. */
  readonly headers: readonly HeaderMatch[]
}

export interface GrpcMatch {
  /** Full name with its package, such as `helloworld.Greeter`. */
  readonly service: string
  /** `null`: every method of the service. */
  readonly method: string | null
}

export interface HeaderMatch {
  /** Lower-case. */
  readonly name: string
  readonly kind: 'exact' | 'prefix' | 'present' | 'absent'
  /** Empty for `present` and `absent`. */
  readonly value: string
}

export type RetryCondition =
  | 'connect-failure'
  | 'refused-stream'
  | 'reset'
  | '5xx'
  | 'gateway-error'
  | 'cancelled'
  | 'deadline-exceeded'
  | 'internal'
  | 'resource-exhausted'
  | 'unavailable'

export interface RetryConfig {
  /** At least one. */
  readonly on: readonly RetryCondition[]
  /** All tries together with the first one, 1 to 10. */
  readonly attempts: number
  /** In milliseconds; `null`: only the route's timeout. */
  readonly perTryTimeout: number | null
}
