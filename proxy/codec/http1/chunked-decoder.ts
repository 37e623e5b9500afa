import { type Fields, NO_FIELDS } from '../../message/fields.ts'
import { section, TOO_MANY_FIELDS } from './field-section.ts'
import type { Http1Limits } from './limits.ts'
import { CR, HEX_VALUE, LF, TOKEN_LOWER, VALUE_OCTET } from './octets.ts'

// States; each waits for what its name says.
const SIZE = 0
const EXTENSION_NAME = 1
const EXTENSION_VALUE = 2
const EXTENSION_TOKEN = 3
const EXTENSION_QUOTED = 4
const EXTENSION_ESCAPED = 5
const EXTENSION_QUOTED_END = 6
const SIZE_LF = 7
const DATA = 8
const DATA_CR = 9
const DATA_LF = 10
const TRAILERS = 11
const DONE = 12

/** Digits of a chunk size; 16 exceed 2^53 already. */
const MAX_DIGITS = 16
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const ZERO = 0x30
const EMPTY = Buffer.alloc(0)

/**
 * Decodes the chunked transfer coding (RFC 9112 §7.1), strictly: CRLF and nothing else ends a line, no white space
 * around sizes, extensions by their grammar, then dropped.
 */
export class ChunkedDecoder {
  /** What the last `next` found: octets `from` to `to` are body. */
  from = 0
  to = 0
  /** The last chunk and the trailer section are complete. */
  done = false
  /** What is wrong, or null. */
  failure: string | null = null
  /** Key of the limit that was reached with `failure`, "" when it was none. */
  limit = ''
  /** Never null once `done`. */
  trailers: Fields = NO_FIELDS
  #state = SIZE
  #size = 0
  #digits = 0
  #extension = 0
  #extensions = 0
  /** The extension under way has a name. */
  #named = false
  #section = EMPTY
  #sectionLength = 0
  readonly #limits: Http1Limits

  constructor(limits: Http1Limits) {
    this.#limits = limits
  }

  /** Prepares for another body. */
  begin(): void {
    this.done = false
    this.failure = null
    this.trailers = NO_FIELDS
    this.#state = SIZE
    this.#size = 0
    this.#digits = 0
    this.#extension = 0
    this.#extensions = 0
    this.#section = EMPTY
    this.#sectionLength = 0
  }

