import { Readable } from 'node:stream'

/**
 * Bodies whose every byte is known from its position: a block of a prime length repeats, so that bytes lost, doubled
 * or swapped at any buffer boundary show up. Checked as they stream by; nothing is kept.
 */
const PERIOD = 65_521
const CHUNK = 64 * 1024
const block = makeBlock()

function makeBlock(): Buffer {
  // A period and a chunk, so that any chunk is one slice.
  const bytes = Buffer.alloc(PERIOD + CHUNK)
  let state = 0x9e3779b9
  for (let i = 0; i < PERIOD; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  for (let i = PERIOD; i < bytes.length; i++) bytes[i] = bytes[i - PERIOD] as number
  return bytes
}

/** Bytes `from` to `from + length` of the pattern. */
export function pattern(length: number, from = 0): Buffer {
  const out = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; ) {
    const start = (from + at) % PERIOD
    at += block.copy(out, at, start, Math.min(block.length, start + length - at))
  }
  return out
}

/** The first `length` bytes of the pattern as a stream, in chunks of at most `chunk` bytes (64 KiB by default). */
export function patternStream(length: number, chunk = CHUNK): Readable {
  let at = 0
  const step = Math.min(chunk, CHUNK)
  return new Readable({
    highWaterMark: step,
    read() {
      if (at === length) {
        this.push(null)
        return
      }
      const start = at % PERIOD
      const size = Math.min(step, length - at)
      at += size
      this.push(block.subarray(start, start + size))
    },
  })
}

/** Counts a body and compares it with the pattern. */
export class PatternCheck {
  bytes = 0
  /** Position of the first byte that differs from the pattern, -1 when none does. */
  firstDifference = -1

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && this.firstDifference < 0; ) {
      const start = (this.bytes + at) % PERIOD
      const size = Math.min(chunk.length - at, block.length - start)
      if (chunk.compare(block, start, start + size, at, at + size) !== 0) {
        for (let i = 0; i < size; i++) {
          if (chunk[at + i] === block[start + i]) continue
          this.firstDifference = this.bytes + at + i
          break
        }
      }
      at += size
    }
    this.bytes += chunk.length
  }

  get intact(): boolean {
    return this.firstDifference < 0
  }
}
