import { Fields } from '../../message/fields.ts'
import { Head, parseContentLength } from '../../message/head.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import { INCOMPLETE, section, TOO_MANY_FIELDS } from './field-section.ts'
import {
  BODY_CHUNKED,
  BODY_CLOSE,
  BODY_LENGTH,
  BODY_NONE,
  type HeadParser,
  HeadRecord,
} from './head-record.ts'
import type { Http1Limits } from './limits.ts'
import { CR, LF, SP, VALUE_OCTET } from './octets.ts'
import { announcedUpgrade } from './upgrade.ts'

const FAILED = -1
const VERSION = Buffer.from('HTTP/1.', 'latin1')

/** Reads response heads (RFC 9112 §4, §5, §6) as strictly as requests: an upstream may be somebody else's, too. */
export class ResponseHeadParser implements HeadParser {
  record: HeadRecord | null = null
  /** Why `parse` returned -1: always an `upstreamProtocol`. */
  failed: Reason = reasons.upstreamProtocol
  limit = ''
  readonly #limits: Http1Limits

  constructor(limits: Http1Limits) {
    this.#limits = limits
  }

  parse(octets: Buffer, from: number, to: number): number {
    const end = Math.min(to, from + this.#limits.headBytes)
    let i = from
    for (let k = 0; k < 7; k++, i++) {
      if (i === end) return this.#incomplete(from, to)
      if (octets[i] !== VERSION[k])
        return this.#bad('the status line does not start with HTTP/1.1 or HTTP/1.0')
    }
    if (i + 5 >= end) return this.#incomplete(from, to)
    const minor = (octets[i] as number) - 0x30
    if (minor !== 0 && minor !== 1) return this.#bad('the version is neither HTTP/1.1 nor HTTP/1.0')
    if (octets[i + 1] !== SP) return this.#bad('no single space behind the version')
    const status = digit(octets, i + 2) * 100 + digit(octets, i + 3) * 10 + digit(octets, i + 4)
    // A non-digit counts as -1000, which no pair of digits makes up for.
    if (!(status >= 100 && status <= 599)) return this.#bad('the status code is not a number from 100 to 599')
    i += 5
    // RFC 9112 §4 wants a space even before an empty phrase; many servers leave it out, which is no ambiguity.
    if (octets[i] === SP) {
      i++
      while (i < end && VALUE_OCTET[octets[i] as number] === 1) i++
    }
    if (i < end && octets[i] !== CR) return this.#bad('the status line does not end in CRLF')
    if (i + 1 >= end) return this.#incomplete(from, to)
    if (octets[i + 1] !== LF) return this.#bad('the status line does not end in CRLF')
    i = section.scan(octets, i + 2, end, this.#limits.fields)
    if (i === INCOMPLETE) return this.#incomplete(from, to)
    if (i < 0) return this.#bad(section.detail, i === TOO_MANY_FIELDS ? 'limits.fields' : '')
    section.collect(octets.toString('latin1', from, i), from)
    return this.#build(status, minor === 0) ? i : FAILED
  }

  #build(status: number, http10: boolean): boolean {
    let framing = BODY_CLOSE
    let length = -1
    const bodiless = status < 200 || status === 204 || status === 304
    if (section.transferEncodings > 0) {
      if (http10) return this.#refuse('Transfer-Encoding in HTTP/1.0')
      if (section.contentLengths > 0) return this.#refuse('both Transfer-Encoding and Content-Length')
      const coding = section.transferEncodings === 1 ? (section.transferEncoding as string).toLowerCase() : ''
      if (coding !== 'chunked') return this.#refuse('Transfer-Encoding is not chunked')
      if (status < 200 || status === 204) return this.#refuse(`Transfer-Encoding with status ${status}`)
      framing = BODY_CHUNKED
    } else if (section.contentLengths > 0) {
      length = section.contentLengths === 1 ? parseContentLength(section.contentLength) : -2
      if (length < 0) return this.#refuse('Content-Length is not one decimal number')
      framing = length === 0 ? BODY_NONE : BODY_LENGTH
      // RFC 9112 §6.3 says no body, the field says there is one: a hop that believes the field would read a part of the
      // final response as that body.
      if (status < 200 && length > 0) return this.#refuse(`Content-Length with status ${status}`)
      if (status < 200 || status === 204) {
        // RFC 9110 §8.6: must not be sent; it says nothing, so it goes no further.
        dropContentLength()
        length = -1
      }
    }
    if (bodiless) framing = BODY_NONE
    const upgrade = status === 101 && section.upgrade !== null ? announcedUpgrade(section.upgrade) : null
    const head = new Head(
      '',
      '',
      '',
      '',
      status,
      new Fields(section.names, section.values),
      length,
      section.grpc,
    )
    const keepAlive = !section.close && (!http10 || section.keepAlive)
    this.record = new HeadRecord(head, http10, keepAlive, framing, false, section.teTrailers, upgrade)
    return true
  }

  #incomplete(from: number, to: number): number {
    if (to - from < this.#limits.headBytes) return INCOMPLETE
    return this.#bad(`a head of more than ${this.#limits.headBytes} bytes`, 'limits.headBytes')
  }

  #bad(detail: string, limit = ''): number {
    this.failed = reasons.upstreamProtocol.with(detail)
    this.limit = limit
    return FAILED
  }

  #refuse(detail: string): boolean {
    this.failed = reasons.upstreamProtocol.with(detail)
    this.limit = ''
    return false
  }
}

function digit(octets: Buffer, at: number): number {
  const value = (octets[at] as number) - 0x30
  return value >= 0 && value <= 9 ? value : -1000
}

function dropContentLength(): void {
  const at = section.names.indexOf('content-length')
  section.names.splice(at, 1)
  section.values.splice(at, 1)
}
