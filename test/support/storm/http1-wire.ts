import type { FieldList, MessageWatch } from './ledger.ts'
import { fieldOf } from './ledger.ts'

/** What the head of a message says of its body, as RFC 9112 §6.3 puts it. */
type Framing = 'none' | 'length' | 'chunked' | 'close'

/**
 * Reads HTTP/1.1 messages one after the other, written down as the RFC says it. `begin` gives the watch of a message
 * from its first line and fields, and whether its body is left out whatever the fields say.
 */
export class Http1Reader {
  #buffer = Buffer.alloc(0)
  #watch: MessageWatch | null = null
  #framing: Framing = 'none'
  #left = 0
  #inChunk = false
  readonly #begin: (
    first: string,
    fields: FieldList,
  ) => { watch: MessageWatch; bodiless: boolean; more: boolean }
  readonly #ended: () => void
  readonly #request: boolean

  constructor(
    request: boolean,
    begin: (first: string, fields: FieldList) => { watch: MessageWatch; bodiless: boolean; more: boolean },
    ended: () => void,
  ) {
    this.#request = request
    this.#begin = begin
    this.#ended = ended
  }

  /** In the middle of a message, or of its head. */
  get within(): boolean {
    return this.#watch !== null || this.#buffer.length > 0
  }

  /** Throws on what is no HTTP. */
  read(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#buffer, chunk])
    while (this.#step());
  }

  /** The connection is over. */
  closed(why: string, orderly: boolean): void {
    const watch = this.#watch
    this.#watch = null
    if (watch === null) return
    if (orderly && this.#framing === 'close') watch.end(null)
    else watch.aborted(why)
  }

  #take(bytes: number): Buffer {
    const taken = this.#buffer.subarray(0, bytes)
    this.#buffer = this.#buffer.subarray(bytes)
    return taken
  }

  #step(): boolean {
    if (this.#watch === null) return this.#head()
    if (this.#framing === 'close' || this.#framing === 'length') {
      const bytes =
        this.#framing === 'close' ? this.#buffer.length : Math.min(this.#left, this.#buffer.length)
      if (bytes === 0) return false
      this.#watch.data(this.#take(bytes))
      this.#left -= bytes
      if (this.#framing === 'length' && this.#left === 0) this.#end(null)
      return true
    }
    return this.#chunk()
  }

  #head(): boolean {
    const end = this.#buffer.indexOf('\r\n\r\n')
    if (end < 0) return false
    const [first, ...lines] = this.#take(end + 4)
      .toString('latin1', 0, end)
      .split('\r\n') as [string, ...string[]]
    const fields = lines.map(parseField)
    const { watch, bodiless, more } = this.#begin(first, fields)
    watch.head(this.#request ? first : (first.split(' ')[1] as string), fields)
    if (more) return true
    this.#watch = watch
    const length = fieldOf(fields, 'content-length')
    if (bodiless) this.#framing = 'none'
    else if (fieldOf(fields, 'transfer-encoding') !== null) this.#framing = 'chunked'
    else if (length !== null) this.#framing = length === '0' ? 'none' : 'length'
    else this.#framing = this.#request ? 'none' : 'close'
    this.#left = Number(length ?? 0)
    this.#inChunk = false
    if (this.#framing === 'none') this.#end(null)
    return true
  }

  #chunk(): boolean {
    if (this.#inChunk) {
      if (this.#left > 0) {
        const bytes = Math.min(this.#left, this.#buffer.length)
        if (bytes === 0) return false
        this.#left -= bytes
        this.#watch?.data(this.#take(bytes))
        return true
      }
      if (this.#buffer.length < 2) return false
      if (this.#take(2).toString('latin1') !== '\r\n') throw new Error('a chunk without its end')
      this.#inChunk = false
      return true
    }
    const end = this.#buffer.indexOf('\r\n')
    if (end < 0) return false
    const line = this.#buffer.toString('latin1', 0, end)
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`a chunk size ${line}`)
    const size = Number.parseInt(line, 16)
    if (size > 0) {
      this.#take(end + 2)
      this.#left = size
      this.#inChunk = true
      return true
    }
    const empty = this.#buffer.toString('latin1', end + 2, end + 4) === '\r\n'
    const last = empty ? end : this.#buffer.indexOf('\r\n\r\n', end + 2)
    if (last < 0) return false
    const text = this.#take(last + 4).toString('latin1', end + 2, last)
    this.#end(empty ? null : text.split('\r\n').map(parseField))
    return true
  }

  #end(trailers: FieldList | null): void {
    const watch = this.#watch as MessageWatch
    this.#watch = null
    watch.end(trailers)
    this.#ended()
  }
}

function parseField(line: string): readonly [string, string] {
  const colon = line.indexOf(': ')
  if (colon <= 0) throw new Error(`a field line ${line}`)
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
}

export function headText(first: string, fields: FieldList): Buffer {
  return Buffer.from(
    `${[first, ...fields.map(([name, value]) => `${name}: ${value}`)].join('\r\n')}\r\n\r\n`,
    'latin1',
  )
}

export function chunkText(bytes: Buffer, end: boolean): Buffer {
  const parts =
    bytes.length === 0 ? [] : [Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]
  if (end) parts.push(Buffer.from('0\r\n\r\n'))
  return Buffer.concat(parts)
}
