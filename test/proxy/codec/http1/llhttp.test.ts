import t from 'tap'
import type { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { allowedInTrailers } from '../../../../proxy/message/trailer-fields.ts'
import { Chooser, generateRequest, generateResponse, mutateText } from '../../../support/http1-generator.ts'
import { type Accepted, ClientBench, type Recorder, ServerBench } from '../../../support/http1-peer.ts'
import { LLHTTP_METHODS, type Parsed, type ParsedMessage, parseWithLlhttp } from '../../../support/llhttp.ts'

/**
 * What we accept is compared with llhttp, the parser of Node's own http, in its strict mode: we accept no message that it
 * refuses, and of each that we accept we see the same. Where we alone refuse, nothing is asked.
 *
 * What we accept and llhttp does not, on purpose:
 * - methods that it has not heard of (RFC 9110 §9.1: the set is open);
 * - Content-Length and Transfer-Encoding among trailers, which it reads as if they stood in the head. We drop them
 *   (RFC 9110 §6.5.1: trailers that the recipient cannot use are discarded; RFC 9112 §7.1.2 never merges these);
 * - what follows an interim response that does not let the connection persist, by its version or by Connection: the
 *   final response is still to come (RFC 9110 §15.2), and it decides.
 */

/** One message as one of our connections told of it. */
interface Seen {
  readonly head: Head
  /** Recorder of its body, null for an interim response. */
  readonly recorder: Recorder | null
  /** Position behind it, -1 when it is not complete. */
  end: number
}

function serve(bytes: Buffer): Seen[] {
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

function call(bytes: Buffer, headRequest: (index: number) => boolean): Seen[] {
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

function difference(seen: readonly Seen[], parsed: Parsed, text: string): string {
  for (const [i, { head, recorder, end }] of seen.entries()) {
    const theirs = parsed.messages[i]
    if (theirs === undefined) {
      if (head.status === 0 && !LLHTTP_METHODS.has(head.method)) return ''
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

/** A trailer section that names what frames a message. */
const FRAMING_TRAILER =
  /\n0*[^\r\n]*\r\n(?:[^\r\n]+\r\n)*(?:content-length|transfer-encoding):[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n$/i

/** Of two bodies that are not complete one may have come further. */
function alike(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one)
}

class Tally {
  inputs = 0
  /** Messages that both accepted whole. */
  both = 0
  bodies = 0
  trailers = 0
  /** Inputs with several complete messages. */
  pipelined = 0
  /** Inputs of which we took less than llhttp. */
  stricter = 0

  add(seen: readonly Seen[], parsed: Parsed): void {
    const complete = seen.filter(({ end }) => end >= 0)
    this.inputs += 1
    this.both += complete.length
    this.bodies += complete.filter(({ recorder }) => (recorder?.body.length ?? 0) > 0).length
    this.trailers += complete.filter(({ recorder }) => recorder?.trailers_ != null).length
    if (complete.length > 1) this.pipelined += 1
    if (complete.length < parsed.messages.filter(({ end }) => end >= 0).length) this.stricter += 1
  }

  get text(): string {
    return `${this.inputs} inputs; accepted by both: ${this.both} messages, ${this.bodies} with a body, ${this.trailers} with trailers, ${this.pipelined} times several; ${this.stricter} times only by llhttp`
  }
}

function requests(text: string, tally: Tally): string {
  const bytes = Buffer.from(text, 'latin1')
  const [seen, parsed] = [serve(bytes), parseWithLlhttp(bytes, 'request')]
  tally.add(seen, parsed)
  return difference(seen, parsed, text)
}

function responses(text: string, headRequest: (index: number) => boolean, tally: Tally): string {
  const bytes = Buffer.from(text, 'latin1')
  const [seen, parsed] = [call(bytes, headRequest), parseWithLlhttp(bytes, 'response', headRequest)]
  tally.add(seen, parsed)
  return difference(seen, parsed, text)
}

/** Written by hand: the classics of request smuggling, and what must still work. */
const REQUESTS = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  '\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.1\nHost: a\n\n',
  'GET / HTTP/1.1\rHost: a\r\r',
  'GET /\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b;c="d;\\" e"\r\nhello\r\n0;x\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;\nhello\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x00\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello',
  'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n',
  'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n',
  'PURGE /a HTTP/1.1\r\nHost: a\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n',
]
const RESPONSES = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 199 x\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\n\r\nuntil the end',
  'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nxHTTP/1.0 200 OK\r\n\r\nx',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\nHTTP/1.1 200\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
  '\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n',
]

t.test('written by hand', async (t) => {
  const tally = new Tally()
  for (const text of REQUESTS) t.equal(requests(text, tally), '', JSON.stringify(text))
  for (const text of RESPONSES)
    t.equal(
      responses(text, () => false, tally),
      '',
      JSON.stringify(text),
    )
  t.ok(tally.both >= 30, tally.text)
})

/** How odd the inputs are: plain and valid, now and then odd, mutated. */
const ROUNDS = [
  { odd: 0, mutated: false, count: 1000 },
  { odd: 0.05, mutated: false, count: 2000 },
  { odd: 0.3, mutated: false, count: 1000 },
  { odd: 0.02, mutated: true, count: 5000 },
]

t.test('requests: what we accept llhttp accepts, and reads alike', async (t) => {
  const tally = new Tally()
  const found: string[] = []
  let seed = 1
  for (const { odd, mutated, count } of ROUNDS) {
    for (let n = 0; n < count; n++) {
      const chooser = new Chooser(seed++)
      let text = generateRequest(chooser, odd)
      for (let more = chooser.below(3); more > 0; more--) text += generateRequest(chooser, odd)
      if (mutated) text = mutateText(chooser, text)
      const differs = requests(text, tally)
      if (differs !== '') found.push(`${differs}: ${JSON.stringify(text)} (seed ${seed - 1})`)
    }
    t.comment(tally.text)
  }
  t.strictSame(found.slice(0, 5), [], `${found.length} differences`)
  t.ok(tally.both > 5000 && tally.bodies > 2000 && tally.trailers > 300 && tally.pipelined > 1000, tally.text)
  t.ok(tally.stricter > 100, 'and we refuse some that it takes')
})

t.test('responses: what we accept llhttp accepts, and reads alike', async (t) => {
  const tally = new Tally()
  const found: string[] = []
  let seed = 1_000_001
  for (const { odd, mutated, count } of ROUNDS) {
    for (let n = 0; n < count; n++) {
      const chooser = new Chooser(seed++)
      let text = generateResponse(chooser, odd)
      for (let more = chooser.below(3); more > 0; more--) text += generateResponse(chooser, odd)
      if (mutated) text = mutateText(chooser, text)
      const heads = chooser.below(8)
      const differs = responses(text, (index) => heads === index, tally)
      if (differs !== '') found.push(`${differs}: ${JSON.stringify(text)} (seed ${seed - 1})`)
    }
    t.comment(tally.text)
  }
  t.strictSame(found.slice(0, 5), [], `${found.length} differences`)
  t.ok(tally.both > 5000 && tally.bodies > 2000 && tally.trailers > 200 && tally.pipelined > 1000, tally.text)
})
