/** Request bytes kept for another try, at most; a longer request is committed to the endpoint that gets it. */
export const REPLAY_LIMIT = 64 * 1024

/** Pieces below this size are gathered in blocks of BLOCK bytes: a buffer of its own for each costs many times its bytes. */
const SMALL = 1024
const BLOCK = 4096

/** The start of a request's body, kept until it cannot be needed again. */
export class Replay {
  /** Copies, each with its own bytes only. */
  readonly chunks: Buffer[] = []
  length = 0
  /** The last chunk is the first `#used` bytes of it; null when the last chunk is a copy of one piece. */
  #block: Buffer | null = null
  #used = 0

  append(chunk: Buffer, from: number, to: number): void {
    const bytes = to - from
    if (bytes === 0) return
    this.length += bytes
    // Most bodies are one piece, which is copied exactly.
    if (bytes >= SMALL || this.chunks.length === 0) {
      const copy = Buffer.allocUnsafe(bytes)
      chunk.copy(copy, 0, from, to)
      this.chunks.push(copy)
      this.#block = null
      return
    }
    let block = this.#block
    if (block === null || block.length - this.#used < bytes) {
      block = Buffer.allocUnsafeSlow(BLOCK)
      this.#block = block
      this.#used = 0
      this.chunks.push(block)
    }
    chunk.copy(block, this.#used, from, to)
    this.#used += bytes
    this.chunks[this.chunks.length - 1] = block.subarray(0, this.#used)
  }
}
