import type { Fields } from '../../proxy/message/fields.ts'
import { Head } from '../../proxy/message/head.ts'
import { allowedInTrailers } from '../../proxy/message/trailer-fields.ts'
import { type Accepted, ClientBench, type Recorder, ServerBench } from './http1-peer.ts'
import { LLHTTP_METHODS, type Parsed, type ParsedMessage } from './llhttp.ts'

/** One message as one of our connections told of it. */
export interface Seen {
  readonly head: Head
  /** Recorder of its body, null for an interim response. */
  readonly recorder: Recorder | null
  /** Position behind it, -1 when it is not complete. */
  end: number
}

/** What our server connection reads from `bytes`, which arrive one by one; each request is answered at its end. */
export function serve(bytes: Buffer): Seen[] {
  const bench = new ServerBench()
  const seen: Seen[] = []
  let at = 0
  const answer = (accepted: Accepted): void => {
    ;(seen[seen.length - 1] as Seen).end = at + 1
    accepted.stream.head(Head.response(204), null, true)
  }
  bench.onRequest = (accepted, end) => {
    seen.push({ head: accepted.request, recorder: accepted, end: -1 })
    accepted.onEnd = () => answer(accepted)
    if (end) answer(accepted)
  }
  for (at = 0; at < bytes.length; at++) bench.transport.received(Buffer.from(bytes.subarray(at, at + 1)))
  bench.dispose()
  return seen
}

/** What our client connection reads from `bytes` as answers to GET, or HEAD where `headRequest` says so. */
export function call(bytes: Buffer, headRequest: (index: number) => boolean): Seen[] {
  const bench = new ClientBench()
  const seen: Seen[] = []
  let at = 0
  let asked = 0
  const ask = (): void => {
    const { recorder, stream } = bench.open()
    const note = recorder.head.bind(recorder)
    recorder.head = (head, added, end) => {
      const interim = head.status < 200
      seen.push({ head, recorder: interim ? null : recorder, end: interim || end ? at + 1 : -1 })
      note(head, added, end)
    }
    recorder.onEnd = () => {
      ;(seen[seen.length - 1] as Seen).end = at + 1
    }
    stream.head(Head.request(headRequest(asked++) ? 'HEAD' : 'GET', 'http', 'shop', '/'), null, true)
  }
  for (at = 0; at < bytes.length; at++) {
    if (bench.connection.capacity > 0) ask()
    bench.transport.received(Buffer.from(bytes.subarray(at, at + 1)))
  }
  at = bytes.length - 1
  bench.socket.emit('end')
  bench.dispose()
  return seen
}

const HOP_BY_HOP = new Set([
  ...['host', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'upgrade'],
  ...['http2-settings', 'te'],
])

/** Fields as they go on from this hop (RFC 9110 §7.6.1), made from what llhttp read. */
function forwardable(message: ParsedMessage): string[] {
  const fields = message.fields.map(([name, value]) => [name.toLowerCase(), value] as const)
  const valuesOf = (wanted: string): string[] =>
    fields.filter(([name]) => name === wanted).flatMap(([, value]) => value.toLowerCase().split(','))
  const nominated = valuesOf('connection').map((option) => option.replace(/^[ \t]+|[ \t]+$/g, ''))
  const bodiless = !fields.some(
    ([name, value]) => name === 'transfer-encoding' || (name === 'content-length' && Number(value) > 0),
  )
  const kept = fields.filter(([name]) => {
    if (HOP_BY_HOP.has(name)) return false
    // RFC 9110 §8.6: a length says nothing in these.
    if (name === 'content-length')
      return message.status === 0 || !(message.status < 200 || message.status === 204)
    // RFC 9110 §10.1.1: an expectation is of no effect in HTTP/1.0 and without content.
    if (name === 'expect' && message.status === 0 && (message.http10 || bodiless)) return false
    return !nominated.includes(name)
  })
  const out = kept.map(([name, value]) => `${name}: ${value}`)
  const te = valuesOf('te').map((each) => each.replace(/;.*$/, '').replace(/^[ \t]+|[ \t]+$/g, ''))
  if (te.includes('trailers')) out.push('te: trailers')
  return out
}

function lines(fields: Fields | null): string[] {
  return fields === null ? [] : fields.names.map((name, i) => `${name}: ${fields.values[i]}`)
}

