import type { Http2Stream } from './stream.ts'

const SMALLEST = 32

/**
 * The open streams of a connection by id: open addressing with linear probing. Ids ascend by two, so there is hardly ever
 * a collision, and nothing is allocated as streams come and go. It also means that streams stand side by side: a deletion
 * looks at those behind it only while some stream is not where its id belongs.
 *
 * Not a Map: with entries coming and going a Map moves to a new table time and again, and each table left behind holds on
 * to the next one and to the streams of its time. Once one has grown old, everything after it survives with it until a
 * full collection (every collection of young objects took ten times as long).
 */
export class StreamTable {
  size = 0
  #slots: (Http2Stream | null)[] = new Array<Http2Stream | null>(SMALLEST).fill(null)
  #mask = SMALLEST - 1
  /** Streams that are not in the slot of their id. */
  #displaced = 0

  get(id: number): Http2Stream | undefined {
    const slots = this.#slots
    let at = (id >>> 1) & this.#mask
    for (;;) {
      const stream = slots[at]
      if (stream === null) return undefined
      if (stream.id === id) return stream
      at = (at + 1) & this.#mask
    }
  }

  /** Adds a stream whose id is not there yet. */
  add(stream: Http2Stream): void {
    this.size += 1
    if (this.size * 2 > this.#slots.length) this.#grow()
    this.#place(stream)
  }

  #place(stream: Http2Stream): void {
    const home = (stream.id >>> 1) & this.#mask
    let at = home
    while (this.#slots[at] !== null) at = (at + 1) & this.#mask
    this.#slots[at] = stream
    if (at !== home) this.#displaced += 1
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = new Array<Http2Stream | null>(before.length * 2).fill(null)
    this.#mask = this.#slots.length - 1
    this.#displaced = 0
    for (const stream of before) if (stream !== null) this.#place(stream)
  }

  /** True when the stream was there. */
  delete(id: number): boolean {
    const slots = this.#slots
    const mask = this.#mask
    const wanted = (id >>> 1) & mask
    let hole = wanted
    for (;;) {
      const stream = slots[hole]
      if (stream === null) return false
      if (stream.id === id) break
      hole = (hole + 1) & mask
    }
    this.size -= 1
    if (hole !== wanted) this.#displaced -= 1
    if (this.#displaced > 0) hole = this.#closeUp(hole)
    slots[hole] = null
    return true
  }

  /** Moves what was pushed past `hole` back, so that no look-up stops short of it. Returns the slot that is left. */
  #closeUp(hole: number): number {
    const slots = this.#slots
    const mask = this.#mask
    let at = hole
    for (;;) {
      at = (at + 1) & mask
      const stream = slots[at]
      if (stream === null) break
      const home = (stream.id >>> 1) & mask
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        slots[hole] = stream
        if (hole === home) this.#displaced -= 1
        hole = at
      }
    }
    return hole
  }

  /** All streams, in no order. A copy: streams may come and go while it is walked. */
  all(): Http2Stream[] {
    return this.#slots.filter((stream) => stream !== null)
  }

  clear(): void {
    this.#slots.fill(null)
    this.size = 0
    this.#displaced = 0
  }
}
