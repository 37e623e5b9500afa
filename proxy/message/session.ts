import type { Head } from './head.ts'
import type { Reason } from './reason.ts'
import type { MessageSink, MessageSource, MessageStream } from './stream.ts'

/** The protocol a session speaks, as metrics and logs name it. */
export type Protocol = 'http1' | 'h2'

/** Gets each request of a server session, right after its head was read. */
export interface RequestAcceptor {
  /**
   * A request has begun. Must set `stream.receiver` (and later `stream.source`) before it returns, unless `end` is
   * true; may answer at once. `receiver.head` is not called for requests: the head is given here.
   */
  request(stream: MessageStream, head: Head, end: boolean): void
}

/** The server role of a connection, either codec. */
export interface ServerSession {
  readonly protocol: Protocol
  /** Requests accepted and not yet complete in both directions. */
  readonly active: number
  /** Finish what is under way, accept no more, then close (GOAWAY; Connection: close). */
  drain(): void
  /** Close now; streams under way are reset. */
  close(reason: Reason): void
}

/** The client role of a connection, either codec. */
export interface ClientSession {
  readonly protocol: Protocol
  /** How many streams may be opened right now; 0 while the connection is full, going away or closed. */
  readonly capacity: number
  /** Streams under way. */
  readonly active: number
  /**
   * Opens a stream; only when `capacity` is above 0. `receiver` gets the response, `source` is credited for the
   * request's body. The caller then calls `head` on the stream.
   */
  open(receiver: MessageSink, source: MessageSource): MessageStream
  /** Open no more streams; close when the last one has ended. */
  drain(): void
  close(reason: Reason): void
}

/** Whoever owns a client session (a pool) hears of it here. */
export interface ClientSessionOwner {
  /** `capacity` may have grown: a stream ended, or the peer raised its limit. */
  capacityChanged(session: ClientSession): void
  /** The peer goes away, the session was drained, or it failed: no new streams. Streams that are under way go on. */
  retired(session: ClientSession): void
  /** The connection is gone; all its streams have been reset before this call. */
  closed(session: ClientSession, reason: Reason): void
}
