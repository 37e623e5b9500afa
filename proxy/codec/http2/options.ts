import type { TimerWheel } from '../../base/timer-wheel.ts'
import type { LimitWatch } from '../../message/limit-watch.ts'

/** Limits and timing of a connection, either role. */
export interface Http2Options {
  readonly timers: TimerWheel
  /** Window that a stream starts with, in bytes. */
  readonly streamWindow: number
  /** Window that a stream may grow to, in bytes. */
  readonly maxStreamWindow: number
  /** Window of the connection, in bytes. */
  readonly connectionWindow: number
  /** Size of one head, in bytes as SETTINGS_MAX_HEADER_LIST_SIZE counts them. */
  readonly maxHeadBytes: number
  /** Dynamic table that the peer may use to compress its heads (SETTINGS_HEADER_TABLE_SIZE), in bytes; 4096 by default. */
  readonly headerTableSize?: number
  /** Fields of one head. */
  readonly maxFields: number
  /** A connection without streams is closed after this many milliseconds (up to twice as many); 0 never. */
  readonly idleMs: number
  /** Time for the peer's preface, and for a header block to be complete, in milliseconds. */
  readonly headMs: number
  /** The peer reached a limit; nobody is told by default. */
  readonly limitReached?: LimitWatch
}

/** Bytes a stream may send before any are passed on; grows while they leave promptly. */
export const STREAM_WINDOW = 64 * 1024
export const MAX_STREAM_WINDOW = 1024 * 1024
/** Several times a stream's, so that a stalled stream does not stop the rest. */
export const CONNECTION_WINDOW = 4 * 1024 * 1024
