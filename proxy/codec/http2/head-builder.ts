import { isAuthority, sameAuthority } from '../../message/authority.ts'
import { Fields, NO_FIELDS } from '../../message/fields.ts'
import { Head, isGrpcContentType, parseContentLength, TUNNEL_CONNECT } from '../../message/head.ts'
import { allowedInTrailers } from '../../message/trailer-fields.ts'
import type { FieldSink } from './hpack/decoder.ts'
import {
  AUTHORITY,
  CONNECTION_SPECIFIC,
  CONTENT_LENGTH,
  CONTENT_TYPE,
  COOKIE,
  HOST,
  INVALID,
  LAST_PSEUDO,
  METHOD,
  PATH,
  PROTOCOL,
  REGULAR,
  SCHEME,
  STATUS,
  TE,
} from './hpack/field-kind.ts'
import { MAX_COOKIES } from './options.ts'

/** What a header block is: the rules for pseudo-fields differ (RFC 9113 §8.3). */
export const REQUEST = 0
export const RESPONSE = 1
export const TRAILERS = 2

/** Overhead of a field in SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113 §6.5.2), in bytes. */
const FIELD_OVERHEAD = 32

/**
 * Collects the fields of one block and judges them by RFC 9113 §8.2 and §8.3. After the block: `malformed` is "" or says
 * what is wrong (a stream error, §8.1.1); `tooLarge` is "" or names the limit that was passed.
 */
export class HeadBuilder implements FieldSink {
  malformed = ''
  tooLarge = ''
  /** The key of the limit that was passed. */
  limit = ''
  /** Names, values and 32 bytes per field, so far. */
  bytes = 0

  readonly #maxBytes: number
  readonly #maxFields: number
  readonly #maxTrailerBytes: number
  readonly #maxCookies: number
  /** The size that counts for this block. */
  #most: number
  #cookies = 0
  #shape = REQUEST
  #method = ''
  #scheme = ''
  #authority = ''
  #path = ''
  #status = ''
  #protocol = ''
  #seen = 0
  #names: string[] = []
  #values: string[] = []
  #sensitive: string[] | null = null
  #length = -1
  #grpc = false
  /** A content-type has come. */
  #typed = false
  #host: string | null = null

  /**
   * `maxBytes`, of trailers `maxTrailerBytes`: names, values and 32 bytes per field; `maxFields`: number of fields, cookies
   * apart, as they come in crumbs (RFC 9113 §8.2.3); `maxCookies`: number of those.
   */
  constructor(maxBytes = 65536, maxFields = 100, maxCookies = MAX_COOKIES, maxTrailerBytes = maxBytes) {
    this.#maxBytes = maxBytes
    this.#maxFields = maxFields
    this.#maxCookies = maxCookies
    this.#maxTrailerBytes = maxTrailerBytes
    this.#most = maxBytes
  }

  begin(shape: number): void {
    this.malformed = ''
    this.tooLarge = ''
    this.#shape = shape
    this.#most = shape === TRAILERS ? this.#maxTrailerBytes : this.#maxBytes
    this.#method = ''
    this.#scheme = ''
    this.#authority = ''
    this.#path = ''
    this.#status = ''
    this.#protocol = ''
    this.#seen = 0
    this.#names = []
    this.#values = []
    this.#sensitive = null
    this.bytes = 0
    this.#cookies = 0
    this.#length = -1
    this.#grpc = false
    this.#typed = false
    this.#host = null
  }

