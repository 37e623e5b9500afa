import type { Added } from '../../message/added.ts'
import { isAuthority } from '../../message/authority.ts'
import type { Fields } from '../../message/fields.ts'
import { type Head, TUNNEL_CONNECT } from '../../message/head.ts'
import { REQUEST_ID_FIELD, REQUEST_ID_LENGTH, writeRequestId } from '../../message/request-id.ts'
import { allowedInTrailers } from '../../message/trailer-fields.ts'
import type { Transport } from '../transport.ts'
import { CR, LF } from './octets.ts'
import { STATUS_PHRASES } from './status-phrases.ts'

// A shape says what the codec adds to a head; it is also the tag of the memo. One framing, plus flags.

/** No framing field, or the head's own content-length. */
export const SHAPE_PLAIN = 0
/** transfer-encoding: chunked. */
export const SHAPE_CHUNKED = 1
/** content-length: 0. */
export const SHAPE_EMPTY = 2
/** No framing field, not even the head's content-length. */
export const SHAPE_BARE = 3
const FRAMING = 3
/** connection: close. */
export const SHAPE_CLOSE = 4
/** connection: keep-alive, which an HTTP/1.0 peer needs to be told. */
export const SHAPE_KEEP_ALIVE = 8
/** Keeps the memos of requests and responses apart. */
export const SHAPE_RESPONSE = 16

/** `memoHttp1For` of a head that was written once in shape s, not yet kept, is SEEN - s. */
const SEEN = -2

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const TARGET = /^[\x21\x22\x24-\x7e]+$/

/** Fields that the codec writes itself, or that belong to the hop they came from (RFC 9110 §7.6.1). */
const OWN = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'http2-settings',
  'te',
])

const REQUEST_ID_PREFIX = Buffer.from(`${REQUEST_ID_FIELD}: `, 'latin1')

/** What `writeHead` found wrong. */
export let headFailure = ''

/**
 * Writes `head` in `shape` with `added` behind its own fields. A head may come from another protocol and hold
 * anything, so it is checked before it is written. Returns false, with `headFailure` set and nothing written, when it
 * cannot be sent as HTTP/1.
 *
 * A head that is written a second time is interned and keeps its bytes from then on.
 */
export function writeHead(transport: Transport, head: Head, shape: number, added: Added | null): boolean {
  // Room is reserved once: a second `reserve` might flush, and the empty line would be out of reach.
  const extra = added === null ? 0 : addedBytes(added)
  if (extra < 0) return false
  if (head.memoHttp1For !== shape) {
    const text = serialize(head, shape)
    if (text === '') return false
    if (head.memoHttp1For !== SEEN - shape) {
      // Kept bytes of another shape go: a head is rarely written in two shapes in turn.
      head.memoHttp1 = null
      head.memoHttp1For = SEEN - shape
      const at = transport.reserve(text.length + extra)
      transport.buffer.latin1Write(text, at, text.length)
      transport.length = at + text.length
      if (added !== null) append(transport, added)
      return true
    }
    head.memoHttp1 = Buffer.from(text, 'latin1')
    head.memoHttp1For = shape
  }
  const memo = head.memoHttp1 as Buffer
  const at = transport.reserve(memo.length + extra)
  transport.buffer.set(memo, at)
  transport.length = at + memo.length
  if (added !== null) append(transport, added)
  return true
}

/** How long `added` is when written, -1 when it cannot be. */
function addedBytes(added: Added): number {
  let bytes = added.requestId > 0 ? REQUEST_ID_PREFIX.length + REQUEST_ID_LENGTH + 2 : 0
  const fields = added.fields
  if (fields === null) return bytes
  for (let i = 0; i < fields.names.length; i++) {
    const name = fields.names[i] as string
    const value = fields.values[i] as string
    if (!checkField(name, value)) return -1
    bytes += name.length + value.length + 4
  }
  return bytes
}

/** Puts `added` in the place of the empty line just written, and the empty line behind it. */
function append(transport: Transport, added: Added): void {
  const buffer = transport.buffer
  let at = transport.length - 2
  if (added.requestId > 0) {
    for (let i = 0; i < REQUEST_ID_PREFIX.length; i++) buffer[at + i] = REQUEST_ID_PREFIX[i] as number
    at = writeRequestId(added.requestId, buffer, at + REQUEST_ID_PREFIX.length)
    buffer[at++] = CR
    buffer[at++] = LF
  }
  const fields = added.fields
  if (fields !== null) {
    for (let i = 0; i < fields.names.length; i++) {
      const line = `${fields.names[i]}: ${fields.values[i]}\r\n`
      buffer.latin1Write(line, at, line.length)
      at += line.length
    }
  }
  buffer[at] = CR
  buffer[at + 1] = LF
  transport.length = at + 2
}

