import {
  CONTINUATION,
  DATA,
  DEFAULT_FRAME_SIZE,
  FLAG_END_STREAM,
  FLAG_PADDED,
  FRAME_HEADER,
  FRAME_SIZE_ERROR,
  PROTOCOL_ERROR,
  SETTINGS,
} from '../constants.ts'

/** Value of `continuing` before the first frame. */
export const SETTINGS_FIRST = -1

/** Gets what the reader finds. Buffers are valid until the call returns. */
export interface FrameHandler {
  /**
   * Body bytes of a DATA frame. A frame may come in several pieces, as its bytes arrive. `flow` is what this piece takes
   * from the flow-control windows: the whole payload with its padding for the first piece, 0 for the others; `padding`
   * is how much of that is no body.
   */
  dataFrame(
    streamId: number,
    flow: number,
    padding: number,
    chunk: Buffer,
    from: number,
    to: number,
    end: boolean,
  ): void
  /** Any other frame, whole: payload from `from` to `to`. */
  frame(type: number, flags: number, streamId: number, chunk: Buffer, from: number, to: number): void
  /** The bytes are no frames that we accept; the connection must end. */
  frameError(code: number, detail: string): void
}

/**
 * Cuts a byte stream into frames (RFC 9113 §4.1). Does no I/O and knows nothing of streams but one rule: between HEADERS
 * without END_HEADERS and the last CONTINUATION nothing else may come (§4.3), told by `continuing`.
 *
 * Payloads of DATA are handed on as they arrive; other frames are gathered when they straddle chunks.
 */
export class FrameReader {
  readonly #handler: FrameHandler
  readonly #maxFrameSize: number
  /**
   * The stream whose header block is being continued, 0 when none is. Set by the handler. SETTINGS_FIRST until the
   * handler has seen the SETTINGS frame that every connection starts with (RFC 9113 §3.4).
   */
  continuing = SETTINGS_FIRST
  /** Set by the handler to ignore everything that follows. */
  stopped = false
  /** Set by the handler to have `read` return behind the frame at hand. */
  paused = false

  #dataStream = 0
  #dataLeft = 0
  #dataEnd = false
  #partial: Buffer | null = null
  #have = 0

  /** `maxFrameSize`: the SETTINGS_MAX_FRAME_SIZE that we announced, in bytes. */
  constructor(handler: FrameHandler, maxFrameSize = DEFAULT_FRAME_SIZE) {
    this.#handler = handler
    this.#maxFrameSize = maxFrameSize
  }

