import { DEFAULT_TABLE_SIZE } from '../constants.ts'
import { fieldKind, isFieldValue } from './field-kind.ts'
import { huffmanDecode, huffmanDecodedBound } from './huffman.ts'
import { ENTRY_OVERHEAD, STATIC_SIZE, STATIC_TABLE } from './static-table.ts'

/** Gets the fields of a block one by one. */
export interface FieldSink {
  /** `valid` is false when the value holds what no field value may. `sensitive`: never to be indexed (RFC 7541 §6.2.3). */
  field(name: string, value: string, kind: number, valid: boolean, sensitive: boolean): void
}

class Entry {
  readonly name: string
  readonly value: string
  readonly kind: number
  readonly valid: boolean

  constructor(name: string, value: string, kind: number, valid: boolean) {
    this.name = name
    this.value = value
    this.kind = kind
    this.valid = valid
  }
}

const STATIC = [
  new Entry('', '', 0, false),
  ...STATIC_TABLE.map(([name, value]) => new Entry(name, value, fieldKind(name), true)),
]

// Decoded strings pass through here; one for all, as nothing stays in it.
let scratch = Buffer.allocUnsafeSlow(4096)

/** What went wrong, for the GOAWAY's debug data; "" after success. */
export type HpackError =
  | ''
  | 'index out of range'
  | 'integer too large'
  | 'truncated block'
  | 'malformed Huffman string'
  | 'table size update out of place'
  | 'table size update too large'
  | 'table size update missing'
  | 'string too long'

/**
 * HPACK decoder (RFC 7541): one per connection and direction. Never throws: `decode` returns false and sets `error`;
 * the connection must then end with COMPRESSION_ERROR.
 */
export class HpackDecoder {
  error: HpackError = ''
  /** Grows with every change of the dynamic table: what was remembered of blocks with indices is then void. */
  generation = 0
  /** True when the last block changed the dynamic table, so that it must not be remembered. */
  changed = false

  #maxSize: number
  readonly #maxString: number
  #size = 0
  #limit: number
  // The next block has to begin with a size update.
  #updateDue = false
  // A ring of the dynamic entries; #head is the position of the newest.
  #ring: (Entry | null)[]
  #mask: number
  #head = -1
  #count = 0
  #at = 0
  #text = ''

  /**
   * `maxSize`: the SETTINGS_HEADER_TABLE_SIZE that we announced, in bytes. `maxString`: longest name or value, in
   * coded bytes.
   */
  constructor(maxSize = 4096, maxString = 65536) {
    this.#maxSize = maxSize
    this.#limit = Math.min(maxSize, DEFAULT_TABLE_SIZE)
    this.#maxString = maxString
    let slots = 16
    while (slots < maxSize / ENTRY_OVERHEAD) slots *= 2
    this.#ring = new Array<Entry | null>(slots).fill(null)
    this.#mask = slots - 1
  }

