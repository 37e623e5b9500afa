import {
  DEFAULT_FRAME_SIZE,
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
} from './constants.ts'

/** What the peer has told us in SETTINGS (RFC 9113 §6.5.2), with the values that hold before it does. */
export class PeerSettings {
  headerTableSize = 4096
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
    for (let at = from; at < to; at += 6) {
      const code = this.#apply(payload.readUInt16BE(at), payload.readUInt32BE(at + 2), server)
      if (code !== NO_ERROR) return code
    }
    return NO_ERROR
  }

  #apply(id: number, value: number, server: boolean): number {
    if (id === SETTINGS_HEADER_TABLE_SIZE) {
      this.headerTableSize = value
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
