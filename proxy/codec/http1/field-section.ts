import { Fields, NO_FIELDS } from '../../message/fields.ts'
import { isGrpcContentType } from '../../message/head.ts'
import { allowedInTrailers } from '../../message/trailer-fields.ts'
import {
  CONNECTION,
  CONTENT_LENGTH,
  CONTENT_TYPE,
  EXPECT,
  type FieldName,
  fieldName,
  HOP_BY_HOP,
  HOST,
  hashStep,
  PLAIN,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
} from './field-names.ts'
import { COLON, CR, HTAB, LF, SP, TOKEN_LOWER, VALUE_OCTET } from './octets.ts'

/** `scan` ran out of bytes. */
export const INCOMPLETE = 0
/** `scan` met something that is no field section. */
export const MALFORMED = -1
/** `scan` met more fields than allowed. */
export const TOO_MANY_FIELDS = -2

/** The most that `limits.fields` can be. */
const MAX_FIELDS = 10_000

/**
 * Reads a field section (RFC 9112 §5) in two passes: `scan` walks over the bytes once and notes where things are,
 * `collect` makes strings and sorts out what concerns the connection. One instance serves the whole process, since
 * nothing is kept in it from one section to the next.
 */
export class FieldSection {
  /** What `scan` found wrong. */
  detail = ''
  count = 0
  readonly #names: (FieldName | null)[] = new Array<FieldName | null>(MAX_FIELDS).fill(null)
  readonly #from = new Int32Array(MAX_FIELDS)
  readonly #to = new Int32Array(MAX_FIELDS)

  // What `collect` found.
  names: string[] = []
  values: string[] = []
  host: string | null = null
  hosts = 0
  contentLength: string | null = null
  contentLengths = 0
  transferEncoding: string | null = null
  transferEncodings = 0
  expect: string | null = null
  /** What the peer would switch to, as written; null when Connection does not nominate it (RFC 9110 §7.8). */
  upgrade: string | null = null
  close = false
  keepAlive = false
  teTrailers = false
  grpc = false
  /** Several content types, of which one is gRPC's and one is not: which of them counts decides what the request is. */
  mixedTypes = false
  #contentTypes = 0
  #upgrades = false
  #nominated: Set<string> | null = null

  /**
   * Scans from the start of a field line. Returns the position behind the empty line that ends the section, or one of
   * INCOMPLETE, MALFORMED and TOO_MANY_FIELDS.
   */
  scan(octets: Buffer, from: number, to: number, maxFields: number): number {
    const limit = Math.min(maxFields, MAX_FIELDS)
    let count = 0
    let i = from
    for (;;) {
      if (i >= to) return INCOMPLETE
      if (octets[i] === CR) {
        if (i + 1 >= to) return INCOMPLETE
        if (octets[i + 1] !== LF) return this.#malformed('CR without LF')
        this.count = count
        return i + 2
      }
      const nameFrom = i
      let hash = 0
      while (i < to) {
        const lower = TOKEN_LOWER[octets[i] as number] as number
        if (lower === 0) break
        hash = hashStep(hash, lower)
        i++
      }
      if (i >= to) return INCOMPLETE
      if (octets[i] !== COLON || i === nameFrom) return this.#badName(octets[i] as number, i === nameFrom)
      const name = fieldName(octets, nameFrom, i, hash)
      i++
      while (i < to && (octets[i] === SP || octets[i] === HTAB)) i++
      const valueFrom = i
      while (i < to && VALUE_OCTET[octets[i] as number] === 1) i++
      if (i + 1 >= to) {
        if (i < to && octets[i] !== CR) return this.#badValue(octets[i] as number, name.text)
        return INCOMPLETE
      }
      if (octets[i] !== CR) return this.#badValue(octets[i] as number, name.text)
      if (octets[i + 1] !== LF) return this.#malformed(`CR without LF in the value of field ${name.text}`)
      let valueTo = i
      while (valueTo > valueFrom && (octets[valueTo - 1] === SP || octets[valueTo - 1] === HTAB)) valueTo--
      i += 2
      if (count === limit) {
        this.detail = `more than ${limit} fields`
        return TOO_MANY_FIELDS
      }
      this.#names[count] = name
      this.#from[count] = valueFrom
      this.#to[count] = valueTo
      count++
    }
  }

