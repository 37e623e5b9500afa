/** What one HTTP/1 message may cost. Sizes are in bytes. */
export interface Http1Limits {
  /** A whole head with its start line. Default 64 KiB. */
  readonly headBytes: number
  /** Field lines of a head or of a trailer section, at most 1000. Default 100. */
  readonly fields: number
  /** A request target. Default 8 KiB. */
  readonly targetBytes: number
  /** The extensions of one chunk. Default 256. */
  readonly extensionBytes: number
  /** The extensions of all chunks of one body together. Default 16 KiB. */
  readonly bodyExtensionBytes: number
  /** A trailer section. Default 8 KiB. */
  readonly trailerBytes: number
  /** Interim (1xx) responses before a final one. Default 32. */
  readonly interimHeads: number
  /** Body bytes handed on and not yet credited before reading pauses. Default 64 KiB. */
  readonly windowBytes: number
  /** Pipelined input kept while an exchange is under way before reading pauses. Default 64 KiB. */
  readonly pipelineBytes: number
  /** Rest of a request's body read and thrown away after its response was complete; more closes. Default 64 KiB. */
  readonly drainBytes: number
}

export const DEFAULT_LIMITS: Http1Limits = {
  headBytes: 64 * 1024,
  fields: 100,
  targetBytes: 8 * 1024,
  extensionBytes: 256,
  bodyExtensionBytes: 16 * 1024,
  trailerBytes: 8 * 1024,
  interimHeads: 32,
  windowBytes: 64 * 1024,
  pipelineBytes: 64 * 1024,
  drainBytes: 64 * 1024,
}

/** Deadlines of a server connection, in milliseconds. Each is met late by up to a quarter of the shortest. */
export interface ServerTimeouts {
  /** From the first byte of a request to the end of its head. Default 10 s. */
  readonly headMs: number
  /** Without a request under way. Default 60 s. */
  readonly idleMs: number
  /** With output waiting of which the peer takes nothing. Default 60 s. */
  readonly stallMs: number
}

export const DEFAULT_SERVER_TIMEOUTS: ServerTimeouts = { headMs: 10_000, idleMs: 60_000, stallMs: 60_000 }

/** Deadlines of a client connection, in milliseconds. */
export interface ClientTimeouts {
  /**
   * Without a request under way; met early by up to a quarter, since it must stay below the server's own. Default 3 s.
   */
  readonly idleMs: number
}

export const DEFAULT_CLIENT_TIMEOUTS: ClientTimeouts = { idleMs: 3_000 }
