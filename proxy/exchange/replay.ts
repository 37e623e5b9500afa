/** Request bytes kept for another try, at most; a longer request is committed to the endpoint that gets it. */
export const REPLAY_LIMIT = 64 * 1024

/** The start of a request's body, kept until it cannot be needed again. */
export class Replay {
  /** Copies, each with its own bytes only. */
  readonly chunks: Buffer[] = []
  length = 0

  append(chunk: Buffer, from: number, to: number): void {
    const bytes = to - from
    if (bytes === 0) return
    const copy = Buffer.allocUnsafe(bytes)
    chunk.copy(copy, 0, from, to)
    this.chunks.push(copy)
    this.length += bytes
  }
}