  /** The first bytes of a frame other than DATA that has not come whole; null when there is none. */
  get unfinished(): Buffer | null {
    const partial = this.#partial
    return partial === null || (this.#have >= FRAME_HEADER && partial[3] === DATA) ? null : partial
  }

  /** Returns how far it got: to `to`, unless it was paused. */
  read(chunk: Buffer, from: number, to: number): number {
    if (this.stopped) return to
    let at = from
    if (this.#dataLeft > 0) at = this.#moreData(chunk, at, to)
    if (this.#partial !== null && at < to) at = this.#gather(chunk, at, to)
    while (at < to && !this.stopped && !this.paused) {
      if (to - at < FRAME_HEADER) {
        this.#keep(chunk, at, to, FRAME_HEADER)
        return to
      }
      const length = (chunk[at] << 16) | (chunk[at + 1] << 8) | chunk[at + 2]
      const type = chunk[at + 3]
      if (!this.#acceptable(length, type)) return to
      const end = at + FRAME_HEADER + length
      if (end <= to) {
        this.#whole(type, chunk, at, end)
        at = end
      } else if (type === DATA && (chunk[at + 4] & FLAG_PADDED) === 0) {
        this.#startData(chunk, at, to, length)
        return to
      } else {
        this.#keep(chunk, at, to, FRAME_HEADER + length)
        return to
      }
    }
    return this.stopped ? to : at
  }

  #acceptable(length: number, type: number): boolean {
    if (length > this.#maxFrameSize) {
      this.#fail(FRAME_SIZE_ERROR, `a frame of ${length} bytes, at most ${this.#maxFrameSize} are allowed`)
      return false
    }
    if (this.continuing === 0 || type === CONTINUATION) return true
    if (this.continuing === SETTINGS_FIRST) {
      if (type === SETTINGS) return true
      this.#fail(PROTOCOL_ERROR, `the first frame is of type ${type}, not SETTINGS`)
    } else {
      this.#fail(PROTOCOL_ERROR, `a frame of type ${type} inside a header block`)
    }
    return false
  }

  /** One frame that lies whole in `chunk` from `at` to `end`. */
  #whole(type: number, chunk: Buffer, at: number, end: number): void {
    const flags = chunk[at + 4]
    const id = ((chunk[at + 5] & 0x7f) << 24) | (chunk[at + 6] << 16) | (chunk[at + 7] << 8) | chunk[at + 8]
    let from = at + FRAME_HEADER
    if (type !== DATA) {
      this.#handler.frame(type, flags, id, chunk, from, end)
      return
    }
    const flow = end - from
    let to = end
    if ((flags & FLAG_PADDED) !== 0) {
      if (flow === 0) {
        this.#fail(FRAME_SIZE_ERROR, 'a padded DATA frame without a pad length')
        return
      }
      to -= chunk[from]
      from += 1
      if (to < from) {
        this.#fail(PROTOCOL_ERROR, 'more padding than payload in a DATA frame')
        return
      }
    }
    this.#handler.dataFrame(id, flow, flow - (to - from), chunk, from, to, (flags & FLAG_END_STREAM) !== 0)
  }

  #startData(chunk: Buffer, at: number, to: number, length: number): void {
    const id = ((chunk[at + 5] & 0x7f) << 24) | (chunk[at + 6] << 16) | (chunk[at + 7] << 8) | chunk[at + 8]
    const from = at + FRAME_HEADER
    this.#dataStream = id
    this.#dataLeft = length - (to - from)
    this.#dataEnd = (chunk[at + 4] & FLAG_END_STREAM) !== 0
    this.#handler.dataFrame(id, length, 0, chunk, from, to, false)
  }

  #moreData(chunk: Buffer, at: number, to: number): number {
    const end = Math.min(to, at + this.#dataLeft)
    this.#dataLeft -= end - at
    this.#handler.dataFrame(this.#dataStream, 0, 0, chunk, at, end, this.#dataLeft === 0 && this.#dataEnd)
    return end
  }

  /** Keeps the start of a frame (or of a frame header) of which `need` bytes will be needed. */
  #keep(chunk: Buffer, at: number, to: number, need: number): void {
    const partial = Buffer.allocUnsafe(need)
    chunk.copy(partial, 0, at, to)
    this.#partial = partial
    this.#have = to - at
  }

  /** Completes what `#keep` began from the bytes of the next chunk; returns how far it got. */
  #gather(chunk: Buffer, at: number, to: number): number {
    let partial = this.#partial as Buffer
    if (this.#have < FRAME_HEADER) {
      // The header itself was cut.
      const take = Math.min(FRAME_HEADER - this.#have, to - at)
      chunk.copy(partial, this.#have, at, at + take)
      this.#have += take
      at += take
      if (this.#have < FRAME_HEADER) return at
    }
    const length = (partial[0] << 16) | (partial[1] << 8) | partial[2]
    if (partial.length === FRAME_HEADER && !this.#acceptable(length, partial[3])) return to
    if (
      partial[3] === DATA &&
      (partial[4] & FLAG_PADDED) === 0 &&
      length > to - at &&
      this.#have === FRAME_HEADER
    ) {
      this.#partial = null
      this.#startData(partial, 0, FRAME_HEADER, length)
      return at < to ? this.#moreData(chunk, at, to) : at
    }
    const need = FRAME_HEADER + length
    if (partial.length < need) {
      const whole = Buffer.allocUnsafe(need)
      partial.copy(whole, 0, 0, this.#have)
      partial = whole
      this.#partial = whole
    }
    const take = Math.min(need - this.#have, to - at)
    chunk.copy(partial, this.#have, at, at + take)
    this.#have += take
    at += take
    if (this.#have === need) {
      this.#partial = null
      this.#whole(partial[3], partial, 0, need)
    }
    return at
  }

  #fail(code: number, detail: string): void {
    this.stopped = true
    this.#handler.frameError(code, detail)
  }
}
