import type { TimerWheel } from '../../base/timer-wheel.ts'
import type { LimitWatch } from '../../message/limit-watch.ts'
import type { Http2Limits } from './limits.ts'

/** Limits and timing of a connection, either role. */
export interface Http2Options {
  readonly timers: TimerWheel
  /** Window that a stream starts with, in bytes. */
  readonly streamWindow: number
  /** Window that a stream may grow to, in bytes. */
  readonly maxStreamWindow: number
  /** Window that the connection starts with, in bytes. */
  readonly connectionWindow: number
  /** Window that the connection may grow to, in bytes; by default it does not grow. */
  readonly maxConnectionWindow?: number
  /** Size of one head, in bytes as SETTINGS_MAX_HEADER_LIST_SIZE counts them. */
  readonly maxHeadBytes: number
  /** Dynamic table that the peer may use to compress its heads (SETTINGS_HEADER_TABLE_SIZE), in bytes; 4096 by default. */
  readonly headerTableSize?: number
  /** Fields of one head. */
  readonly maxFields: number
  /** Size of a trailer section, counted like a head; default that of a head. */
  readonly maxTrailerBytes?: number
  /** Cookie fields of one head, which do not count among the others: browsers send a cookie in crumbs. 200 by default. */
  readonly maxCookies?: number
  /** A connection without streams is closed after this many milliseconds (up to twice as many); 0 never. */
  readonly idleMs: number
  /** Time for the peer's preface, and for a header block to be complete, in milliseconds. */
  readonly headMs: number
  /**
   * Server role: the body of a request brings 1 KiB or its end within this many milliseconds as long as its window is
   * open; gRPC and CONNECT are not held to it. 0, the default: no limit. This and the next two are looked at
   * now and then, so that they take effect up to a half later.
   */
  readonly bodyMs?: number
  /** Output that waits for the peer's windows or its socket: 1 KiB or all of it leaves within this time. 0: no limit. */
  readonly writeMs?: number
  /** A stream on which nothing moves for this time, in either direction, is ended. 0: no limit. */
  readonly streamMs?: number
  /** The shortest `MessageStream.silenceMs` that streams are given in place of it. 0: none are. */
  readonly shortestSilenceMs?: number
  /** By default those of limits.ts. */
  readonly limits?: Partial<Http2Limits>
  /** The peer reached a limit; nobody is told by default. */
  readonly limitReached?: LimitWatch
}

/** Bytes a stream may send before any are passed on; grows while they leave promptly. */
export const STREAM_WINDOW = 64 * 1024
export const MAX_STREAM_WINDOW = 1024 * 1024
/** At 64 KiB, the protocol's default, one stalled stream would stop the rest. */
export const CONNECTION_WINDOW = 1024 * 1024
/** Several times a stream's. */
export const MAX_CONNECTION_WINDOW = 4 * 1024 * 1024
export const MAX_COOKIES = 200
