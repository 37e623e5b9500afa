/** How much a peer may ask of one HTTP/2 connection. Both roles; each is the key of that name below `http2`. */
export interface Http2Limits {
  /** Size of the flood budget; what draws on it, and how much, is in glitches.ts. */
  readonly glitches: number
  /** What comes back to the flood budget each second. */
  readonly glitchRefill: number
  /** CONTINUATION frames of one header block. */
  readonly continuations: number
  /** Settings in one SETTINGS frame: there are some ten. */
  readonly settings: number
  /** Answers to PING, SETTINGS and frames out of place that wait for a peer which does not read. */
  readonly controlFrames: number
  /** DATA frames without a byte of body, besides one for each stream and for each DATA frame that was passed on. */
  readonly emptyData: number
  /** WINDOW_UPDATE frames that each DATA frame sent gives cause for. */
  readonly windowUpdates: number
}

/** Windows for what the peer sends, in bytes: what a stream, and the connection, start with and grow to. */
export interface Http2Windows {
  readonly window: number
  readonly maxWindow: number
  readonly connectionWindow: number
  readonly maxConnectionWindow: number
}

/** And what a client may ask of us. */
export interface Http2ServerLimits extends Http2Limits {
  /** Streams that are begun in one turn of the event loop; the rest of the input waits for the next turn. */
  readonly streamsPerTurn: number
  /** Header bytes of all open streams together; streams beyond are refused. */
  readonly headBytesHeld: number
  /** Bytes of output that a client leaves unread while it goes on asking. */
  readonly unread: number
}

/** nghttp2's figures for the flood budget, CONTINUATION and settings; Envoy's for control frames and WINDOW_UPDATE. */
export const DEFAULT_LIMITS: Http2ServerLimits = {
  glitches: 1000,
  glitchRefill: 33,
  continuations: 8,
  settings: 32,
  controlFrames: 1000,
  emptyData: 100,
  windowUpdates: 10,
  streamsPerTurn: 100,
  headBytesHeld: 4 * 1024 * 1024,
  unread: 4 * 1024 * 1024,
}
