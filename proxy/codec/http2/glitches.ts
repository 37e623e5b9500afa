/** One kind of misbehaviour: what it costs of the connection's flood budget, and how the GOAWAY names it. */
export class Glitch {
  /** In units of the budget (`http2.glitches`). */
  readonly cost: number
  readonly words: string

  constructor(cost: number, words: string) {
    this.cost = cost
    this.words = words
  }
}

/**
 * What a peer may do that is legal or harmless once and an attack when it does nothing else. The unit is one request
 * that was started and thrown away: a thousand at once, then 33 a second, are forgiven [nghttp2 1.57's figures].
 */
export const glitches = {
  /** A request is dropped while we work on it: rapid reset, CVE-2023-44487. */
  reset: new Glitch(1, 'requests that it resets'),
  /**
   * RST_STREAM for a stream whose response was complete. Nothing is wasted, and gRPC clients send one for each call
   * that the server ends first; but no more than some hundred a second have a meaning.
   */
  lateReset: new Glitch(0.05, 'resets of streams that are over'),
  /** It breaks a rule, and makes us reset the stream: MadeYouReset, CVE-2025-8671. */
  streamError: new Glitch(1, 'streams that we are made to reset'),
  /** A head that is decoded for nothing: malformed, or beyond a limit that was announced. */
  badHead: new Glitch(1, 'heads that are malformed or too large'),
  /** A stream above SETTINGS_MAX_CONCURRENT_STREAMS by a peer that has acknowledged our SETTINGS. */
  refused: new Glitch(1, 'more streams than we allow'),
  /** The same while it cannot know better: gRPC clients open hundreds at once before our SETTINGS reach them. */
  earlyRefused: new Glitch(0.1, 'more streams than we allow'),
  /** A stream refused for `http2.headBytesHeld`, which the peer is not told of. */
  headsHeld: new Glitch(0.5, 'more header bytes under way than we hold'),
  /** HEADERS or DATA on a stream that it had ended. */
  closedStream: new Glitch(1, 'frames on streams that are over'),
  /**
   * What crossed our reset on its way. Cheap: an upload cut short may have a whole window of small frames under way,
   * some tens of thousands.
   */
  crossed: new Glitch(0.02, 'frames on streams that we have reset'),
  /** SETTINGS are to be acknowledged, and shift windows. A client that measures its bandwidth sends some ten. */
  settings: new Glitch(1, 'SETTINGS'),
  /** Per open stream whose window a new SETTINGS_INITIAL_WINDOW_SIZE shifts: the cost is a walk over all of them. */
  windowShift: new Glitch(1 / 64, 'SETTINGS that shift the windows of many streams'),
  /** PING is to be answered; 1650 a second are more than any keep-alive or bandwidth probe sends. */
  ping: new Glitch(0.02, 'PING'),
  acknowledgement: new Glitch(0.02, 'acknowledgements'),
  /** Priorities are checked and ignored. Browsers send some per page; 165 a second are forgiven. */
  priority: new Glitch(0.2, 'PRIORITY'),
  /** Unknown frames are ignored (RFC 9113 §5.5): PRIORITY_UPDATE, grease. */
  unknown: new Glitch(0.2, 'frames of unknown types'),
  /** WINDOW_UPDATE beyond what the DATA sent can give cause for. */
  windowUpdate: new Glitch(1, 'WINDOW_UPDATE'),
} as const
