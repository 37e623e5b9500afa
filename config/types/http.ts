/** Limits of HTTP/1.1 alone, for either role. */
export interface Http1Config {
  /** Bytes of the extensions of one chunk. */
  readonly chunkExtensionBytes: number
  /** Bytes of the extensions of all chunks of one body. */
  readonly bodyExtensionBytes: number
  /** Bytes of a body read before they have left for the other side. */
  readonly windowBytes: number
  /** Requests on one connection; `null`: no limit. */
  readonly requests: number | null
}

/** Limits of an HTTP/2 connection; windows in bytes. */
export interface Http2Config {
  /** Flood budget of a connection. */
  readonly glitches: number
  /** What comes back to it each second. */
  readonly glitchRefill: number
  /** CONTINUATION frames of one header block. */
  readonly continuations: number
  /** Settings in one frame. */
  readonly settings: number
  /** Answers that wait for a peer which does not read. */
  readonly controlFrames: number
  /** Empty DATA frames that nothing excuses. */
  readonly emptyData: number
  /** WINDOW_UPDATE frames for each DATA frame sent. */
  readonly windowUpdates: number
  readonly window: number
  /** At least `window`. */
  readonly maxWindow: number
  readonly connectionWindow: number
  /** At least `connectionWindow`. */
  readonly maxConnectionWindow: number
}
