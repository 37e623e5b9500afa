import type { Address } from './address.ts'
import type { Http1Config, Http2Config } from './http.ts'

export type UpstreamProtocol = 'http1' | 'h2' | 'auto'

export interface UpstreamConfig {
  readonly name: string
  readonly protocol: UpstreamProtocol
  /** At least one; addresses are unique. */
  readonly endpoints: readonly EndpointConfig[]
  readonly balance: BalanceConfig
  /** `null`: endpoints get their whole share at once. */
  readonly slowStart: SlowStartConfig | null
  /** `null`: no sessions, unless a route has them. */
  readonly sticky: StickyConfig | null
  readonly tls: UpstreamTlsConfig
  /** `null`: no active checks. */
  readonly health: HealthConfig | null
  /** `null`: no ejection by results. */
  readonly outlier: OutlierConfig | null
  /** `null`: endpoints are not shut one by one. */
  readonly breaker: BreakerConfig | null
  readonly limits: UpstreamLimits
  readonly timeouts: UpstreamTimeouts
  readonly http1: UpstreamHttp1
  readonly http2: Http2Config
}

export interface UpstreamHttp1 extends Http1Config {
  /** Interim (1xx) responses to one request. */
  readonly interimHeads: number
}

export interface EndpointConfig {
  readonly address: Address
  /** 1 to 1000. */
  readonly weight: number
  readonly zone: string | null
  /** 0 is used first. */
  readonly priority: number
  /** What routes choose subsets by. */
  readonly labels: Readonly<Record<string, string>>
}

export type BalancePolicy =
  | 'round-robin'
  | 'weighted'
  | 'random'
  | 'least-request'
  | 'ewma'
  | 'ring-hash'
  | 'maglev'

/** What belongs to another policy has its default. */
export interface BalanceConfig {
  readonly policy: BalancePolicy
  /** least-request: endpoints drawn for each pick, at least 2. */
  readonly choices: number
  /** least-request: power of the requests in flight against the weight, 0 or more. */
  readonly bias: number
  /** ewma: in milliseconds. */
  readonly decay: number
  /** ewma: what a failure counts as, in milliseconds; `null`: as the time it took. */
  readonly failurePenalty: number | null
  /** ring-hash, maglev: the first that a request has is hashed; without any the pick is random. */
  readonly hash: readonly HashKeyConfig[]
  /** ring-hash, maglev: how much of the mean load an endpoint takes at most, 1.1 to 2; `null`: no bound. */
  readonly boundedLoad: number | null
  /** ring-hash: points of the ring. */
  readonly minRingSize: number
  readonly maxRingSize: number
  /** A priority keeps its whole load while this times its usable share is at least 1; 1 or more. */
  readonly overprovision: number
  /** All endpoints are used when the usable share is below, 0 to 1; 0: never. */
  readonly panic: number
  /** Whether endpoints in the sidecar's own zone come first. */
  readonly zones: 'prefer' | 'ignore'
}

export type HashKeyConfig =
  /** Lower-case. */
  | { readonly kind: 'header'; readonly name: string }
  /** `generated`: a request without the cookie is given one. */
  | { readonly kind: 'cookie'; readonly cookie: CookieConfig; readonly generated: boolean }
  /** Without query. */
  | { readonly kind: 'path' }
  /** The address of the caller's connection. */
  | { readonly kind: 'source' }

export interface CookieConfig {
  readonly name: string
  /** In seconds; 0: until the browser ends. */
  readonly maxAge: number
  readonly path: string
}

export interface StickyConfig {
  readonly cookie: CookieConfig
  /** Absolute path of what the names of endpoints are keyed with; `null`: nothing secret. */
  readonly keyFile: string | null
}

export interface SlowStartConfig {
  /** In milliseconds. */
  readonly window: number
  /** Above 0; 1: the share grows evenly. */
  readonly aggression: number
  /** Share at the beginning, above 0 to 1. */
  readonly minimum: number
}

export interface UpstreamTlsConfig {
  readonly mode: 'none' | 'server' | 'mutual'
  /** SPIFFE IDs, one of which the server has to present; a trailing `*` matches any rest. Empty: not asked. */
  readonly peers: readonly string[]
  /** Name for SNI and, in mode `server` without peers, for the certificate; `null`: the endpoint's host. */
  readonly serverName: string | null
  /** Absolute path; `null`: the identity's bundle, and without one the system's roots. */
  readonly trustBundleFile: string | null
}

export type HealthProbe =
  | {
      readonly kind: 'http'
      readonly path: string
      /** Status codes that mean healthy, both ends included. */
      readonly expect: readonly StatusRange[]
      /** Status codes that mean degraded. */
      readonly degraded: readonly StatusRange[]
    }
  | {
      readonly kind: 'grpc'
      /** Empty: the server as a whole. */
      readonly service: string
    }
  | { readonly kind: 'tcp' }

export interface StatusRange {
  readonly from: number
  readonly to: number
}

export interface HealthConfig {
  readonly probe: HealthProbe
  /** In milliseconds. */
  readonly interval: number
  /** Of healthy endpoints while the upstream has no traffic, in milliseconds; at least `interval`. */
  readonly idleInterval: number
  /** In milliseconds. */
  readonly timeout: number
  /** Failed checks in a row until an endpoint is out. */
  readonly unhealthyAfter: number
  /** Passed checks in a row until it is back. */
  readonly healthyAfter: number
  /** Share by which each interval varies at random, 0 to 1. */
  readonly jitter: number
}

export interface OutlierConfig {
  /** Failed requests in a row until an endpoint is ejected; `null`: off. */
  readonly consecutive: number | null
  /** Standard deviations below the mean success rate; `null`: off. */
  readonly successRate: number | null
  /** Share of failed requests, above 0 to 1; `null`: off. */
  readonly failureShare: number | null
  /** In milliseconds. */
  readonly interval: number
  /** Endpoints with `minRequests` that a judgement needs. */
  readonly minEndpoints: number
  readonly minRequests: number
  /** First ejection in milliseconds; grows with each further one. */
  readonly eject: number
  /** Share by which an ejection is longer at random, at most. */
  readonly jitter: number
  /** Share of the endpoints that may be out at once, 0 to 1. */
  readonly maxEjected: number
}

export interface BreakerConfig {
  /** Failed requests in a row that shut an endpoint. */
  readonly failures: number
  /** Milliseconds from one trial to the next, and the share by which they are longer at random, at most. */
  readonly backOff: { readonly from: number; readonly to: number; readonly jitter: number }
}

export interface UpstreamLimits {
  readonly connections: number
  /** Requests in flight. */
  readonly requests: number
  /** Requests that wait for a connection. */
  readonly pending: number
  /** Longest wait for a connection in milliseconds; `null`: no limit of its own. */
  readonly pendingTimeout: number | null
  /** Requests in flight at one endpoint; `null`: no limit. */
  readonly requestsPerEndpoint: number | null
  /** Share of the requests in flight that may be retries, 0 to 1. */
  readonly retryBudget: number
  /** Bytes of one response head, all fields together. */
  readonly headBytes: number
  /** Fields of one response head. */
  readonly fields: number
  /** Bytes of the trailers of a response. */
  readonly trailerBytes: number
}

/** In milliseconds. */
export interface UpstreamTimeouts {
  readonly connect: number
  /** A pooled connection without a request is closed after this time; `null`: by its protocol, 3 s or 5 min. */
  readonly idle: number | null
}
