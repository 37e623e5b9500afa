import type { Fields } from '../../message/fields.ts'
import type { Head } from '../../message/head.ts'
import { HeadBuilder, TRAILERS } from './head-builder.ts'
import { HpackDecoder } from './hpack/decoder.ts'
import { MAX_COOKIES } from './options.ts'

const SLOTS = 256
/** Longer blocks are not remembered, in bytes. */
const MAX_BLOCK = 512

class Interned {
  readonly generation: number
  readonly shape: number
  readonly bytes: Buffer
  readonly head: Head
  readonly size: number

  constructor(generation: number, shape: number, bytes: Buffer, head: Head, size: number) {
    this.generation = generation
    this.shape = shape
    this.bytes = bytes
    this.head = head
    this.size = size
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
  /** With `tooLarge`: the key of the limit. */
  limit = ''
  /** Size of the last head, decoded, in bytes as SETTINGS_MAX_HEADER_LIST_SIZE counts them. */
  size = 0

  readonly #hpack: HpackDecoder
  readonly #builder: HeadBuilder
  readonly #slots: (Interned | null)[] = new Array<Interned | null>(SLOTS).fill(null)
  // Hash of the block that each slot saw last: only what comes again is worth remembering. Heads that never repeat
  // would otherwise all live until they are pushed out, which costs the collector more than decoding them.
  readonly #seen = new Int32Array(SLOTS)

  /** `tableSize`: most that the peer may use of a dynamic table, in bytes. */
  constructor(
    tableSize: number,
    maxBytes: number,
    maxFields: number,
    maxCookies = MAX_COOKIES,
    maxTrailerBytes = maxBytes,
  ) {
    this.#hpack = new HpackDecoder(tableSize, maxBytes)
    this.#builder = new HeadBuilder(maxBytes, maxFields, maxCookies, maxTrailerBytes)
  }

  setTableSize(bytes: number): void {
    this.#hpack.setMaxSize(bytes)
  }

  /** `shape` is REQUEST or RESPONSE. */
  head(block: Buffer, from: number, to: number, shape: number): Head | null {
    const length = to - from
    let slot = 0
    let hash = length
    if (length <= MAX_BLOCK) {
      for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + block[i]) | 0
      slot = (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (SLOTS - 1)
      const known = this.#slots[slot]
      if (
        known !== null &&
        known.generation === this.#hpack.generation &&
        known.bytes.length === length &&
        known.shape === shape
      ) {
        const bytes = known.bytes
        let i = 0
        while (i < length && bytes[i] === block[from + i]) i++
        if (i === length) {
          this.size = known.size
          return known.head
        }
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
    this.size = this.#builder.bytes
    const head = this.#builder.build()
    if (head === null) {
      this.malformed = this.#builder.malformed
      this.tooLarge = this.#builder.tooLarge
      this.limit = this.#builder.limit
      return null
    }
    if (length <= MAX_BLOCK && !this.#hpack.changed) {
      if (this.#seen[slot] === hash) this.#remember(slot, block, from, to, shape, head)
      else this.#seen[slot] = hash
    }
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
    this.limit = this.#builder.limit
    return this.malformed === '' && this.tooLarge === '' ? this.#builder.fields() : null
  }

  #remember(slot: number, block: Buffer, from: number, to: number, shape: number, head: Head): void {
    const bytes = Buffer.allocUnsafe(to - from)
    block.copy(bytes, 0, from, to)
    this.#slots[slot] = new Interned(this.#hpack.generation, shape, bytes, head, this.size)
  }
}
