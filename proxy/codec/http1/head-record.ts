import type { Head } from '../../message/head.ts'
import type { Reason } from '../../message/reason.ts'

/** No body. */
export const BODY_NONE = 0
/** As many bytes as the head's content-length says. */
export const BODY_LENGTH = 1
/** The chunked transfer coding (RFC 9112 §7.1). */
export const BODY_CHUNKED = 2
/** Until the connection closes; responses only. */
export const BODY_CLOSE = 3

/** A change of protocol that a request asks for or a 101 response announces (RFC 9110 §7.8). */
export class Upgrade {
  /** Lower case, without version. */
  readonly token: string
  /** WebSocket only: Sec-WebSocket-Key of the request, Sec-WebSocket-Accept of the response; otherwise "". */
  readonly key: string

  constructor(token: string, key: string) {
    this.token = token
    this.key = key
  }
}

/** A head that was read, with what HTTP/1 alone needs to know of it. Immutable, since heads are interned. */
export class HeadRecord {
  readonly head: Head
  /** HTTP/1.0, not 1.1. */
  readonly http10: boolean
  /** The sender lets the connection persist behind this message, framing permitting (RFC 9112 §9.3). */
  readonly keepAlive: boolean
  /** One of BODY_*; of a response, as if it answered a GET. */
  readonly framing: number
  /** The request waits for 100 (Continue) before it sends its body. */
  readonly expectContinue: boolean
  /** The sender takes trailers (`te: trailers`). */
  readonly teTrailers: boolean
  /** Null when the protocol stays what it is. */
  readonly upgrade: Upgrade | null

  constructor(
    head: Head,
    http10: boolean,
    keepAlive: boolean,
    framing: number,
    expectContinue: boolean,
    teTrailers: boolean,
    upgrade: Upgrade | null = null,
  ) {
    this.head = head
    this.http10 = http10
    this.keepAlive = keepAlive
    this.framing = framing
    this.expectContinue = expectContinue
    this.teTrailers = teTrailers
    this.upgrade = upgrade
  }
}

/** Reads heads of one role. */
export interface HeadParser {
  /** The head that `parse` found. */
  record: HeadRecord | null
  /** Why `parse` returned -1. */
  failed: Reason
  /** Key of the limit that made `parse` return -1, "" when it was none. */
  limit: string
  /**
   * Parses a head that starts at `from`. Returns the position behind it; 0 when it is not complete; -1 when it is
   * wrong, with `failed` telling why.
   */
  parse(octets: Buffer, from: number, to: number): number
}