  #malformed(detail: string): number {
    this.detail = detail
    return MALFORMED
  }

  #badName(octet: number, first: boolean): number {
    if (first && (octet === SP || octet === HTAB)) return this.#malformed('a folded field line')
    if (first && octet === COLON) return this.#malformed('a field without a name')
    if (octet === SP || octet === HTAB) return this.#malformed('white space between field name and colon')
    if (octet === LF) return this.#malformed('LF without CR')
    if (octet === CR) return this.#malformed('a field line without a colon')
    return this.#malformed(`octet 0x${octet.toString(16).padStart(2, '0')} in a field name`)
  }

  #badValue(octet: number, name: string): number {
    if (octet === LF) return this.#malformed(`LF without CR in the value of field ${name}`)
    return this.#malformed(`octet 0x${octet.toString(16).padStart(2, '0')} in the value of field ${name}`)
  }

  /** Makes the strings of what was scanned; `text` is the latin1 form of the bytes from `base` on. */
  collect(text: string, base: number): void {
    const names: string[] = []
    const values: string[] = []
    this.host = null
    this.hosts = 0
    this.contentLength = null
    this.contentLengths = 0
    this.transferEncoding = null
    this.transferEncodings = 0
    this.expect = null
    this.upgrade = null
    this.#upgrades = false
    this.close = false
    this.keepAlive = false
    this.teTrailers = false
    this.grpc = false
    this.mixedTypes = false
    this.#contentTypes = 0
    this.#nominated = null
    for (let i = 0; i < this.count; i++) {
      const name = this.#names[i] as FieldName
      const value = text.substring((this.#from[i] as number) - base, (this.#to[i] as number) - base)
      if (name.role !== PLAIN && !this.#special(name.role, value)) continue
      names.push(name.text)
      values.push(value)
    }
    if (this.teTrailers) {
      names.push('te')
      values.push('trailers')
    }
    if (!this.#upgrades) this.upgrade = null
    this.names = names
    this.values = values
    if (this.#nominated !== null) this.#removeNominated(this.#nominated)
  }

  /** Takes note of a field that concerns the codec; true when it also stays among the fields. */
  #special(role: number, value: string): boolean {
    switch (role) {
      case HOST:
        this.host = value
        this.hosts++
        return false
      case CONTENT_LENGTH:
        this.contentLength = value
        this.contentLengths++
        return true
      case TRANSFER_ENCODING:
        this.transferEncoding = value
        this.transferEncodings++
        return false
      case CONNECTION:
        this.#connection(value)
        return false
      case UPGRADE:
        this.upgrade = this.upgrade === null ? value : `${this.upgrade}, ${value}`
        return false
      case HOP_BY_HOP:
        return false
      case TE:
        if (listHas(value, 'trailers')) this.teTrailers = true
        return false
      case EXPECT:
        // A second one decides nothing the first did not, unless they differ.
        this.expect = this.expect === null || this.expect === value ? value : `${this.expect}, ${value}`
        return true
      case CONTENT_TYPE:
        this.#contentType(isGrpcContentType(value))
        return true
      default:
        return true
    }
  }

  #contentType(grpc: boolean): void {
    this.#contentTypes++
    if (this.#contentTypes > 1 && grpc !== this.grpc) this.mixedTypes = true
    if (grpc) this.grpc = true
  }

  #connection(value: string): void {
    if (value === 'keep-alive') {
      this.keepAlive = true
      return
    }
    for (const part of value.toLowerCase().split(',')) {
      const option = trimOws(part)
      if (option === 'close') this.close = true
      else if (option === 'keep-alive') this.keepAlive = true
      else if (option === 'upgrade') this.#upgrades = true
      else if (option !== '') {
        if (this.#nominated === null) this.#nominated = new Set()
        this.#nominated.add(option)
      }
    }
  }

  /** RFC 9110 §7.6.1. What frames or routes the message was read already and cannot be nominated away. */
  #removeNominated(nominated: Set<string>): void {
    const names: string[] = []
    const values: string[] = []
    for (let i = 0; i < this.names.length; i++) {
      const name = this.names[i] as string
      if (name !== 'content-length' && name !== 'te' && nominated.has(name)) {
        if (name === 'content-type') {
          this.grpc = false
          this.mixedTypes = false
        }
        if (name === 'expect') this.expect = null
        continue
      }
      names.push(name)
      values.push(this.values[i] as string)
    }
    this.names = names
    this.values = values
  }

  /** The scanned section as a trailer section: what must not stand there is left out. */
  trailers(text: string, base: number): Fields {
    const names: string[] = []
    const values: string[] = []
    for (let i = 0; i < this.count; i++) {
      const name = (this.#names[i] as FieldName).text
      if (!allowedInTrailers(name)) continue
      names.push(name)
      values.push(text.substring((this.#from[i] as number) - base, (this.#to[i] as number) - base))
    }
    return names.length === 0 ? NO_FIELDS : new Fields(names, values)
  }
}

/** The one field section reader: it is never in use twice at a time. */
export const section = new FieldSection()

/** Removes SP and HTAB at both ends, and nothing else (String.trim takes more). */
export function trimOws(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isOws(text.charCodeAt(from))) from++
  while (to > from && isOws(text.charCodeAt(to - 1))) to--
  return from === 0 && to === text.length ? text : text.slice(from, to)
}

function isOws(code: number): boolean {
  return code === SP || code === HTAB
}

function listHas(value: string, wanted: string): boolean {
  if (value === wanted) return true
  for (const part of value.toLowerCase().split(',')) {
    const end = part.indexOf(';')
    if (trimOws(end < 0 ? part : part.slice(0, end)) === wanted) return true
  }
  return false
}