  field(name: string, value: string, kind: number, valid: boolean, sensitive: boolean): void {
    this.bytes += name.length + value.length + FIELD_OVERHEAD
    if (this.bytes > this.#most) {
      const key = this.#shape === TRAILERS ? 'limits.trailerBytes' : 'limits.headBytes'
      this.#exceeds(key, `the fields take more than ${this.#most} bytes`)
      return
    }
    if (!valid) this.malformed = `the value of ${name} holds a control character or ends in white space`
    if (kind !== REGULAR) {
      if (kind <= LAST_PSEUDO) {
        this.#pseudo(name, value, kind)
        return
      }
      if (!this.#special(name, value, kind)) return
    }
    if (this.#shape === TRAILERS && !allowedInTrailers(name)) return
    if (kind !== COOKIE && this.#names.length - this.#cookies >= this.#maxFields) {
      this.#exceeds('limits.fields', `more than ${this.#maxFields} fields`)
      return
    }
    if (sensitive) {
      this.#sensitive ??= []
      this.#sensitive.push(name)
    }
    this.#names.push(name)
    this.#values.push(value)
  }

  /** Of several limits the first counts. */
  #exceeds(limit: string, what: string): void {
    if (this.tooLarge !== '') return
    this.limit = limit
    this.tooLarge = what
  }

  #pseudo(name: string, value: string, kind: number): void {
    const bit = 1 << kind
    if (this.#names.length > 0 || this.#host !== null) this.malformed = `${name} after a regular field`
    if ((this.#seen & bit) !== 0) this.malformed = `${name} appears twice`
    this.#seen |= bit
    if (kind === STATUS ? this.#shape !== RESPONSE : this.#shape !== REQUEST)
      this.malformed = `${name} does not belong here`
    if (kind === METHOD) this.#method = value
    else if (kind === SCHEME) this.#scheme = value
    else if (kind === AUTHORITY) this.#authority = value
    else if (kind === PATH) this.#path = value
    else if (kind === STATUS) this.#status = value
    else if (kind === PROTOCOL) this.#protocol = value
  }

  /** Fields with rules of their own; false when the field is not to be kept. */
  #special(name: string, value: string, kind: number): boolean {
    if (kind === INVALID) {
      this.malformed = `the field name "${printable(name)}" is not valid`
      return false
    }
    if (kind === CONNECTION_SPECIFIC) {
      this.malformed = `the connection-specific field ${name}`
      return false
    }
    if (kind === TE) {
      if (value.toLowerCase() !== 'trailers') this.malformed = 'te may only be "trailers"'
    } else if (kind === CONTENT_TYPE) {
      const grpc = isGrpcContentType(value)
      if (this.#typed && grpc !== this.#grpc) this.malformed = 'content types that contradict each other'
      this.#typed = true
      this.#grpc = grpc
    } else if (kind === CONTENT_LENGTH) {
      const length = parseContentLength(value)
      if (length < 0) this.malformed = 'content-length is not a number'
      else if (this.#length >= 0) this.malformed = 'content-length appears twice'
      this.#length = length
    } else if (kind === HOST) {
      if (this.#host !== null) this.malformed = 'host appears twice'
      this.#host = value
      // It becomes the authority and is written anew where it is needed.
      return this.#shape !== REQUEST
    } else if (kind === COOKIE) {
      if (this.#cookies >= this.#maxCookies) {
        this.#exceeds('limits.cookies', `more than ${this.#maxCookies} cookies`)
        return false
      }
      this.#cookies += 1
    }
    return true
  }

  /** The head of a request or response, or null when `malformed` or `tooLarge` is set. */
  build(): Head | null {
    if (this.tooLarge !== '') return null
    if (this.malformed === '') {
      if (this.#shape === REQUEST) this.#checkRequest()
      else if (!/^[1-9][0-9][0-9]$/.test(this.#status)) this.malformed = 'no :status of three digits'
      else if (this.#status === '101') this.malformed = 'status 101 does not exist in HTTP/2'
    }
    if (this.malformed !== '') return null
    if (this.#method === 'CONNECT') return this.#tunnel()
    return new Head(
      this.#method,
      this.#scheme,
      this.#authority,
      this.#path,
      this.#shape === RESPONSE ? Number(this.#status) : 0,
      this.fields(),
      this.#length,
      this.#grpc,
    )
  }

  /** The head of a CONNECT request, extended or not. */
  #tunnel(): Head {
    const kind = this.#protocol === '' ? TUNNEL_CONNECT : this.#protocol.toLowerCase()
    return Head.tunnel(kind, this.#scheme, this.#authority, this.#path, this.fields())
  }

  /** The regular fields alone: trailers, without those that mean nothing there. */
  fields(): Fields {
    return this.#names.length === 0 ? NO_FIELDS : new Fields(this.#names, this.#values, this.#sensitive)
  }

  #checkRequest(): void {
    if (this.#method === '') {
      this.malformed = 'no :method'
      return
    }
    if (!isToken(this.#method)) this.malformed = ':method is not a token'
    if (this.#host !== null) {
      if ((this.#seen & (1 << AUTHORITY)) === 0) this.#authority = this.#host
      else if (!sameAuthority(this.#host, this.#authority)) this.malformed = 'host differs from :authority'
    }
    const extended = (this.#seen & (1 << PROTOCOL)) !== 0
    if (this.#method === 'CONNECT') {
      // What follows is no content, so that nothing may say how long it is (RFC 9110 §9.3.6).
      if (this.#length >= 0) this.malformed = 'CONNECT with content-length'
      if (!extended) {
        this.#checkConnect()
        return
      }
      if (!isToken(this.#protocol)) this.malformed = ':protocol is not a token'
      else if (this.#authority === '') this.malformed = 'extended CONNECT without :authority'
    } else if (extended) {
      this.malformed = ':protocol without CONNECT'
    }
    if (this.#scheme === '') this.malformed = 'no :scheme'
    else if (!isScheme(this.#scheme)) this.malformed = ':scheme is none'
    else if (this.#path === '') this.malformed = 'no :path'
    else if (!isRequestPath(this.#path, this.#method)) this.malformed = ':path is not an absolute path'
    else if (!isAuthority(this.#authority)) this.malformed = ':authority is no host with an optional port'
  }

  /** RFC 9113 §8.5. */
  #checkConnect(): void {
    if (this.#scheme !== '' || this.#path !== '') this.malformed = 'CONNECT with :scheme or :path'
    else if (!/:[0-9]{1,5}$/.test(this.#authority))
      this.malformed = 'CONNECT without a host and port in :authority'
    else if (!isAuthority(this.#authority)) this.malformed = ':authority is no host with an optional port'
  }
}

function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)
}

/** RFC 3986 §3.1. */
function isScheme(text: string): boolean {
  return text === 'https' || text === 'http' || /^[a-z][a-z0-9+.-]*$/i.test(text)
}

/** Starts with "/" (or is "*" for OPTIONS) and holds neither white space, control characters, "#" nor bytes above 126. */
function isRequestPath(path: string, method: string): boolean {
  if (path.charCodeAt(0) !== 0x2f) return path === '*' && method === 'OPTIONS'
  for (let i = 1; i < path.length; i++) {
    const c = path.charCodeAt(i)
    if (c <= 0x20 || c >= 0x7f || c === 0x23) return false
  }
  return true
}

function printable(name: string): string {
  return JSON.stringify(name.slice(0, 64)).slice(1, -1)
}
