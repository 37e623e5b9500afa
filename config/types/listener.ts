import type { Address } from './address.ts'
import type { Http1Config, Http2Config } from './http.ts'
import type { RateLimitConfig } from './overload.ts'
import type { RouteConfig } from './route.ts'

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
  /** All have to let a request pass, and those of its route; empty: none. */
  readonly rateLimits: readonly RateLimitConfig[]
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

export interface ListenerHttp1 extends Http1Config {
  /** Bytes of pipelined requests kept while an earlier one is answered. */
  readonly pipelineBytes: number
  /** Rest of an answered request that is read and thrown away, in bytes. */
  readonly drainBytes: number
}

export interface ListenerHttp2Config extends Http2Config {
  /** Streams begun in one turn of the event loop. */
  readonly streamsPerTurn: number
  /** Header bytes of all open streams of a connection. */
  readonly headBytesHeld: number
  /** Bytes of output that a caller leaves unread while it asks for more. */
  readonly unread: number
}