/** The path and authority that a request target stands for (RFC 9112 §3.2). */
function targetOf({ method, target, fields }: ParsedMessage): string {
  const host = fields.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? ''
  const absolute = /^https?:\/\/([^/?]*)(.*)$/i.exec(target)
  if (absolute === null) return `${host} ${target}`
  const [, authority, rest] = absolute as unknown as [string, string, string]
  if (rest === '') return `${authority} ${method === 'OPTIONS' ? '*' : '/'}`
  return `${authority} ${rest.startsWith('/') ? rest : `/${rest}`}`
}

function headDifference(ours: Head, theirs: ParsedMessage): string {
  if (ours.status !== theirs.status) return `status ${ours.status}, not ${theirs.status}`
  if (ours.status === 0) {
    if (ours.method !== theirs.method) return `method ${ours.method}, not ${theirs.method}`
    const target = `${ours.authority} ${ours.path}`
    if (target !== targetOf(theirs)) return `target ${target}, not ${targetOf(theirs)}`
  }
  const [got, wanted] = [lines(ours.fields), forwardable(theirs)]
  return JSON.stringify(got) === JSON.stringify(wanted) ? '' : `fields ${got}, not ${wanted}`
}

/**
 * What we accept is compared with llhttp, the parser of Node's own http, in its strict mode: we accept no message that it
 * refuses, and of each that we accept we see the same. Where we alone refuse, nothing is asked.
 *
 * What we accept and llhttp does not, on purpose:
 * - methods that it has not heard of (RFC 9110 §9.1: the set is open);
 * - Content-Length and Transfer-Encoding among trailers, which it reads as if they stood in the head. We drop them
 *   (RFC 9110 §6.5.1: trailers that the recipient cannot use are discarded; RFC 9112 §7.1.2 never merges these);
 * - HTAB behind the number of a Content-Length, which is white space like SP (RFC 9110 §5.6.3);
 * - what follows an interim response that does not let the connection persist, by its version or by Connection: the
 *   final response is still to come (RFC 9110 §15.2), and it decides.
 *
 * Returns the first difference, "" when there is none.
 */
export function difference(seen: readonly Seen[], parsed: Parsed, text: string): string {
  for (const [i, { head, recorder, end }] of seen.entries()) {
    const theirs = parsed.messages[i]
    if (theirs === undefined) {
      if (head.status === 0 && !LLHTTP_METHODS.has(head.method)) return ''
      if (parsed.error === 'HPE_INVALID_CONTENT_LENGTH' && TAB_BEHIND_LENGTH.test(text)) return ''
      const interim = i > 0 && (seen[i - 1] as Seen).recorder === null
      if (interim && parsed.error === 'HPE_CLOSED_CONNECTION') return ''
      return `message ${i} is accepted, llhttp says ${parsed.error} at ${parsed.failedAt}`
    }
    const differs = headDifference(head, theirs)
    if (differs !== '') return `message ${i}: ${differs}`
    if (theirs.upgrade) return ''
    if (end !== -1 && theirs.end === -1 && FRAMING_TRAILER.test(text.slice(0, end))) return ''
    if (end !== -1 && end !== theirs.end)
      return `message ${i} ends at ${end}, for llhttp at ${theirs.end} (${parsed.error})`
    const body = recorder?.body ?? ''
    if (end !== -1 ? body !== theirs.body : !alike(body, theirs.body))
      return `message ${i}: body ${JSON.stringify(body)}, not ${JSON.stringify(theirs.body)}`
    if (end === -1) continue
    const trailers = theirs.trailers
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => allowedInTrailers(name))
      .map(([name, value]) => `${name}: ${value}`)
    const got = lines(recorder?.trailers_ ?? null)
    if (JSON.stringify(got) !== JSON.stringify(trailers))
      return `message ${i}: trailers ${got}, not ${trailers}`
  }
  return ''
}

const TAB_BEHIND_LENGTH = /\ncontent-length:[ \t]*\d+ *\t[ \t]*\r\n/i

/** A trailer section that names what frames a message. */
const FRAMING_TRAILER =
  /\n0*[^\r\n]*\r\n(?:[^\r\n]+\r\n)*(?:content-length|transfer-encoding):[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n$/i

/** Of two bodies that are not complete one may have come further. */
function alike(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one)
}
