import { isAuthority, sameAuthority } from '../../message/authority.ts'
import { Fields } from '../../message/fields.ts'
import { Head, parseContentLength, TUNNEL_CONNECT } from '../../message/head.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import { INCOMPLETE, section, TOO_MANY_FIELDS, trimOws } from './field-section.ts'
import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  type HeadParser,
  HeadRecord,
  type Upgrade,
} from './head-record.ts'
import type { Http1Limits } from './limits.ts'
import { CR, LF, SP, TARGET_OCTET, TOKEN_LOWER } from './octets.ts'
import { VERSION_NOT_SUPPORTED } from './reasons.ts'
import { isWebSocketKey, requestedUpgrade, WEBSOCKET } from './upgrade.ts'

/** Methods in use are a handful of letters; longer ones are somebody's attempt. */
const MAX_METHOD = 32
const FAILED = -1
const VERSION = Buffer.from('HTTP/1.', 'latin1')
/** The name of a transfer coding (RFC 9112 §7), without parameters. */
const CODING = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

/** Reads request heads (RFC 9112 §3, §5, §6) strictly: whatever could be read in two ways is refused. */
export class RequestHeadParser implements HeadParser {
  record: HeadRecord | null = null
  /** Why `parse` returned -1. */
  failed: Reason = reasons.badRequest
  limit = ''
  readonly #scheme: string
  readonly #limits: Http1Limits

  /** `scheme` is what the listener serves, "http" or "https". */
  constructor(scheme: string, limits: Http1Limits) {
    this.#scheme = scheme
    this.#limits = limits
  }

  parse(octets: Buffer, from: number, to: number): number {
    const limits = this.#limits
    const end = Math.min(to, from + limits.headBytes)
    let i = from
    while (i < end && TOKEN_LOWER[octets[i] as number] !== 0) i++
    const methodTo = i
    if (methodTo - from > MAX_METHOD) return this.#bad('a method of more than 32 characters')
    if (i === end) return this.#incomplete(from, to)
    if (octets[i] !== SP || i === from)
      return this.#bad('the request line does not start with a method and a space')
    const targetFrom = ++i
    while (i < end && TARGET_OCTET[octets[i] as number] === 1) i++
    const targetTo = i
    if (targetTo - targetFrom > limits.uriBytes) {
      return this.#fail(reasons.uriTooLong.with(`more than ${limits.uriBytes} bytes`), 'limits.uriBytes')
    }
    if (i === end) return this.#incomplete(from, to)
    if (octets[i] !== SP || i === targetFrom) return this.#badTarget(octets[i] as number, i === targetFrom)
    i++
    for (let k = 0; k < 7; k++, i++) {
      if (i === end) return this.#incomplete(from, to)
      if (octets[i] !== VERSION[k]) return this.#badVersion(octets, i - k, end, from, to)
    }
    if (i + 2 >= end) return this.#incomplete(from, to)
    const minor = (octets[i] as number) - 0x30
    if (minor !== 0 && minor !== 1) return this.#badVersion(octets, i - 7, end, from, to)
    if (octets[i + 1] !== CR || octets[i + 2] !== LF)
      return this.#bad('the request line does not end in CRLF')
    i = section.scan(octets, i + 3, end, limits.fields)
    if (i <= 0) {
      if (i === INCOMPLETE) return this.#incomplete(from, to)
      if (i === TOO_MANY_FIELDS) {
        return this.#fail(reasons.headTooLarge.with(section.detail), 'limits.fields')
      }
      return this.#bad(section.detail)
    }
    const text = octets.toString('latin1', from, i)
    section.collect(text, from)
    const method = text.substring(0, methodTo - from)
    const target = text.substring(targetFrom - from, targetTo - from)
    return this.#build(method, target, minor === 0) ? i : FAILED
  }

  #build(method: string, target: string, http10: boolean): boolean {
    if (section.hosts > 1) return this.#refuseBad('more than one Host field')
    if (section.hosts === 0 && !http10) return this.#refuseBad('no Host field')
    let authority = section.host ?? ''
    if (!isAuthority(authority)) return this.#refuseBad('the Host field is not a host with an optional port')
    if (method === 'CONNECT') return this.#buildConnect(target, authority, http10)
    let path = target
    if (target.charCodeAt(0) !== 0x2f) {
      if (target !== '*') {
        const absolute = /^https?:\/\/([^/?]+)(.*)$/i.exec(target)
        const named = absolute === null ? '' : (absolute[1] as string)
        if (named === '' || !isAuthority(named))
          return this.#refuseBad('the request target is no path and no http URL')
        // RFC 9112 §3.2.2 lets the target win; where both decide, they have to agree.
        if (section.hosts === 1 && !sameAuthority(named, authority)) {
          return this.#refuseBad('the Host field differs from the request target')
        }
        authority = named
        path = pathOf((absolute as RegExpExecArray)[2] as string, method)
      } else if (method !== 'OPTIONS') {
        return this.#refuseBad('the request target * goes with OPTIONS only')
      }
    }
    if (section.mixedTypes) return this.#refuseBad('Content-Type fields that contradict each other')
    let framing = BODY_NONE
    let length = -1
    if (section.transferEncodings > 0) {
      if (!this.#codingAccepted(http10)) return false
      framing = BODY_CHUNKED
    } else if (section.contentLengths > 0) {
      length = section.contentLengths === 1 ? parseContentLength(section.contentLength) : -2
      if (length < 0) return this.#refuseBad('Content-Length is not one decimal number')
      if (length > 0) framing = BODY_LENGTH
    }
    let expectContinue = false
    if (section.expect !== null) {
      if (section.expect.toLowerCase() !== '100-continue') {
        return this.#refuse(reasons.expectationFailed.with(section.expect.slice(0, 64)))
      }
      // RFC 9110 §10.1.1: of no effect in HTTP/1.0 and without content.
      expectContinue = !http10 && framing !== BODY_NONE
      if (!expectContinue) dropExpect()
    }
    let upgrade: Upgrade | null = null
    // Only a request without content can turn into a tunnel at a place that everybody agrees on.
    if (section.upgrade !== null && !http10 && method === 'GET' && length < 0 && framing === BODY_NONE) {
      upgrade = requestedUpgrade(section.upgrade)
      if (upgrade !== null && upgrade.token === WEBSOCKET && !isWebSocketKey(upgrade.key))
        return this.#refuseBad('a WebSocket handshake without one Sec-WebSocket-Key of 16 bytes in Base64')
    }
    const head = new Head(
      method,
      this.#scheme,
      authority,
      path,
      0,
      new Fields(section.names, section.values),
      length,
      section.grpc && upgrade === null,
      upgrade === null ? '' : upgrade.token,
    )
    const keepAlive = !section.close && (!http10 || section.keepAlive)
    this.record = new HeadRecord(
      head,
      http10,
      keepAlive,
      framing,
      expectContinue,
      section.teTrailers,
      upgrade,
    )
    return true
  }

