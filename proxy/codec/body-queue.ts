/** Smallest block that waiting bytes are gathered in: many tiny messages share one. */
const BLOCK = 4096

/**
 * Body bytes that wait for a window or a socket. How many may wait is bounded by the window that was granted to their
 * sender, as they are credited only when they leave.
 */
export class BodyQueue {
  /** Bytes waiting. */
  length = 0
  readonly #blocks: Buffer[] = []
  #first = 0
  /** Position of the first waiting byte in the first block. */
  #from = 0
  /** Bytes used of the last block. */
  #used = 0

  /** The first run of waiting bytes lies in `block` from `from` to `to`; only when `length` is above 0. */
  get block(): Buffer {
    return this.#blocks[this.#first]
  }

  get from(): number {
    return this.#from
  }

  get to(): number {
    return this.#first === this.#blocks.length - 1 ? this.#used : this.#blocks[this.#first].length
  }

  append(chunk: Buffer, from: number, to: number): void {
    this.length += to - from
    if (this.#first < this.#blocks.length) {
      const last = this.#blocks[this.#blocks.length - 1]
      const take = Math.min(last.length - this.#used, to - from)
      if (take > 0) {
        chunk.copy(last, this.#used, from, from + take)
        this.#used += take
        from += take
      }
    }
    if (from === to) return
    const block = Buffer.allocUnsafeSlow(Math.max(BLOCK, to - from))
    chunk.copy(block, 0, from, to)
    if (this.#first === this.#blocks.length) {
      this.#blocks.length = 0
      this.#first = 0
      this.#from = 0
    }
    this.#blocks.push(block)
    this.#used = to - from
  }

  /** Takes the first `bytes` bytes out; at most `to - from`. */
  consume(bytes: number): void {
    this.length -= bytes
    this.#from += bytes
    if (this.#from < this.to) return
    this.#from = 0
    this.#first += 1
    if (this.#first === this.#blocks.length) {
      this.#blocks.length = 0
      this.#first = 0
      this.#used = 0
    } else if (this.#first > 32) {
      this.#blocks.splice(0, this.#first)
      this.#first = 0
    }
  }
}
