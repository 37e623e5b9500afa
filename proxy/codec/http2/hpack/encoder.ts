import { huffmanEncode, huffmanLength } from './huffman.ts'
import { ENTRY_OVERHEAD, STATIC_SIZE, STATIC_TABLE } from './static-table.ts'

/** How often a value must come back before it is worth a table entry is decided by the last few values of its name. */
const RECENT = 8

// How a name's values are treated.
const INDEX = 0
/** Values that differ nearly every time: literals, so that they do not push out what repeats. */
const LITERAL = 1
/** Secrets short enough to be guessed by an observer of sizes (RFC 7541 §7.1.3). */
const NEVER = 2

const LITERALS = new Set([
  'content-length', 'date', 'etag', 'age', 'if-modified-since', 'if-none-match', 'last-modified', 'location',
  'x-request-id', 'traceparent', 'tracestate', 'grpc-timeout', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid',
]) // biome-ignore format: one table
const NEVERS = new Set(['authorization', 'proxy-authorization', 'set-cookie'])

class DynamicEntry {
  readonly name: NameState
  readonly value: string
  /** Running number of the insertion; the index follows from how many came after. */
  readonly number: number

  constructor(name: NameState, value: string, number: number) {
    this.name = name
    this.value = value
    this.number = number
  }
}

/** The static table by name: index of the first entry, and of each value there is. */
const STATIC_NAMES = staticNames()

function staticNames(): Map<string, { readonly index: number; readonly values: Map<string, number> | null }> {
  const names = new Map<string, { index: number; values: Map<string, number> | null }>()
  STATIC_TABLE.forEach(([name, value], i) => {
    const known = names.get(name) ?? { index: i + 1, values: null }
    names.set(name, known)
    if (value === '') return
    known.values ??= new Map()
    known.values.set(value, i + 1)
  })
  return names
}

class NameState {
  readonly name: string
  readonly treatment: number
  /** Index of a static entry with this name, 0 when there is none. */
  readonly staticIndex: number
  readonly staticValues: ReadonlyMap<string, number> | null
  /** Live dynamic entries of this name, oldest first. */
  readonly entries: DynamicEntry[] = []
  // Hashes, not the values: those that never come back are not kept alive for it.
  readonly #recent: number[] = new Array<number>(RECENT).fill(0)
  #next = 0

  constructor(name: string) {
    this.name = name
    this.treatment = NEVERS.has(name) ? NEVER : LITERALS.has(name) ? LITERAL : INDEX
    const known = STATIC_NAMES.get(name)
    this.staticIndex = known === undefined ? 0 : known.index
    this.staticValues = known === undefined ? null : known.values
  }

  /** True when `value` is (most likely) among the last few values; remembers it when it is not. */
  sawRecently(value: string): boolean {
    const hash = hashOf(value)
    const recent = this.#recent
    for (let i = 0; i < RECENT; i++) if (recent[i] === hash) return true
    recent[this.#next] = hash
    this.#next = (this.#next + 1) % RECENT
    return false
  }
}

/** Never 0, which stands for "nothing yet". */
function hashOf(text: string): number {
  let hash = text.length
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash === 0 ? 1 : hash
}

/** Names remembered per connection; beyond that, new names are written as literals only. */
const MAX_NAMES = 512

/**
 * HPACK encoder (RFC 7541): one per connection and direction. A field gets a table entry when its value comes back, so
 * that values which never repeat do not push out those that do, and blocks soon need no insertions any more and can be
 * kept ready-made (`stable`).
 *
 * Callers make room: a block takes at most `bound` bytes.
 */
export class HpackEncoder {
  /** Grows when the table changes: blocks made before are void. */
  generation = 0
  /** True when the last block neither changed the table nor would do better on a second try. */
  stable = true

  readonly #names = new Map<string, NameState>()
  #maxSize: number
  #size = 0
  #inserted = 0
  #entries: DynamicEntry[] = []
  #pendingMaxSize = -1
  #lowestMaxSize = -1

