import t from 'tap'
import { Added } from '../../../proxy/message/added.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import type { MessageStream } from '../../../proxy/message/stream.ts'
import { allowedInTrailers } from '../../../proxy/message/trailer-fields.ts'
import { headers } from '../../support/frames.ts'
import { Chooser } from '../../support/http1-generator.ts'
import * as http1 from '../../support/http1-peer.ts'
import * as http2 from '../../support/http2-bench.ts'
import { Received } from '../../support/recorded.ts'
import { VirtualTurn } from '../../support/virtual-turn.ts'

// A message that one end of a codec writes is read by the other end: what arrives has to be what was given.

const TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
const NAMES = [
  'accept',
  'cookie',
  'cookie',
  'x-a',
  'x-b',
  'user-agent',
  'te',
  'date',
  'authorization',
  'set-cookie',
  'via',
]
const TRAILER_NAMES = [
  'grpc-status',
  'grpc-message',
  'x-sum',
  'content-length',
  'host',
  'x-forwarded-for',
  'cookie',
]

function token(chooser: Chooser): string {
  return Array.from({ length: 1 + chooser.below(12) }, () => TOKEN[chooser.below(TOKEN.length)]).join('')
}

/** Anything that a value may hold, without white space around it. */
function value(chooser: Chooser): string {
  const length = chooser.often(0.1) ? chooser.below(400) : chooser.below(12)
  const text = Array.from({ length }, () => {
    const octet = chooser.often(0.8)
      ? 0x20 + chooser.below(0x5f)
      : chooser.often(0.5)
        ? 0x80 + chooser.below(0x80)
        : 9
    return String.fromCharCode(octet)
  }).join('')
  return text.replace(/^[ \t]+|[ \t]+$/g, '')
}

function randomFields(chooser: Chooser, names: readonly string[]): [string, string][] {
  const lines = Array.from({ length: chooser.below(8) }, (): [string, string] => {
    const name = chooser.often(0.6) ? chooser.of(names) : `x-${token(chooser)}`
    if (name === 'te') return [name, 'trailers']
    if (name === 'content-length') return [name, '3']
    // An empty crumb leaves nothing but a separator.
    return [name, value(chooser) || (name === 'cookie' ? 'a' : '')]
  })
  // Twice these are malformed, wherever they stand.
  return lines.filter(([name], i) => {
    const single = name === 'content-length' || name === 'host'
    return !single || lines.findIndex(([other]) => other === name) === i
  })
}

function make(lines: readonly (readonly [string, string])[]): Fields {
  return new Fields(
    lines.map(([name]) => name),
    lines.map(([, value]) => value),
  )
}

interface Message {
  readonly head: Head
  readonly added: Added | null
  readonly body: string
  readonly trailers: Fields | null
}

function body(chooser: Chooser): string {
  return chooser.often(0.3) ? '' : 'x'.repeat(1 + chooser.below(chooser.often(0.1) ? 30_000 : 300))
}

function message(chooser: Chooser, request: boolean): Message {
  const content = body(chooser)
  const lines = randomFields(chooser, NAMES)
  const trailers = chooser.often(0.3) ? make(randomFields(chooser, TRAILER_NAMES)) : null
  if (trailers === null && chooser.often(0.5)) {
    lines.splice(chooser.below(lines.length + 1), 0, ['content-length', String(content.length)])
  }
  const fields = make(lines)
  const head = request
    ? Head.request(
        chooser.of(['GET', 'POST', 'PUT', 'M-SEARCH', `X${token(chooser).toUpperCase()}`]),
        'http',
        chooser.of(['a.test', 'a.test:80', '[::1]:8080', 'A.Test', '1.2.3.4']),
        chooser.of([
          '/',
          '/a?b=c',
          '/%20%2f/../x',
          '/~!$&\'()*+,;=:@|^"<>\\`{}',
          '/?',
          `/${'a'.repeat(300)}`,
        ]),
        fields,
      )
    : Head.response(chooser.of([200, 201, 299, 404, 500, 599]), fields)
  let added: Added | null = null
  if (chooser.often(0.4)) {
    added = new Added()
    if (chooser.often(0.5)) added.requestId = 1 + chooser.below(1e9)
    if (chooser.often(0.5)) added.fields = make([['x-added', value(chooser)]])
  }
  return { head, added, body: content, trailers }
}

/** What should arrive: names and values in order. `joined`: cookie crumbs become one field (RFC 9113 §8.2.3). */
function expected({ head, added, body, trailers }: Message, joined: boolean): string {
  const lines = head.fields.names.map(
    (name, i) => [name, head.fields.values[i] as string] as [string, string],
  )
  const kept = lines.filter(([name]) => name !== 'content-length' && name !== 'te')
  const crumbs = kept.filter(([name]) => name === 'cookie')
  if (joined && crumbs.length > 0) {
    const cookie = crumbs.map(([, value]) => value).join('; ')
    const first = kept.findIndex(([name]) => name === 'cookie')
    kept.splice(first, 1, ['cookie', cookie])
    for (let i = kept.length - 1; i > first; i--) if (kept[i]?.[0] === 'cookie') kept.splice(i, 1)
  }
  if (added?.requestId) kept.push(['x-request-id', ''])
  if (added?.fields != null) kept.push(['x-added', added.fields.values[0] as string])
  return text(head, kept, body, trailers)
}

function arrived(head: Head, body: string, trailers: Fields | null): string {
  const lines = head.fields.names.map(
    (name, i) => [name, name === 'x-request-id' ? '' : (head.fields.values[i] as string)] as [string, string],
  )
  const kept = lines.filter(([name]) => name !== 'content-length' && name !== 'te')
  return text(head, kept, body, trailers)
}

