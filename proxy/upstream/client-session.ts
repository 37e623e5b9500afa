import type { TimerWheel } from '../base/timer-wheel.ts'
import { Http1ClientConnection } from '../codec/http1/client-connection.ts'
import { DEFAULT_CLIENT_TIMEOUTS, DEFAULT_LIMITS, type Http1Limits } from '../codec/http1/limits.ts'
import { Http2ClientConnection } from '../codec/http2/client-connection.ts'
import type { Http2Limits, Http2Windows } from '../codec/http2/limits.ts'
import type { Transport } from '../codec/transport.ts'
import type { LimitWatch } from '../message/limit-watch.ts'
import type { ClientSession, ClientSessionOwner, Protocol } from '../message/session.ts'

/** Streams that we open on one HTTP/2 connection at a time, whatever more the endpoint allows. */
const MAX_STREAMS = 1000
/** A pooled HTTP/2 connection without streams is closed after this time, in milliseconds. */
const HTTP2_IDLE_MS = 300_000

/** What the connections of one upstream may cost, and how long they live. */
export interface ClientSessionOptions {
  readonly timers: TimerWheel
  /** Time for the peer's preface and for a header block over HTTP/2, in milliseconds. */
  readonly connectMs: number
  /** Milliseconds without a request after which a connection is closed; null: by protocol, 3 s or 5 min. */
  readonly idleMs: number | null
  /** Of a response: responses are not trusted to be smaller than requests are. */
  readonly maxHeadBytes: number
  readonly maxFields: number
  readonly maxTrailerBytes: number
  /** The limits that HTTP/1.1 alone has. */
  readonly http1: Pick<Http1Limits, Http1OwnLimits>
  /** The limits and windows that HTTP/2 alone has. */
  readonly http2: Http2Limits & Http2Windows
  readonly limitReached: LimitWatch
}

type Http1OwnLimits =
  | 'chunkExtensionBytes'
  | 'bodyExtensionBytes'
  | 'windowBytes'
  | 'interimHeads'
  | 'requests'

/** Makes the session that speaks `protocol` on a fresh connection. */
export function createClientSession(
  transport: Transport,
  protocol: Protocol,
  owner: ClientSessionOwner,
  options: ClientSessionOptions,
): ClientSession {
  const { timers, idleMs, maxHeadBytes, maxFields, maxTrailerBytes, http2, limitReached } = options
  if (protocol === 'http1') {
    return new Http1ClientConnection(transport, {
      owner,
      wheel: timers,
      limits: {
        ...DEFAULT_LIMITS,
        ...options.http1,
        headBytes: maxHeadBytes,
        fields: maxFields,
        trailerBytes: maxTrailerBytes,
      },
      timeouts: { idleMs: idleMs ?? DEFAULT_CLIENT_TIMEOUTS.idleMs },
      limitReached,
    })
  }
  return new Http2ClientConnection(
    transport,
    {
      timers,
      streamWindow: http2.window,
      maxStreamWindow: http2.maxWindow,
      connectionWindow: http2.connectionWindow,
      maxConnectionWindow: http2.maxConnectionWindow,
      maxHeadBytes,
      maxFields,
      maxTrailerBytes,
      limits: http2,
      idleMs: idleMs ?? HTTP2_IDLE_MS,
      headMs: options.connectMs,
      maxStreams: MAX_STREAMS,
      limitReached,
    },
    owner,
  )
}
