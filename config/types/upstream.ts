import type { Address } from './address.ts'
import type { Http1Config, Http2Config } from './http.ts'
import type { ConcurrencyConfig } from './overload.ts'

export type UpstreamProtocol = 'http1' | 'h2' | 'auto'

export interface UpstreamConfig {
  readonly name: string
  readonly protocol: UpstreamProtocol
  /** At least one; addresses are unique. */
  readonly endpoints: readonly EndpointConfig[]
  readonly balance: BalanceConfig
  readonly tls: UpstreamTlsConfig
  /** `null`: no active checks. */
  readonly health: HealthConfig | null
  /** `null`: no ejection by results. */
  readonly outlier: OutlierConfig | null
  readonly limits: UpstreamLimits
  /** `null`: only `limits.requests` counts. */
  readonly concurrency: ConcurrencyConfig | null
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
}

export type BalancePolicy = 'round-robin' | 'weighted' | 'random' | 'least-request'

export interface BalanceConfig {
  readonly policy: BalancePolicy
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
  /** Failed requests in a row until an endpoint is ejected. */
  readonly consecutive: number
  /** First ejection in milliseconds; grows with each further one. */
  readonly eject: number
  /** Share of the endpoints that may be out at once, 0 to 1. */
  readonly maxEjected: number
}

export interface UpstreamLimits {
  readonly connections: number
  /** Requests in flight. */
  readonly requests: number
  /** Requests that wait for a connection. */
  readonly pending: number
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