  /**
   * The peer has acknowledged a SETTINGS_HEADER_TABLE_SIZE of `bytes`, at most `maxSize`. If its table is larger, its next
   * block says so first (RFC 7541 §4.2).
   */
  setMaxSize(bytes: number): void {
    this.#maxSize = bytes
    if (this.#limit <= bytes) return
    this.#updateDue = true
    this.#touch()
  }

  /** Bytes the dynamic table holds now (RFC 7541 §4.1). */
  get size(): number {
    return this.#size
  }

  decode(block: Buffer, from: number, to: number, sink: FieldSink): boolean {
    this.#at = from
    this.error = ''
    this.changed = false
    if (this.#updateDue) {
      if (from >= to || (block[from] & 0xe0) !== 0x20) return this.#fail('table size update missing')
      this.#updateDue = false
    }
    let fieldSeen = false
    while (this.#at < to) {
      const byte = block[this.#at]
      if (byte >= 0x80) {
        fieldSeen = true
        let index = byte & 0x7f
        if (index === 0x7f) index = this.#integer(block, to, 0x7f)
        else this.#at += 1
        const entry = this.#entry(index)
        if (entry === null) return this.#fail('index out of range')
        sink.field(entry.name, entry.value, entry.kind, entry.valid, false)
      } else if (byte >= 0x20 && byte < 0x40) {
        // Size updates stand only at the start of a block (RFC 7541 §4.2).
        if (fieldSeen) return this.#fail('table size update out of place')
        const size = this.#integer(block, to, 0x1f)
        if (size < 0) return this.#fail('truncated block')
        if (size > this.#maxSize) return this.#fail('table size update too large')
        this.#limit = size
        this.#evict(0)
        this.#touch()
      } else {
        fieldSeen = true
        if (!this.#literal(block, to, byte, sink)) return false
      }
    }
    return true
  }

  #literal(block: Buffer, to: number, byte: number, sink: FieldSink): boolean {
    const indexed = byte >= 0x40
    const index = this.#integer(block, to, indexed ? 0x3f : 0x0f)
    let name: string
    let kind: number
    if (index === 0) {
      if (!this.#string(block, to)) return false
      name = this.#text
      kind = fieldKind(name)
    } else {
      const entry = this.#entry(index)
      if (entry === null) return this.#fail(index < 0 ? 'truncated block' : 'index out of range')
      name = entry.name
      kind = entry.kind
    }
    if (!this.#string(block, to)) return false
    const value = this.#text
    const valid = isFieldValue(value)
    if (indexed) this.#insert(new Entry(name, value, kind, valid))
    sink.field(name, value, kind, valid, (byte & 0xf0) === 0x10)
    return true
  }

  /** Reads an integer with prefix mask `mask` (RFC 7541 §5.1); -1 when it is cut off or above 2^28. */
  #integer(block: Buffer, to: number, mask: number): number {
    let value = block[this.#at++] & mask
    if (value < mask) return value
    let shift = 0
    for (;;) {
      if (this.#at >= to || shift > 21) return -1
      const byte = block[this.#at++]
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
      shift += 7
    }
  }

  /** Reads a string literal into #text (RFC 7541 §5.2). */
  #string(block: Buffer, to: number): boolean {
    if (this.#at >= to) return this.#fail('truncated block')
    const huffman = block[this.#at] >= 0x80
    const length = this.#integer(block, to, 0x7f)
    if (length < 0) return this.#fail('integer too large')
    const from = this.#at
    const end = from + length
    if (end > to) return this.#fail('truncated block')
    if (length > this.#maxString) return this.#fail('string too long')
    this.#at = end
    if (!huffman) {
      this.#text = block.latin1Slice(from, end)
      return true
    }
    const bound = huffmanDecodedBound(length)
    if (bound > scratch.length) scratch = Buffer.allocUnsafeSlow(bound)
    const written = huffmanDecode(block, from, end, scratch, 0)
    if (written < 0) return this.#fail('malformed Huffman string')
    this.#text = scratch.latin1Slice(0, written)
    return true
  }

  #entry(index: number): Entry | null {
    if (index <= 0) return null
    if (index <= STATIC_SIZE) return STATIC[index]
    const back = index - STATIC_SIZE - 1
    if (back >= this.#count) return null
    return this.#ring[(this.#head - back) & this.#mask]
  }

  #insert(entry: Entry): void {
    const size = entry.name.length + entry.value.length + ENTRY_OVERHEAD
    this.#evict(size)
    this.#touch()
    // An entry larger than the table empties it and is not added (RFC 7541 §4.4).
    if (size > this.#limit) return
    this.#head = (this.#head + 1) & this.#mask
    this.#ring[this.#head] = entry
    this.#count += 1
    this.#size += size
  }

  #evict(room: number): void {
    while (this.#count > 0 && this.#size + room > this.#limit) {
      const oldest = (this.#head - this.#count + 1) & this.#mask
      const entry = this.#ring[oldest] as Entry
      this.#ring[oldest] = null
      this.#size -= entry.name.length + entry.value.length + ENTRY_OVERHEAD
      this.#count -= 1
    }
  }

  #touch(): void {
    this.generation += 1
    this.changed = true
  }

  #fail(error: HpackError): boolean {
    this.error = error
    return false
  }
}
