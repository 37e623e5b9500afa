import type { Added } from './added.ts'
import type { Fields } from './fields.ts'
import type { Head } from './head.ts'
import type { Reason } from './reason.ts'

/**
 * Takes one message, event by event: `head` (for responses any number of 1xx heads first), `data`*, `trailers`?.
 * The message is over with `end`, with `trailers` (which always end it) or with `reset`; nothing follows.
 * None of these throws.
 */
export interface MessageSink {
  /** Set when nothing of the message is wanted any more: a codec may end what it could otherwise go on reading. */
  readonly discards?: boolean
  /** `added` is valid until the call returns. An interim (1xx) head never ends the message. */
  head(head: Head, added: Added | null, end: boolean): void
  /** Bytes `from` to `to` (exclusive) of `chunk`, valid until the call returns: copy or write at once. May be empty with `end`. */
  data(chunk: Buffer, from: number, to: number, end: boolean): void
  trailers(fields: Fields): void
  /** The message will not be completed. */
  reset(reason: Reason): void
}

/** Where a message comes from, as its sink sees it. */
export interface MessageSource {
  /**
   * The sink has passed on `bytes` bytes of body; that much more may be read. Every byte handed to `data` is credited
   * exactly once unless the message is reset or cancelled first. May be called from within `data`.
   */
  credit(bytes: number): void
  /** The sink wants no more of this message (and, of a stream, nothing of it in either direction). */
  cancel(reason: Reason): void
}

/**
 * One stream of either codec, either role: what is called on it (`head`, `data`, `trailers`, `reset`) goes out to the
 * peer, what the peer sends goes to `receiver`. `credit` and `cancel` concern what the peer sends.
 *
 * `reset` and `cancel` both end the stream at once in both directions; after either, neither `receiver` nor `source`
 * is called again. When the peer or the connection ends the stream, `receiver.reset` is called exactly once, also when
 * only the outgoing half was still open; a stream whose both halves are complete just falls silent.
 */
export interface MessageStream extends MessageSink, MessageSource {
  /** Takes what the peer sends. Set by whoever accepted or opened the stream, before the next event. */
  receiver: MessageSink | null
  /**
   * A stream of a caller on which nothing moves in either direction for this time is ended by its codec, in milliseconds;
   * 0: no limit, -1: what its connection grants.
   */
  silenceMs: number
  /** Is credited for what was sent on this stream and has left. */
  source: MessageSource | null
  /**
   * What comes was answered in full and is not wanted any more; it goes uncredited from here on. The answer, whose end was
   * given, still leaves; then the stream ends with `reason`.
   */
  stop(reason: Reason): void
}
