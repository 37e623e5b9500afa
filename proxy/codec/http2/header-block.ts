import {
  ENHANCE_YOUR_CALM,
  FLAG_PADDED,
  FLAG_PRIORITY,
  FRAME_SIZE_ERROR,
  MAX_WINDOW,
  NO_ERROR,
  PROTOCOL_ERROR,
} from './constants.ts'

/**
 * A header block as HEADERS and CONTINUATION frames bring it (RFC 9113 §6.2, §6.10). Methods return NO_ERROR or the code
 * of the connection error, with `problem` saying what was wrong.
 */
export class HeaderBlock {
  problem = ''
  /** After ENHANCE_YOUR_CALM: the key of the limit that was passed. */
  limit = ''
  /** Bounds of the bare block within the last HEADERS payload, or within `bytes` when it was continued. */
  from = 0
  to = 0
  bytes: Buffer = EMPTY
  flags = 0
  readonly #maxBytes: number
  readonly #maxContinuations: number
  #continuations = 0

  /** `maxBytes`: size of the coded block; `maxContinuations`: CONTINUATION frames it may take. */
  constructor(maxBytes: number, maxContinuations: number) {
    this.#maxBytes = maxBytes
    this.#maxContinuations = maxContinuations
  }

  /** Strips padding and priority of a HEADERS payload: sets `from` and `to`. */
  strip(flags: number, id: number, payload: Buffer, from: number, to: number): number {
    const padded = (flags & FLAG_PADDED) !== 0
    const prioritized = (flags & FLAG_PRIORITY) !== 0
    if (to - from < (padded ? 1 : 0) + (prioritized ? 5 : 0))
      return this.#wrong(FRAME_SIZE_ERROR, 'HEADERS is too short for its flags')
    if (padded) {
      to -= payload[from]
      from += 1
      if (to - from < (prioritized ? 5 : 0))
        return this.#wrong(PROTOCOL_ERROR, 'more padding in HEADERS than there is room for')
    }
    if (prioritized) {
      if ((payload.readUInt32BE(from) & MAX_WINDOW) === id) {
        return this.#wrong(PROTOCOL_ERROR, `stream ${id} depends on itself`)
      }
      from += 5
    }
    this.from = from
    this.to = to
    return NO_ERROR
  }

  /** Keeps what `strip` found: CONTINUATION follows. */
  start(flags: number, payload: Buffer): void {
    const length = this.to - this.from
    this.bytes = Buffer.allocUnsafeSlow(Math.max(4096, length * 2))
    payload.copy(this.bytes, 0, this.from, this.to)
    this.from = 0
    this.to = length
    this.flags = flags
    this.#continuations = 0
  }

  append(payload: Buffer, from: number, to: number): number {
    this.#continuations += 1
    const length = this.to + to - from
    if (this.#continuations > this.#maxContinuations) {
      this.limit = 'http2.continuations'
      return this.#wrong(
        ENHANCE_YOUR_CALM,
        `more than ${this.#maxContinuations} CONTINUATION frames of one header block`,
      )
    }
    if (length > this.#maxBytes) {
      this.limit = 'limits.headBytes'
      return this.#wrong(ENHANCE_YOUR_CALM, `a header block of more than ${this.#maxBytes} bytes`)
    }
    if (length > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(length * 2)
      this.bytes.copy(larger, 0, 0, this.to)
      this.bytes = larger
    }
    payload.copy(this.bytes, this.to, from, to)
    this.to = length
    return NO_ERROR
  }

  /** Lets go of the kept bytes. */
  clear(): void {
    this.bytes = EMPTY
  }

  #wrong(code: number, problem: string): number {
    this.problem = problem
    return code
  }
}

const EMPTY = Buffer.alloc(0)
