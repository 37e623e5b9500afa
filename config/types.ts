/**
 * The configuration as the proxy sees it: checked, every default filled in, values in one unit.
 *
 * Durations are milliseconds, sizes bytes, shares fractions of 1; `null` means not set or switched off.
 * Everything is immutable: a reload makes a new `Config`, and never changes an old one.
 */
export interface Config {
  /** This workload's name; a DNS label. */
  readonly service: string
  /** Processes that share the listeners. Only 1 so far. */
  readonly workers: number
  /** `null`: no admin server. */
  readonly admin: ServerConfig | null
  /** `null`: no metrics server. */
  readonly metrics: ServerConfig | null
  readonly log: LogConfig
  readonly shutdown: ShutdownConfig
  /** Never `null` when a listener has TLS or an upstream has mutual TLS. */
  readonly identity: IdentityConfig | null
  /** At least one, in the order of the file. */
  readonly listeners: readonly ListenerConfig[]
  /** In the order of the file; names are unique. */
  readonly upstreams: readonly UpstreamConfig[]
}

/** A TCP address. */
export interface Address {
  /** IP address or host name; an IPv6 address stands here without brackets. */
  readonly host: string
  /** 1 to 65535; 0 (any free port) only where something listens. */
  readonly port: number
  /** `host:port`, an IPv6 host in brackets: what to show and to label with. */
  readonly text: string
}

