import type { Chooser } from './http1-generator.ts'

/** Ways to cut `bytes` into pieces: whole, one by one, and at random places. Each piece is a copy that is spoilt after use. */
export function feed(bytes: Buffer, sizes: () => number, take: (chunk: Buffer) => void): void {
  for (let at = 0; at < bytes.length; ) {
    const chunk = Buffer.from(bytes.subarray(at, at + sizes()))
    at += chunk.length
    take(chunk)
    // The chunk is its owner's again.
    chunk.fill(0x21)
  }
}

/** The sizes of pieces, by name. `chooser` decides on the random ones. */
export function waysToCut(length: number, chooser: Chooser): readonly (readonly [string, () => number])[] {
  return [
    ['whole', () => Math.max(1, length)],
    ['one by one', () => 1],
    ['small pieces', () => 1 + chooser.below(12)],
    ['large pieces', () => 1 + chooser.below(Math.max(1, length))],
  ]
}