  /** `maxSize` in bytes: what we use of the table the peer allows; at most 4096 is worth the memory. */
  constructor(maxSize = 4096) {
    this.#maxSize = maxSize
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE changed; takes effect with the next block (RFC 7541 §4.2). */
  setPeerTableSize(bytes: number): void {
    const size = Math.min(bytes, 4096)
    if (size === this.#maxSize && this.#pendingMaxSize < 0) return
    this.#pendingMaxSize = size
    if (this.#lowestMaxSize < 0 || size < this.#lowestMaxSize) this.#lowestMaxSize = size
    this.generation += 1
  }

  /** Starts a block: writes size updates that are due. Call before the block's first field. */
  begin(out: Buffer, at: number): number {
    this.stable = true
    if (this.#pendingMaxSize < 0) return at
    this.stable = false
    if (this.#lowestMaxSize < this.#pendingMaxSize)
      at = writeInteger(out, at, 0x20, 0x1f, this.#lowestMaxSize)
    at = writeInteger(out, at, 0x20, 0x1f, this.#pendingMaxSize)
    this.#maxSize = this.#lowestMaxSize
    this.#evict(0)
    this.#maxSize = this.#pendingMaxSize
    this.#pendingMaxSize = -1
    this.#lowestMaxSize = -1
    return at
  }

  /** Most bytes that a field of these lengths takes, with the size updates before it. */
  static bound(name: string, value: string): number {
    return name.length + value.length + 24
  }

  /** Writes one field at `at`; returns the position behind it. `sensitive` fields are never indexed. */
  field(out: Buffer, at: number, name: string, value: string, sensitive: boolean): number {
    let state = this.#names.get(name)
    if (state === undefined) {
      if (this.#names.size >= MAX_NAMES)
        return writeLiteral(out, at, sensitive ? 0x10 : 0x00, 0x0f, 0, name, value, false)
      state = new NameState(name)
      this.#names.set(name, state)
    }
    if (sensitive || state.treatment === NEVER) {
      return writeLiteral(out, at, 0x10, 0x0f, this.#nameIndex(state), name, value, false)
    }
    if (state.staticValues !== null) {
      const index = state.staticValues.get(value)
      if (index !== undefined) return writeInteger(out, at, 0x80, 0x7f, index)
    }
    const entries = state.entries
    for (let i = entries.length - 1; i >= 0; i--) {
      if (entries[i].value === value) return writeInteger(out, at, 0x80, 0x7f, this.#index(entries[i]))
    }
    if (state.treatment === LITERAL) {
      return writeLiteral(out, at, 0x00, 0x0f, this.#nameIndex(state), name, value, false)
    }
    const size = name.length + value.length + ENTRY_OVERHEAD
    if (size * 2 > this.#maxSize) {
      return writeLiteral(out, at, 0x00, 0x0f, this.#nameIndex(state), name, value, false)
    }
    this.stable = false
    if (!state.sawRecently(value)) {
      return writeLiteral(out, at, 0x00, 0x0f, this.#nameIndex(state), name, value, false)
    }
    at = writeLiteral(out, at, 0x40, 0x3f, this.#nameIndex(state), name, value, true)
    this.#insert(state, value, size)
    return at
  }

  /**
   * Writes a field whose value never comes again as an insertion all the same, so that from now on its name can be
   * referred to: for a field that every block ends with. Writes nothing when the table is too small.
   */
  reserveName(out: Buffer, at: number, name: string, value: string): number {
    const size = name.length + value.length + ENTRY_OVERHEAD
    if (size > this.#maxSize) return at
    let state = this.#names.get(name)
    if (state === undefined) {
      state = new NameState(name)
      this.#names.set(name, state)
    }
    this.stable = false
    at = writeLiteral(out, at, 0x40, 0x3f, this.#nameIndex(state), name, value, true)
    this.#insert(state, value, size)
    return at
  }

  /** Index to refer to `name` by right now, 0 when there is none. */
  nameIndex(name: string): number {
    const state = this.#names.get(name)
    return state === undefined ? 0 : this.#nameIndex(state)
  }

  #nameIndex(state: NameState): number {
    if (state.staticIndex !== 0) return state.staticIndex
    const entries = state.entries
    return entries.length === 0 ? 0 : this.#index(entries[entries.length - 1])
  }

  #index(entry: DynamicEntry): number {
    return STATIC_SIZE + (this.#inserted - entry.number)
  }

  #insert(state: NameState, value: string, size: number): void {
    this.#evict(size)
    const entry = new DynamicEntry(state, value, this.#inserted)
    this.#inserted += 1
    this.#size += size
    this.#entries.push(entry)
    state.entries.push(entry)
    this.generation += 1
  }

  #evict(room: number): void {
    let gone = 0
    while (gone < this.#entries.length && this.#size + room > this.#maxSize) {
      const entry = this.#entries[gone]
      gone += 1
      this.#size -= entry.name.name.length + entry.value.length + ENTRY_OVERHEAD
      entry.name.entries.shift()
    }
    if (gone > 0) {
      this.#entries.splice(0, gone)
      this.generation += 1
    }
  }
}

/** Writes an integer with the bits `pattern` above its prefix of mask `mask` (RFC 7541 §5.1). */
export function writeInteger(out: Buffer, at: number, pattern: number, mask: number, value: number): number {
  if (value < mask) {
    out[at] = pattern | value
    return at + 1
  }
  out[at++] = pattern | mask
  value -= mask
  while (value >= 0x80) {
    out[at++] = (value & 0x7f) | 0x80
    value >>>= 7
  }
  out[at++] = value
  return at
}

/**
 * Writes a literal field. Entries are Huffman-coded, as they are written once and save table-filling bytes; literals that
 * are written anew each time go out raw, which costs the least on both sides.
 */
export function writeLiteral(
  out: Buffer,
  at: number,
  pattern: number,
  mask: number,
  nameIndex: number,
  name: string,
  value: string,
  huffman: boolean,
): number {
  at = writeInteger(out, at, pattern, mask, nameIndex)
  if (nameIndex === 0) at = writeString(out, at, name, huffman)
  return writeString(out, at, value, huffman)
}

function writeString(out: Buffer, at: number, text: string, huffman: boolean): number {
  const length = text.length
  if (huffman) {
    const coded = huffmanLength(text)
    if (coded < length) return huffmanEncode(text, out, writeInteger(out, at, 0x80, 0x7f, coded))
  }
  at = writeInteger(out, at, 0x00, 0x7f, length)
  if (length < 24) {
    for (let i = 0; i < length; i++) out[at + i] = text.charCodeAt(i)
  } else {
    out.latin1Write(text, at, length)
  }
  return at + length
}