function checkField(name: string, value: string): boolean {
  if (!NAME.test(name)) return fail(`field name ${JSON.stringify(name.slice(0, 64))} is no token`)
  if (!VALUE.test(value)) return fail(`the value of field ${name} holds a control character`)
  return true
}

function fail(detail: string): boolean {
  headFailure = detail
  return false
}

/** The head with its empty line, or "" when it cannot be written. */
function serialize(head: Head, shape: number): string {
  let text: string
  const upgrade = head.tunnel !== '' && head.tunnel !== TUNNEL_CONNECT
  if (head.status !== 0) {
    // An upgrade that the other side accepted with 200 is accepted with 101 here (RFC 9110 §15.2.2).
    const status = upgrade ? 101 : head.status
    text = `HTTP/1.1 ${status} ${STATUS_PHRASES[status] ?? ''}\r\n`
  } else {
    const target = head.tunnel === TUNNEL_CONNECT ? head.authority : head.path
    if (!METHOD.test(head.method)) fail('the method is no token')
    else if (!TARGET.test(target)) fail('the path is empty or holds a space, a control character or #')
    else if (!isAuthority(head.authority)) fail('the authority is no host with an optional port')
    else headFailure = ''
    if (headFailure !== '') return ''
    text = `${head.method} ${target} HTTP/1.1\r\nhost: ${head.authority}\r\n`
  }
  const fields = head.fields
  const names = fields.names
  let connection = ''
  let cookie = false
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    if (OWN.has(name)) {
      // RFC 9110 §10.1.4: te is hop-by-hop and has to be nominated; "trailers" is all that crosses this proxy.
      if (name === 'te' && head.status === 0 && connection === '') {
        connection = 'te'
        text += 'te: trailers\r\n'
      }
      continue
    }
    // The handshake of this hop has a key and an answer of its own.
    if (upgrade && (name === 'sec-websocket-key' || name === 'sec-websocket-accept')) continue
    let value = fields.values[i] as string
    if (name === 'cookie') {
      if (cookie) continue
      cookie = true
      value = joinCookies(fields, i)
    }
    if (!checkField(name, value)) return ''
    text += `${name}: ${value}\r\n`
  }
  if (upgrade) {
    if (!METHOD.test(head.tunnel)) {
      fail('the protocol to upgrade to is no token')
      return ''
    }
    text += `upgrade: ${head.tunnel}\r\n`
    connection = connection === '' ? 'upgrade' : `upgrade, ${connection}`
  }
  const framing = shape & FRAMING
  if (framing === SHAPE_CHUNKED) text += 'transfer-encoding: chunked\r\n'
  else if (framing === SHAPE_EMPTY) text += 'content-length: 0\r\n'
  else if (framing === SHAPE_PLAIN && head.contentLength >= 0)
    text += `content-length: ${head.contentLength}\r\n`
  if ((shape & SHAPE_CLOSE) !== 0) connection = connection === '' ? 'close' : `close, ${connection}`
  else if ((shape & SHAPE_KEEP_ALIVE) !== 0)
    connection = connection === '' ? 'keep-alive' : `keep-alive, ${connection}`
  if (connection !== '') text += `connection: ${connection}\r\n`
  return `${text}\r\n`
}

/** HTTP/2 may split a cookie into crumbs; HTTP/1 has one field (RFC 9113 §8.2.3). */
function joinCookies(fields: Fields, first: number): string {
  let value = fields.values[first] as string
  for (let i = first + 1; i < fields.length; i++) {
    if (fields.names[i] === 'cookie') value += `; ${fields.values[i]}`
  }
  return value
}

/** The lines of a trailer section without its empty line; what may not stand there or cannot be written is left out. */
export function trailerLines(fields: Fields): string {
  let text = ''
  for (let i = 0; i < fields.length; i++) {
    const name = fields.names[i] as string
    const value = fields.values[i] as string
    if (allowedInTrailers(name) && checkField(name, value)) text += `${name}: ${value}\r\n`
  }
  return text
}
