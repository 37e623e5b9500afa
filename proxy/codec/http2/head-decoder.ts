import type { Fields } from '../../message/fields.ts'
import type { Head } from '../../message/head.ts'
import { HeadBuilder, TRAILERS } from './head-builder.ts'
import { HpackDecoder } from './hpack/decoder.ts'

const SLOTS = 256
/** Longer blocks are not remembered, in bytes. */
const MAX_BLOCK = 512

class Interned {
  generation = -1
  length = 0
  shape = -1
  readonly bytes: Buffer
  head: Head | null = null

  constructor() {
    this.bytes = Buffer.allocUnsafe(MAX_BLOCK)
  }
}

/**
 * Header blocks to heads, for one connection. As long as no entry is added to the dynamic table, the same bytes decode to
 * the same immutable Head: such blocks are remembered and looked up by their bytes.
 */
export class HeadDecoder {
  /** After a null result: "" or why the block is malformed (a stream error). */
  malformed = ''
  /** After a null result: "" or which limit the block passes (answered 431). */
  tooLarge = ''
  /** After a null result: "" or why the connection must end with COMPRESSION_ERROR. */
  broken = ''

  readonly #hpack: HpackDecoder
  readonly #builder: HeadBuilder
  readonly #slots: (Interned | null)[] = new Array<Interned | null>(SLOTS).fill(null)

  constructor(tableSize: number, maxBytes: number, maxFields: number) {
    this.#hpack = new HpackDecoder(tableSize, maxBytes)
    this.#builder = new HeadBuilder(maxBytes, maxFields)
  }

  /** `shape` is REQUEST or RESPONSE. */
  head(block: Buffer, from: number, to: number, shape: number): Head | null {
    const length = to - from
    let slot = 0
    if (length <= MAX_BLOCK) {
      let hash = length
      for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + block[i]) | 0
      slot = (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (SLOTS - 1)
      const known = this.#slots[slot]
      if (
        known !== null &&
        known.generation === this.#hpack.generation &&
        known.length === length &&
        known.shape === shape
      ) {
        const bytes = known.bytes
        let i = 0
        while (i < length && bytes[i] === block[from + i]) i++
        if (i === length) return known.head
      }
    }
    this.malformed = ''
    this.tooLarge = ''
    this.broken = ''
    this.#builder.begin(shape)
    if (!this.#hpack.decode(block, from, to, this.#builder)) {
      this.broken = this.#hpack.error
      return null
    }
    const head = this.#builder.build()
    if (head === null) {
      this.malformed = this.#builder.malformed
      this.tooLarge = this.#builder.tooLarge
      return null
    }
    if (length <= MAX_BLOCK && !this.#hpack.changed) this.#remember(slot, block, from, to, shape, head)
    return head
  }

  trailers(block: Buffer, from: number, to: number): Fields | null {
    this.malformed = ''
    this.tooLarge = ''
    this.broken = ''
    this.#builder.begin(TRAILERS)
    if (!this.#hpack.decode(block, from, to, this.#builder)) {
      this.broken = this.#hpack.error
      return null
    }
    this.malformed = this.#builder.malformed
    this.tooLarge = this.#builder.tooLarge
    return this.malformed === '' && this.tooLarge === '' ? this.#builder.fields() : null
  }

  #remember(slot: number, block: Buffer, from: number, to: number, shape: number, head: Head): void {
    let interned = this.#slots[slot]
    if (interned === null) {
      interned = new Interned()
      this.#slots[slot] = interned
    }
    interned.generation = this.#hpack.generation
    interned.length = to - from
    interned.shape = shape
    interned.head = head
    block.copy(interned.bytes, 0, from, to)
  }
}