  /**
   * Decodes on from octet `at`, up to and including the first piece of body. Returns the position reached, which is
   * behind the body when `done`, and does not move any more once `failure` is set.
   */
  next(octets: Buffer, at: number, end: number): number {
    let i = at
    this.from = i
    this.to = i
    while (i < end) {
      const octet = octets[i] as number
      switch (this.#state) {
        case SIZE: {
          const value = HEX_VALUE[octet] as number
          if (value >= 0) {
            this.#size = this.#size * 16 + value
            if (++this.#digits > MAX_DIGITS || this.#size > Number.MAX_SAFE_INTEGER) {
              return this.#fail('a chunk size of 2^53 or more', i)
            }
          } else if (this.#digits === 0) return this.#fail('a chunk size that is no hexadecimal number', i)
          else if (octet === CR) this.#state = SIZE_LF
          else if (octet === SEMICOLON) this.#beginExtension()
          else return this.#fail('a chunk size that is followed by neither CRLF nor an extension', i)
          i++
          break
        }
        case SIZE_LF:
          if (octet !== LF) return this.#fail('CR without LF behind a chunk size', i)
          i++
          this.#digits = 0
          this.#extension = 0
          this.#state = this.#size === 0 ? TRAILERS : DATA
          break
        case DATA: {
          const take = Math.min(end - i, this.#size)
          this.from = i
          this.to = i + take
          this.#size -= take
          i += take
          if (this.#size > 0) return i
          this.#state = DATA_CR
          return this.#lastChunkFollows(octets, i, end) ? i + 7 : i
        }
        case DATA_CR:
          if (octet !== CR) return this.#fail('chunk data longer than its size', i)
          i++
          this.#state = DATA_LF
          break
        case DATA_LF:
          if (octet !== LF) return this.#fail('CR without LF behind chunk data', i)
          i++
          this.#state = SIZE
          break
        case TRAILERS:
          return this.#trailers(octets, i, end)
        case DONE:
          return i
        default:
          if (++this.#extension > this.#limits.chunkExtensionBytes) {
            return this.#fail('a chunk extension that is too long', i, 'http1.chunkExtensionBytes')
          }
          if (++this.#extensions > this.#limits.bodyExtensionBytes) {
            return this.#fail('chunk extensions that are too long together', i, 'http1.bodyExtensionBytes')
          }
          if (!this.#extensionOctet(octet)) return this.#fail('a malformed chunk extension', i)
          i++
      }
    }
    return i
  }

  /** Recognises a last chunk without trailers right behind the data, so that data and end are one event. */
  #lastChunkFollows(octets: Buffer, at: number, end: number): boolean {
    if (at + 7 > end || octets[at + 2] !== ZERO || octets[at + 3] !== CR || octets[at + 5] !== CR)
      return false
    if (octets[at] !== CR || octets[at + 1] !== LF || octets[at + 4] !== LF || octets[at + 6] !== LF)
      return false
    this.#state = DONE
    this.done = true
    return true
  }

  #beginExtension(): void {
    this.#state = EXTENSION_NAME
    this.#named = false
  }

  /** chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] ) */
  #extensionOctet(octet: number): boolean {
    switch (this.#state) {
      case EXTENSION_NAME:
        if (TOKEN_LOWER[octet] !== 0) this.#named = true
        else if (!this.#named) return false
        else if (octet === EQUALS) this.#state = EXTENSION_VALUE
        else return this.#extensionEnd(octet)
        return true
      case EXTENSION_VALUE:
        if (octet === QUOTE) this.#state = EXTENSION_QUOTED
        else if (TOKEN_LOWER[octet] !== 0) this.#state = EXTENSION_TOKEN
        else return false
        return true
      case EXTENSION_TOKEN:
        return TOKEN_LOWER[octet] !== 0 || this.#extensionEnd(octet)
      case EXTENSION_QUOTED:
        if (octet === QUOTE) this.#state = EXTENSION_QUOTED_END
        else if (octet === BACKSLASH) this.#state = EXTENSION_ESCAPED
        return VALUE_OCTET[octet] === 1
      case EXTENSION_ESCAPED:
        this.#state = EXTENSION_QUOTED
        return VALUE_OCTET[octet] === 1
      default:
        return this.#extensionEnd(octet)
    }
  }

  #extensionEnd(octet: number): boolean {
    if (octet === CR) this.#state = SIZE_LF
    else if (octet === SEMICOLON) this.#beginExtension()
    else return false
    return true
  }

  /** Gathers the trailer section until it is complete; sections are rare and small. */
  #trailers(octets: Buffer, at: number, end: number): number {
    this.from = at
    this.to = at
    if (this.#sectionLength === 0 && at + 1 < end && octets[at] === CR && octets[at + 1] === LF) {
      return this.#finish(at + 2)
    }
    const before = this.#sectionLength
    // The empty line is no trailer.
    const limit = this.#limits.trailerBytes + 2
    const take = Math.min(end - at, limit + 1 - before)
    if (before + take > this.#section.length) this.#growSection(before + take)
    // An octet less is taken where the end is found, so the section may hold bytes of the next message meanwhile.
    octets.copy(this.#section, before, at, at + take)
    this.#sectionLength = before + take
    // Scanned anew with every piece, so that what is refused does not hang on the pieces: the limit bounds the work.
    const length = section.scan(this.#section, 0, this.#sectionLength, this.#limits.fields)
    if (length === TOO_MANY_FIELDS) {
      return this.#fail(`a trailer section of ${section.detail}`, at, 'limits.fields')
    }
    if (length < 0) return this.#fail(`a malformed trailer section: ${section.detail}`, at)
    if (length > limit || (length === 0 && this.#sectionLength > limit)) {
      const what = `a trailer section of more than ${this.#limits.trailerBytes} bytes`
      return this.#fail(what, at, 'limits.trailerBytes')
    }
    if (length === 0) return at + take
    this.trailers = section.trailers(this.#section.toString('latin1', 0, length), 0)
    return this.#finish(at + length - before)
  }

  #growSection(need: number): void {
    const larger = Buffer.alloc(Math.max(256, need * 2))
    this.#section.copy(larger, 0, 0, this.#sectionLength)
    this.#section = larger
  }

  #finish(at: number): number {
    this.#section = EMPTY
    this.#state = DONE
    this.done = true
    return at
  }

  #fail(what: string, at: number, limit = ''): number {
    this.failure = what
    this.limit = limit
    this.from = at
    this.to = at
    return at
  }
}
