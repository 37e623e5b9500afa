/**
 * What one HTTP/1 connection may cost; keys of `listeners[]` and `upstreams.<name>`, below `limits` where HTTP/2 has
 * the limit too, below `http1` where it has not. Sizes are in bytes.
 */
export interface Http1Limits {
  /** `limits.headBytes`: a whole head with its start line. Default 64 KiB. */
  readonly headBytes: number
  /** `limits.fields`: field lines of a head or of a trailer section. Default 100. */
  readonly fields: number
  /** `limits.uriBytes`: a request target. Default 8 KiB. */
  readonly uriBytes: number
  /** `limits.trailerBytes`: a trailer section. Default 8 KiB. */
  readonly trailerBytes: number
  /** `http1.chunkExtensionBytes`: the extensions of one chunk. Default 256. */
  readonly chunkExtensionBytes: number
  /** `http1.bodyExtensionBytes`: the extensions of all chunks of one body together. Default 16 KiB. */
  readonly bodyExtensionBytes: number
  /** `http1.interimHeads`: interim (1xx) responses before a final one. Default 32. */
  readonly interimHeads: number
  /** `http1.windowBytes`: body bytes handed on and not yet credited before reading pauses. Default 64 KiB. */
  readonly windowBytes: number
  /** `http1.pipelineBytes`: pipelined input kept while an exchange is under way before reading pauses. Default 64 KiB. */
  readonly pipelineBytes: number
  /**
   * `http1.drainBytes`: rest of a request's body read and thrown away after its response was complete; more closes.
   * Default 64 KiB.
   */
  readonly drainBytes: number
  /** `http1.requests`: requests on one connection. Default no limit. */
  readonly requests: number
}

export const DEFAULT_LIMITS: Http1Limits = {
  headBytes: 64 * 1024,
  fields: 100,
  uriBytes: 8 * 1024,
  trailerBytes: 8 * 1024,
  chunkExtensionBytes: 256,
  bodyExtensionBytes: 16 * 1024,
  interimHeads: 32,
  windowBytes: 64 * 1024,
  pipelineBytes: 64 * 1024,
  drainBytes: 64 * 1024,
  requests: Number.POSITIVE_INFINITY,
}

/**
 * Deadlines of a server connection (`listeners[].timeouts`), in milliseconds. Each is met late by up to a quarter of
 * the shortest.
 */
export interface ServerTimeouts {
  /** `head`: from the first byte of a request to the end of its head. Default 10 s. */
  readonly headMs: number
  /** `idle`: without a request under way. Default 60 s. */
  readonly idleMs: number
  /** `body`: in which a request's body has to bring 1 KiB or its end while it is wanted; 0: off. Default 60 s. */
  readonly bodyMs: number
  /** `write`: with output waiting of which the peer takes nothing; 0: off. Default 60 s. */
  readonly writeMs: number
  /** `stream`: without a byte in either direction on a request under way; 0: off. Default 5 min. */
  readonly streamMs: number
  /** The shortest `MessageStream.silenceMs` that requests are given in place of it; 0, the default: none are. */
  readonly shortestSilenceMs?: number
}

export const DEFAULT_SERVER_TIMEOUTS: ServerTimeouts = {
  headMs: 10_000,
  idleMs: 60_000,
  bodyMs: 60_000,
  writeMs: 60_000,
  streamMs: 300_000,
}

/** Deadlines of a client connection, in milliseconds. */
export interface ClientTimeouts {
  /**
   * Without a request under way; met early by up to a quarter, since it must stay below the server's own. Default 3 s.
   */
  readonly idleMs: number
}

export const DEFAULT_CLIENT_TIMEOUTS: ClientTimeouts = { idleMs: 3_000 }
