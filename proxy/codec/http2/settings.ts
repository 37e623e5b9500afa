import {
  DEFAULT_FRAME_SIZE,
  DEFAULT_TABLE_SIZE,
  DEFAULT_WINDOW,
  FLOW_CONTROL_ERROR,
  MAX_WINDOW,
  NO_ERROR,
  PROTOCOL_ERROR,
  SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_FRAME_SIZE,
  SETTINGS_MAX_HEADER_LIST_SIZE,
} from './constants.ts'
import type { Http2Options } from './options.ts'

/** What the peer has told us in SETTINGS (RFC 9113 §6.5.2), with the values that hold before it does. */
export class PeerSettings {
  headerTableSize = DEFAULT_TABLE_SIZE
  /** The smallest that it was while the last frame was read: it may have been lowered and raised again. */
  lowestHeaderTableSize = DEFAULT_TABLE_SIZE
  maxConcurrentStreams = 0x7fffffff
  /** Bytes. */
  initialWindow = DEFAULT_WINDOW
  /** Bytes. */
  maxFrameSize = DEFAULT_FRAME_SIZE
  /** A server takes extended CONNECT (RFC 8441 §3). */
  connectProtocol = false
  /** After `read` returned an error code: what was wrong. */
  problem = ''

  /**
   * Takes in the payload of a SETTINGS frame, whose length is a multiple of six. `server` is true when the peer is one
   * (it must not enable push). Returns NO_ERROR or the code of the connection error.
   */
  read(payload: Buffer, from: number, to: number, server: boolean): number {
    this.lowestHeaderTableSize = this.headerTableSize
    for (let at = from; at < to; at += 6) {
      const code = this.#apply(payload.readUInt16BE(at), payload.readUInt32BE(at + 2), server)
      if (code !== NO_ERROR) return code
    }
    return NO_ERROR
  }

  #apply(id: number, value: number, server: boolean): number {
    if (id === SETTINGS_HEADER_TABLE_SIZE) {
      this.headerTableSize = value
      if (value < this.lowestHeaderTableSize) this.lowestHeaderTableSize = value
    } else if (id === SETTINGS_ENABLE_PUSH) {
      if (value > 1 || (server && value === 1)) return this.#wrong(PROTOCOL_ERROR, `ENABLE_PUSH is ${value}`)
    } else if (id === SETTINGS_MAX_CONCURRENT_STREAMS) {
      this.maxConcurrentStreams = value
    } else if (id === SETTINGS_INITIAL_WINDOW_SIZE) {
      if (value > MAX_WINDOW) return this.#wrong(FLOW_CONTROL_ERROR, `INITIAL_WINDOW_SIZE is ${value}`)
      this.initialWindow = value
    } else if (id === SETTINGS_MAX_FRAME_SIZE) {
      if (value < DEFAULT_FRAME_SIZE || value > 0xffffff) {
        return this.#wrong(PROTOCOL_ERROR, `MAX_FRAME_SIZE is ${value}`)
      }
      this.maxFrameSize = value
    } else if (id === SETTINGS_ENABLE_CONNECT_PROTOCOL) {
      if (value > 1 || (value === 0 && this.connectProtocol)) {
        return this.#wrong(PROTOCOL_ERROR, `ENABLE_CONNECT_PROTOCOL is ${value}`)
      }
      this.connectProtocol = value === 1
    }
    return NO_ERROR
  }

  #wrong(code: number, problem: string): number {
    this.problem = problem
    return code
  }
}

/** What we tell the peer in SETTINGS, and what of it the peer goes by already (RFC 9113 §6.5.3). */
export class OwnSettings {
  /** Dynamic table that the peer may use, in bytes. */
  headerTableSize: number
  /** Window that the peer takes a new stream to start with, in bytes. */
  streamWindow: number
  readonly #options: Http2Options
  #acknowledged = false

  constructor(options: Http2Options) {
    this.#options = options
    // What is smaller than the protocol's own value cannot be asked of a peer that has not heard of it.
    this.headerTableSize = Math.max(options.headerTableSize ?? 0, DEFAULT_TABLE_SIZE)
    this.streamWindow = Math.max(options.streamWindow, DEFAULT_WINDOW)
  }

  /** The settings of both roles: identifier and value in turn. */
  entries(): readonly number[] {
    const { streamWindow, maxHeadBytes, headerTableSize = DEFAULT_TABLE_SIZE } = this.#options
    const entries = [SETTINGS_INITIAL_WINDOW_SIZE, streamWindow, SETTINGS_MAX_HEADER_LIST_SIZE, maxHeadBytes]
    if (headerTableSize !== DEFAULT_TABLE_SIZE) entries.push(SETTINGS_HEADER_TABLE_SIZE, headerTableSize)
    return entries
  }

  /** The peer has acknowledged them. True the first time; `streamWindow` and `headerTableSize` may be smaller then. */
  acknowledge(): boolean {
    if (this.#acknowledged) return false
    this.#acknowledged = true
    this.headerTableSize = this.#options.headerTableSize ?? DEFAULT_TABLE_SIZE
    this.streamWindow = this.#options.streamWindow
    return true
  }
}
