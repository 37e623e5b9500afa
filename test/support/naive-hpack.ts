import { STATIC_TABLE } from '../../proxy/codec/http2/hpack/static-table.ts'
import { HUFFMAN_BITS } from './huffman-codes.ts'

/** One field line; `never` when it must not be indexed by anyone (RFC 7541 §6.2.3). */
export interface FieldLine {
  readonly name: string
  readonly value: string
  readonly never?: boolean
}

export type Representation = 'indexed' | 'incremental' | 'without' | 'never'

/** HPACK written down as the RFC says it, with no thought of speed: what the proxy's codec is compared with. */
class Table {
  entries: FieldLine[] = []
  limit = 4096

  get size(): number {
    return this.entries.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0)
  }

  at(index: number): FieldLine | undefined {
    const known = STATIC_TABLE[index - 1]
    return known === undefined ? this.entries[index - 62] : { name: known[0], value: known[1] }
  }

  find(name: string, value: string | null): number {
    for (let index = 1; index <= 61 + this.entries.length; index++) {
      const entry = this.at(index)
      if (entry?.name === name && (value === null || entry.value === value)) return index
    }
    return 0
  }

  add(name: string, value: string): void {
    this.entries.unshift({ name, value })
    while (this.size > this.limit) this.entries.pop()
  }

  resize(limit: number): void {
    this.limit = limit
    while (this.size > this.limit) this.entries.pop()
  }
}

export class NaiveDecoder {
  readonly table = new Table()
  /** What was announced as SETTINGS_HEADER_TABLE_SIZE, in bytes. */
  maximum = 4096
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0

  /** The fields of a block. Throws on a malformed one. */
  decode(block: Buffer): FieldLine[] {
    this.#bytes = block
    this.#at = 0
    const fields: FieldLine[] = []
    while (this.#at < block.length) {
      const first = block[this.#at] as number
      if (first & 0x80) fields.push(this.#entry(this.#integer(7)))
      else if (first & 0x40) {
        const field = this.#literal(6)
        this.table.add(field.name, field.value)
        fields.push(field)
      } else if (first & 0x20) {
        if (fields.length > 0) throw new Error('size update after a field')
        const size = this.#integer(5)
        if (size > this.maximum) throw new Error('size update above the limit')
        this.table.resize(size)
      } else fields.push({ ...this.#literal(4), ...(first & 0x10 ? { never: true } : {}) })
    }
    return fields
  }

  #entry(index: number): FieldLine {
    const entry = this.table.at(index)
    if (entry === undefined) throw new Error(`no entry ${index}`)
    return entry
  }

  #literal(prefix: number): FieldLine {
    const index = this.#integer(prefix)
    const name = index === 0 ? this.#string() : this.#entry(index).name
    return { name, value: this.#string() }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new Error('the block is cut off')
    this.#at += 1
    return byte
  }

  #integer(prefix: number): number {
    const full = 2 ** prefix - 1
    let value = this.#byte() & full
    if (value < full) return value
    for (let factor = 1; ; factor *= 128) {
      // RFC 7541 §5.1 asks for a limit; 2^28 is above everything that means anything.
      if (factor === 128 ** 4) throw new Error('an integer of too many bytes')
      const byte = this.#byte()
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }

  #string(): string {
    const huffman = ((this.#bytes[this.#at] ?? 0) & 0x80) !== 0
    const length = this.#integer(7)
    if (this.#at + length > this.#bytes.length) throw new Error('the string is cut off')
    const raw = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return huffman ? huffmanText(raw) : raw.toString('latin1')
  }
}

/** Decodes bit by bit. Throws on EOS and on bad padding. */
export function huffmanText(coded: Buffer): string {
  let text = ''
  let bits = ''
  for (const byte of coded) {
    for (const bit of byte.toString(2).padStart(8, '0')) {
      bits += bit
      const symbol = SYMBOLS.get(bits)
      if (symbol === undefined) continue
      if (symbol === 256) throw new Error('EOS in a string')
      text += String.fromCharCode(symbol)
      bits = ''
    }
  }
  if (bits.length > 7 || bits.includes('0')) throw new Error('bad padding')
  return text
}

export function huffmanBytes(text: string): Buffer {
  let bits = ''
  for (let i = 0; i < text.length; i++) bits += HUFFMAN_BITS[text.charCodeAt(i)]
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}

const SYMBOLS = new Map(HUFFMAN_BITS.map((bits, symbol) => [bits, symbol]))

export class NaiveEncoder {
  readonly table = new Table()

  /** A block with each field in the representation that `choose` says ("indexed" falls back to "without"). */
  encode(
    fields: readonly FieldLine[],
    choose: (field: FieldLine) => Representation = () => 'without',
    huffman: () => boolean = () => false,
  ): Buffer {
    return Buffer.concat(fields.map((field) => this.#field(field, choose(field), huffman)))
  }

  /** A dynamic table size update (RFC 7541 §6.3). */
  resize(bytes: number): Buffer {
    this.table.resize(bytes)
    return integer(0x20, 5, bytes)
  }

  #field({ name, value, never }: FieldLine, wanted: Representation, huffman: () => boolean): Buffer {
    const whole = this.table.find(name, value)
    if (wanted === 'indexed' && whole > 0 && never !== true) return integer(0x80, 7, whole)
    const index = this.table.find(name, null)
    const literal = Buffer.concat([
      index === 0 ? string(name, huffman()) : Buffer.alloc(0),
      string(value, huffman()),
    ])
    if (never === true || wanted === 'never') return Buffer.concat([integer(0x10, 4, index), literal])
    if (wanted !== 'incremental') return Buffer.concat([integer(0x00, 4, index), literal])
    this.table.add(name, value)
    return Buffer.concat([integer(0x40, 6, index), literal])
  }
}

/** An integer with a prefix of `prefix` bits behind `pattern` (RFC 7541 §5.1). */
export function integer(pattern: number, prefix: number, value: number): Buffer {
  const full = 2 ** prefix - 1
  if (value < full) return Buffer.from([pattern | value])
  const bytes = [pattern | full]
  let rest = value - full
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

function string(text: string, huffman: boolean): Buffer {
  const bytes = huffman ? huffmanBytes(text) : Buffer.from(text, 'latin1')
  return Buffer.concat([integer(huffman ? 0x80 : 0, 7, bytes.length), bytes])
}