/** `te` moves and may come once for several, and a length is written anew: these are compared by themselves. */
function text(head: Head, lines: [string, string][], body: string, trailers: Fields | null): string {
  const { method, scheme, authority, path, status, grpc } = head
  const rest = trailers?.names
    .map((name, i) => `${name}: ${trailers.values[i]}`)
    .filter((line) => allowedInTrailers(line.replace(/:.*$/s, '')))
  const te = head.status === 0 && head.fields.has('te')
  return JSON.stringify([
    method,
    scheme,
    authority,
    path,
    status,
    grpc,
    te,
    lines,
    body,
    rest?.length ? rest : null,
  ])
}

function send(stream: MessageStream, { head, added, body, trailers }: Message): void {
  const end = body === '' && trailers === null
  stream.head(head, added, end)
  const bytes = Buffer.from(body)
  if (bytes.length > 0) stream.data(bytes, 0, bytes.length, trailers === null)
  if (trailers !== null) stream.trailers(trailers)
}

type Carry = (
  message: Message,
) => { head: Head; body: string; trailers: Fields | null; length: number } | null

const turn = new VirtualTurn()

const carriers: Record<string, { request: Carry; response: Carry; joined: boolean }> = {
  'HTTP/1.1': {
    joined: true,
    request: (message) => {
      const client = new http1.ClientBench()
      const server = new http1.ServerBench()
      send(client.open().stream, message)
      turn.end()
      server.receive(client.socket.written)
      const got = server.accepted[0]
      const whole = got !== undefined && /end$|trailers$/.test(got.events.at(-1) ?? '')
      return whole
        ? { head: got.request, body: got.body, trailers: got.trailers_, length: got.request.contentLength }
        : null
    },
    response: (message) => {
      const server = new http1.ServerBench()
      server.receive('POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n')
      send((server.accepted[0] as http1.Accepted).stream, message)
      turn.end()
      const client = new http1.ClientBench()
      const { stream, recorder } = client.open()
      stream.head(Head.request('POST', 'http', 'a', '/'), null, true)
      client.receive(server.socket.written)
      const { head_: head, body, trailers_: trailers, events } = recorder
      const whole = head !== null && /end$|trailers$/.test(events.at(-1) ?? '')
      return whole ? { head, body, trailers, length: head.contentLength } : null
    },
  },
  'HTTP/2': {
    joined: false,
    request: (message) => {
      const client = new http2.ClientBench()
      const server = new http2.ServerBench()
      const nobody = new Received()
      send(client.connection.open(nobody, nobody), message)
      client.transport.flush()
      server.sendBytes(Buffer.concat(client.socket.written))
      const got = server.accepted[0]
      if (got?.ended !== true) return null
      return { head: got.request, body: got.body, trailers: got.fields, length: got.request.contentLength }
    },
    response: (message) => {
      const server = new http2.ServerBench()
      server.send(headers(1, { ':method': 'POST', ':scheme': 'http', ':path': '/', ':authority': 'a' }, true))
      send((server.accepted[0] as http2.Accepted).stream, message)
      server.transport.flush()
      const client = new http2.ClientBench()
      const { response } = client.request(Head.request('POST', 'http', 'a', '/'))
      client.sendBytes(Buffer.concat(server.socket.written))
      const head = response.heads[0]
      if (head === undefined || !response.ended) return null
      return { head, body: response.body, trailers: response.fields, length: head.contentLength }
    },
  },
}

t.before(() => turn.install())
t.teardown(() => turn.restore())

for (const [name, { request, response, joined }] of Object.entries(carriers)) {
  t.test(`${name}: what is written is read as it was`, async (t) => {
    const found: string[] = []
    for (let seed = 1; seed <= 800; seed++) {
      const chooser = new Chooser(seed)
      const isRequest = seed % 2 === 0
      const given = message(chooser, isRequest)
      const got = (isRequest ? request : response)(given)
      const wanted = expected(given, joined)
      const came = got === null ? 'nothing' : arrived(got.head, got.body, got.trailers)
      if (came !== wanted) found.push(`seed ${seed}: ${came}, not ${wanted}`)
      const { contentLength } = given.head
      if (contentLength > 0 && got?.length !== contentLength)
        found.push(`seed ${seed}: length ${got?.length}`)
    }
    t.strictSame(found.slice(0, 3), [])
  })
}

t.test('from HTTP/2 to HTTP/1.1 to HTTP/2 and from HTTP/1.1 to HTTP/2 to HTTP/1.1', async (t) => {
  const [one, two] = [carriers['HTTP/1.1'], carriers['HTTP/2']]
  if (one === undefined || two === undefined) throw new Error('both are there')
  const found: string[] = []
  for (let seed = 1; seed <= 600; seed++) {
    const chooser = new Chooser(seed)
    const isRequest = seed % 2 === 0
    const given = message(chooser, isRequest)
    const hops = seed % 4 < 2 ? [two, one, two] : [one, two, one]
    let carried: Message | null = given
    for (const hop of hops) {
      const got: ReturnType<Carry> =
        carried === null ? null : (isRequest ? hop.request : hop.response)(carried)
      carried = got === null ? null : { head: got.head, added: null, body: got.body, trailers: got.trailers }
    }
    const came = carried === null ? 'nothing' : arrived(carried.head, carried.body, carried.trailers)
    const wanted = expected(given, true)
    if (came !== wanted) found.push(`seed ${seed}: ${came}, not ${wanted}`)
  }
  t.strictSame(found.slice(0, 3), [])
})