  /** RFC 9110 §9.3.6, RFC 9112 §3.2.3. */
  #buildConnect(target: string, authority: string, http10: boolean): boolean {
    if (!isAuthority(target) || !/[^:]:[0-9]{1,5}$/.test(target))
      return this.#refuseBad('the target of CONNECT is no host with a port')
    if (section.hosts === 1 && !sameAuthority(authority, target))
      return this.#refuseBad('the Host field differs from the target of CONNECT')
    // What follows is no content: were it counted as such, two readers could see two different ends of it.
    if (section.contentLengths + section.transferEncodings > 0) return this.#refuseBad('CONNECT with content')
    const fields = new Fields(section.names, section.values)
    const head = Head.tunnel(TUNNEL_CONNECT, this.#scheme, target, '', fields)
    this.record = new HeadRecord(head, http10, true, BODY_NONE, false, false)
    return true
  }

  /** RFC 9112 §6.1 and §6.3: one coding, chunked, in HTTP/1.1, without Content-Length. */
  #codingAccepted(http10: boolean): boolean {
    if (http10) return this.#refuseBad('Transfer-Encoding in HTTP/1.0')
    if (section.contentLengths > 0) return this.#refuseBad('both Transfer-Encoding and Content-Length')
    if (section.transferEncodings > 1) return this.#refuseBad('more than one Transfer-Encoding field')
    const value = (section.transferEncoding as string).toLowerCase()
    if (value === 'chunked') return true
    const codings = value.split(',').map(trimOws)
    // RFC 9112 §6.1: 501 for a coding that is not known, where nonsense gets 400.
    if (
      codings.pop() === 'chunked' &&
      codings.every((coding) => CODING.test(coding) && coding !== 'chunked')
    ) {
      return this.#refuse(reasons.notImplemented.with(`Transfer-Encoding ${codings.join(', ')}`))
    }
    return this.#refuseBad('Transfer-Encoding is not chunked')
  }

  #incomplete(from: number, to: number): number {
    if (to - from < this.#limits.headBytes) return INCOMPLETE
    return this.#fail(
      reasons.headTooLarge.with(`more than ${this.#limits.headBytes} bytes`),
      'limits.headBytes',
    )
  }

  #badTarget(octet: number, empty: boolean): number {
    if (empty && octet === SP) return this.#bad('two spaces before the request target')
    if (octet === 0x23) return this.#bad('# in the request target')
    if (octet === CR || octet === LF)
      return this.#bad('the request line does not end in HTTP/1.1 or HTTP/1.0')
    return this.#bad(`octet 0x${octet.toString(16).padStart(2, '0')} in the request target`)
  }

  #badVersion(octets: Buffer, at: number, end: number, from: number, to: number): number {
    const text = octets.toString('latin1', at, Math.min(end, at + 8))
    // What it is does not hang on the pieces it comes in.
    if (at + text.length === end && /^HTTP\/\d\.?$/.test(text)) return this.#incomplete(from, to)
    if (/^HTTP\/\d\.\d$/.test(text)) return this.#fail(VERSION_NOT_SUPPORTED.with(text))
    return this.#bad('the request line does not end in HTTP/1.1 or HTTP/1.0')
  }

  #fail(reason: Reason, limit = ''): number {
    this.failed = reason
    this.limit = limit
    return FAILED
  }

  #bad(detail: string): number {
    return this.#fail(reasons.badRequest.with(detail))
  }

  #refuse(reason: Reason): boolean {
    this.failed = reason
    this.limit = ''
    return false
  }

  #refuseBad(detail: string): boolean {
    return this.#refuse(reasons.badRequest.with(detail))
  }
}

function pathOf(rest: string, method: string): string {
  if (rest === '') return method === 'OPTIONS' ? '*' : '/'
  return rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`
}

function dropExpect(): void {
  for (let at = section.names.indexOf('expect'); at >= 0; at = section.names.indexOf('expect')) {
    section.names.splice(at, 1)
    section.values.splice(at, 1)
  }
}
