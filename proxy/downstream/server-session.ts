import type { TimerWheel } from '../base/timer-wheel.ts'
import type { Http1Limits } from '../codec/http1/limits.ts'
import { DEFAULT_LIMITS } from '../codec/http1/limits.ts'
import { Http1ServerConnection } from '../codec/http1/server-connection.ts'
import type { Http2ServerLimits, Http2Windows } from '../codec/http2/limits.ts'
import { Http2ServerConnection } from '../codec/http2/server-connection.ts'
import type { Transport } from '../codec/transport.ts'
import type { LimitWatch } from '../message/limit-watch.ts'
import type { Reason } from '../message/reason.ts'
import type { Protocol, RequestAcceptor, ServerSession } from '../message/session.ts'

export interface ServerSessionOptions {
  readonly timers: TimerWheel
  /** Streams of one HTTP/2 connection at a time. */
  readonly maxStreams: number
  readonly maxHeadBytes: number
  readonly maxFields: number
  /** A request target, in bytes; HTTP/2 leaves it to whoever routes the request. */
  readonly maxUriBytes: number
  /** The trailers of a request, in bytes. */
  readonly maxTrailerBytes: number
  /** The limits that HTTP/1.1 alone has. */
  readonly http1: Pick<Http1Limits, Http1OwnLimits>
  readonly maxCookies: number
  readonly http2: Http2ServerLimits & Http2Windows
  readonly headMs: number
  readonly idleMs: number
  /** The four below: 0 is off. */
  readonly bodyMs: number
  readonly writeMs: number
  readonly streamMs: number
  /** The shortest limit that a route has in place of `streamMs`. */
  readonly shortestSilenceMs: number
}

type Http1OwnLimits =
  | 'chunkExtensionBytes'
  | 'bodyExtensionBytes'
  | 'windowBytes'
  | 'pipelineBytes'
  | 'drainBytes'
  | 'requests'

export interface ServerSessionOwner {
  readonly scheme: 'http' | 'https'
  readonly limitReached: LimitWatch
  /** The session itself answered a request. */
  replied(reason: Reason): void
  /** The connection is gone; `reason` is null when nothing went wrong. */
  closed(session: ServerSession, reason: Reason | null): void
}

/** Makes the session that speaks `protocol` on a fresh connection. */
export function createServerSession(
  transport: Transport,
  protocol: Protocol,
  options: ServerSessionOptions,
  acceptor: RequestAcceptor,
  owner: ServerSessionOwner,
): ServerSession {
  if (protocol === 'h2') {
    return new Http2ServerConnection(
      transport,
      {
        timers: options.timers,
        streamWindow: options.http2.window,
        maxStreamWindow: options.http2.maxWindow,
        connectionWindow: options.http2.connectionWindow,
        maxConnectionWindow: options.http2.maxConnectionWindow,
        maxHeadBytes: options.maxHeadBytes,
        maxFields: options.maxFields,
        maxTrailerBytes: options.maxTrailerBytes,
        maxCookies: options.maxCookies,
        limits: options.http2,
        idleMs: options.idleMs,
        headMs: options.headMs,
        bodyMs: options.bodyMs,
        writeMs: options.writeMs,
        streamMs: options.streamMs,
        shortestSilenceMs: options.shortestSilenceMs,
        maxStreams: options.maxStreams,
        limitReached: owner.limitReached,
        replied: owner.replied,
      },
      acceptor,
      { sessionClosed: (session, reason) => owner.closed(session, reason) },
    )
  }
  let refusal: Reason | null = null
  return new Http1ServerConnection(transport, {
    scheme: owner.scheme,
    acceptor,
    wheel: options.timers,
    limits: {
      ...DEFAULT_LIMITS,
      ...options.http1,
      headBytes: options.maxHeadBytes,
      fields: options.maxFields,
      uriBytes: options.maxUriBytes,
      trailerBytes: options.maxTrailerBytes,
    },
    timeouts: options,
    // Callers that give up close, and so does a sidecar for its own caller: the work behind it should end too.
    halfClose: false,
    limitReached: owner.limitReached,
    replied: owner.replied,
    onClosed: (session) => owner.closed(session, refusal),
    onRefused: (reason) => {
      refusal = reason
    },
  })
}