export interface ServerConfig {
  readonly address: Address
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogConfig {
  readonly level: LogLevel
  /** Whether each request gets a line in the log. */
  readonly access: boolean
}

export interface ShutdownConfig {
  /** Longest time between the first signal and the exit, in milliseconds. */
  readonly grace: number
}

/** Absolute paths; each file existed and was readable when the configuration was loaded. */
export interface IdentityConfig {
  readonly trustDomain: string
  readonly certificateFile: string
  readonly keyFile: string
  readonly trustBundleFile: string
}

export type ListenerTls = 'mutual' | 'permissive' | 'server' | 'none'

export interface ListenerConfig {
  /** Unique among the listeners. */
  readonly name: string
  readonly address: Address
  readonly tls: ListenerTls
  readonly direction: 'inbound' | 'outbound'
  /** Authorities as in `MatchConfig`, one of which a request has to be for; `null`: any. */
  readonly hosts: readonly string[] | null
  /** Whether the host of a request over TLS has to be the server name of its connection. */
  readonly matchServerName: boolean
  readonly paths: PathsConfig
  readonly forwarded: ForwardedConfig
  /** Pseudonym of this sidecar in Via; `null`: Via stays as it came. */
  readonly via: string | null
  /** Empty: every caller may pass. Otherwise deny wins, and what no rule allows is denied. */
  readonly authorize: readonly AuthorizeRule[]
  /** At least one; the first that matches wins. */
  readonly routes: readonly RouteConfig[]
  readonly timeouts: ListenerTimeouts
  readonly limits: ListenerLimits
  readonly http1: ListenerHttp1
  readonly http2: ListenerHttp2Config
}

/** How the paths of requests are read. */
export interface PathsConfig {
  readonly escapedSlashes: 'refuse' | 'keep'
  readonly mergeSlashes: boolean
}

/** What is believed and told about the hops before. */
export interface ForwardedConfig {
  readonly trust: 'mesh' | 'always' | 'never'
  /** Proxies of ours before a caller that is not trusted, 0 to 32. */
  readonly trustedHops: number
  readonly write: 'x-forwarded' | 'forwarded' | 'both'
}

/** A rule holds when each of its conditions that is not `null` holds. */
export interface AuthorizeRule {
  readonly action: 'allow' | 'deny'
  /** SPIFFE IDs; a trailing `*` matches any rest. */
  readonly principals: readonly string[] | null
  /** Upper-case as written on the wire. */
  readonly methods: readonly string[] | null
  /** Request paths; a trailing `*` matches any rest. */
  readonly paths: readonly string[] | null
}

/** In milliseconds. */
export interface ListenerTimeouts {
  /** A connection without an open request is closed after this time. */
  readonly idle: number
  /** A request head has to be complete within this time. */
  readonly head: number
  /** A TLS handshake has to be complete within this time. */
  readonly handshake: number
  /** A request body has to bring 1 KiB or its end within this time. */
  readonly body: number
  /** A caller has to take something of what waits for it within this time. */
  readonly write: number
  /** Something has to move on a request within this time; `null`: no limit. */
  readonly stream: number | null
  /** A tunnel in which nothing moves either way is cut after this time; `null`: never. */
  readonly tunnel: number | null
}

export interface ListenerLimits {
  /** Connections open at once. */
  readonly connections: number
  /** Streams open at once on one HTTP/2 connection. */
  readonly streams: number
  /** Bytes of one request head, all fields together. */
  readonly headBytes: number
  /** Fields of one request head. */
  readonly fields: number
  /** Bytes of a request target. */
  readonly uriBytes: number
  /** Bytes of the trailers of a request. */
  readonly trailerBytes: number
  /** Bytes of a request body; `null`: no limit. */
  readonly bodyBytes: number | null
  /** Cookie fields of one request head; they do not count among `fields`. */
  readonly cookies: number
}

/** Limits of HTTP/1.1 alone, for either role. */
export interface Http1Config {
  /** Bytes of the extensions of one chunk. */
  readonly chunkExtensionBytes: number
  /** Bytes of the extensions of all chunks of one body. */
  readonly bodyExtensionBytes: number
  /** Bytes of a body read before they have left for the other side. */
  readonly windowBytes: number
  /** Requests on one connection; `null`: no limit. */
  readonly requests: number | null
}

export interface ListenerHttp1 extends Http1Config {
  /** Bytes of pipelined requests kept while an earlier one is answered. */
  readonly pipelineBytes: number
  /** Rest of an answered request that is read and thrown away, in bytes. */
  readonly drainBytes: number
}

export interface UpstreamHttp1 extends Http1Config {
  /** Interim (1xx) responses to one request. */
  readonly interimHeads: number
}

/** Limits of an HTTP/2 connection; windows in bytes. */
export interface Http2Config {
  /** Flood budget of a connection. */
  readonly glitches: number
  /** What comes back to it each second. */
  readonly glitchRefill: number
  /** CONTINUATION frames of one header block. */
  readonly continuations: number
  /** Settings in one frame. */
  readonly settings: number
  /** Answers that wait for a peer which does not read. */
  readonly controlFrames: number
  /** Empty DATA frames that nothing excuses. */
  readonly emptyData: number
  /** WINDOW_UPDATE frames for each DATA frame sent. */
  readonly windowUpdates: number
  readonly window: number
  /** At least `window`. */
  readonly maxWindow: number
  readonly connectionWindow: number
  /** At least `connectionWindow`. */
  readonly maxConnectionWindow: number
}

export interface ListenerHttp2Config extends Http2Config {
  /** Streams begun in one turn of the event loop. */
  readonly streamsPerTurn: number
  /** Header bytes of all open streams of a connection. */
  readonly headBytesHeld: number
  /** Bytes of output that a caller leaves unread while it asks for more. */
  readonly unread: number
}

export interface RouteConfig {
  /** As given, otherwise `listener/index`, such as `outbound/0`. Unique. */
  readonly name: string
  readonly match: MatchConfig
  /** At least one, each with a weight of at least 1; each name is a declared upstream. */
  readonly upstreams: readonly WeightedUpstream[]
  /** From the last byte of the request to the head of the response, in milliseconds; `null`: no limit. */
  readonly timeout: number | null
  readonly retry: RetryConfig | null
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
  readonly timeouts: UpstreamTimeouts
  readonly http1: UpstreamHttp1
  readonly http2: Http2Config
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

/** One thing that is wrong, at one place of the file. */
export interface Problem {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
  /** Such as `listeners[0].routes[1].upstream`; empty for the file as a whole. */
  readonly path: string
  readonly message: string
}

export type LoadResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] }
