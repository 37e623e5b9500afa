import type { TimerWheel } from '../base/timer-wheel.ts'
import { Http1ClientConnection } from '../codec/http1/client-connection.ts'
import { DEFAULT_CLIENT_TIMEOUTS } from '../codec/http1/limits.ts'
import { Http2ClientConnection } from '../codec/http2/client-connection.ts'
import type { Http2Limits, Http2Windows } from '../codec/http2/limits.ts'
import type { Transport } from '../codec/transport.ts'
import type { LimitWatch } from '../message/limit-watch.ts'
import type { ClientSession, ClientSessionOwner, Protocol } from '../message/session.ts'

/** Streams that we open on one HTTP/2 connection at a time, whatever more the endpoint allows. */
const MAX_STREAMS = 1000
/** A pooled HTTP/2 connection without streams is closed after this time, in milliseconds. */
const HTTP2_IDLE_MS = 300_000
/** Responses are not trusted to be smaller than requests are. */
const MAX_HEAD_BYTES = 64 * 1024
const MAX_FIELDS = 200

/** Makes the session that speaks `protocol` on a fresh connection. `idleMs` null: by protocol, 3 s or 5 min. */
export function createClientSession(
  transport: Transport,
  protocol: Protocol,
  owner: ClientSessionOwner,
  timers: TimerWheel,
  connectMs: number,
  idleMs: number | null,
  http2: Http2Limits & Http2Windows,
  limitReached: LimitWatch,
): ClientSession {
  if (protocol === 'http1') {
    return new Http1ClientConnection(transport, {
      owner,
      wheel: timers,
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
      maxHeadBytes: MAX_HEAD_BYTES,
      maxFields: MAX_FIELDS,
      limits: http2,
      idleMs: idleMs ?? HTTP2_IDLE_MS,
      headMs: connectMs,
      maxStreams: MAX_STREAMS,
      limitReached,
    },
    owner,
  )
}
