import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head, TUNNEL_CONNECT } from '../../../proxy/message/head.ts'
import {
  data,
  END_STREAM,
  type FieldsOf,
  type Frame,
  GET,
  headers,
  OK,
  type Pairs,
  POST,
  rstStream,
} from '../../support/frames.ts'
import type { Accepted } from '../../support/http2-bench.ts'
import { ClientEnd, type End, ServerEnd } from './ends.ts'
import { type Case, fine, section, streamError } from './table.ts'

const malformed = streamError('PROTOCOL_ERROR')
const streamClosed = streamError('STREAM_CLOSED')

function fields(of: FieldsOf): Pairs {
  return Array.isArray(of) ? (of as Pairs) : Object.entries(of as Record<string, string>)
}

function without(name: string): Pairs {
  return GET.filter(([key]) => key !== name)
}

/** The head of a request that the server role reads on stream 1. */
function request(rule: string, head: FieldsOf, outcome: Case['outcome'] = malformed): Case {
  return { rule, role: 'server', state: 'idle', frames: [headers(1, head, END_STREAM)], outcome }
}

/** The head of a response that the client role reads on stream 1. */
function response(rule: string, head: FieldsOf, outcome: Case['outcome'] = malformed): Case {
  return { rule, role: 'client', state: 'requested', frames: [headers(1, head, END_STREAM)], outcome }
}

/** These fields in a request, a response and trailers. */
function everywhere(rule: string, more: FieldsOf, outcome: Case['outcome'] = malformed): Case[] {
  const pairs = fields(more)
  return [
    request(`${rule}, in a request`, [...GET, ...pairs], outcome),
    response(`${rule}, in a response`, [...OK, ...pairs], outcome),
    { rule: `${rule}, in trailers`, frames: [headers(1, pairs, END_STREAM)], outcome },
  ]
}

/** Both roles get stream 1 with a head that declares `length` bytes, then the frames. */
function sized(rule: string, length: string, frames: readonly Frame[], outcome: Case['outcome']): Case[] {
  const field: Pairs = [['content-length', length]]
  return [
    { rule, role: 'server', state: 'idle', frames: [headers(1, [...POST, ...field]), ...frames], outcome },
    { rule, role: 'client', state: 'requested', frames: [headers(1, [...OK, ...field]), ...frames], outcome },
  ]
}

const complete = (t: Parameters<NonNullable<Case['also']>>[0], { first }: End) => {
  t.equal(first?.ended, true)
  t.strictSame(first?.resets, [])
}

section('RFC 9113 §8.1: a message is a head, DATA and at most one trailer section', [
  {
    rule: 'trailers end the message',
    frames: [data(1, 'x'), headers(1, { a: 'b' }, END_STREAM)],
    outcome: fine,
    also: complete,
  },
  { rule: 'trailers without END_STREAM', frames: [data(1, 'x'), headers(1, { a: 'b' })], outcome: malformed },
  {
    rule: 'DATA behind trailers',
    frames: [headers(1, { a: 'b' }, END_STREAM), data(1, 'x')],
    outcome: streamClosed,
  },
  {
    rule: 'a second trailer section',
    frames: [headers(1, { a: 'b' }, END_STREAM), headers(1, { a: 'b' }, END_STREAM)],
    outcome: streamClosed,
  },
  {
    rule: 'a second request head',
    role: 'server',
    frames: [headers(1, GET, END_STREAM)],
    outcome: malformed,
  },
  {
    rule: 'a second response head',
    role: 'client',
    frames: [headers(1, OK, END_STREAM)],
    outcome: malformed,
  },
  {
    rule: 'DATA before any head',
    role: 'client',
    state: 'requested',
    frames: [data(1, 'x')],
    outcome: malformed,
  },
  {
    rule: 'an empty end before any head',
    role: 'client',
    state: 'requested',
    frames: [data(1, '', true)],
    outcome: malformed,
  },
  {
    rule: 'interim responses, then the final one',
    role: 'client',
    state: 'requested',
    frames: [
      headers(1, { ':status': '100' }),
      headers(1, { ':status': '103', link: 'x' }),
      headers(1, { ':status': '199' }),
      headers(1, OK, END_STREAM),
    ],
    outcome: fine,
    also: complete,
  },
  {
    rule: 'an interim response with END_STREAM',
    role: 'client',
    state: 'requested',
    frames: [headers(1, { ':status': '100' }, END_STREAM)],
    outcome: malformed,
  },
  {
    rule: 'DATA behind an interim response',
    role: 'client',
    state: 'requested',
    frames: [headers(1, { ':status': '103' }), data(1, 'x')],
    outcome: malformed,
  },
  {
    rule: 'trailers behind an interim response',
    role: 'client',
    state: 'requested',
    frames: [headers(1, { ':status': '103' }), headers(1, { a: 'b' }, END_STREAM)],
    outcome: malformed,
  },
  {
    rule: 'an interim response behind the final one',
    role: 'client',
    frames: [headers(1, { ':status': '103' })],
    outcome: malformed,
  },
  {
    rule: 'an interim response as trailers',
    role: 'client',
    frames: [headers(1, { ':status': '103' }, END_STREAM)],
    outcome: malformed,
  },
])

t.test(
  'RFC 9113 §8.1: a complete response, then RST_STREAM(NO_ERROR): the response stays whole',
  async (t) => {
    const end = new ClientEnd()
    const response = end.request(Head.request('POST', 'http', 'a.test', '/'), false)
    end.send(headers(1, OK), data(1, 'whole', END_STREAM), rstStream(1, 'NO_ERROR'))
    t.equal(response.body, 'whole')
    t.equal(response.ended, true)
    t.equal(end.bench.connection.active, 0)
    t.ok(end.exchange())
  },
)

section('RFC 9113 §8.1.1: content-length', [
  ...sized('as many bytes as declared', '5', [data(1, 'abc'), data(1, 'de', END_STREAM)], fine),
  ...sized('padding does not count', '5', [data(1, 'abc', false, 9), data(1, 'de', true, 9)], fine),
  ...sized(
    'as many bytes as declared, then trailers',
    '3',
    [data(1, 'abc'), headers(1, { a: 'b' }, END_STREAM)],
    fine,
  ),
  ...sized('none declared, none sent', '0', [data(1, '', END_STREAM)], fine),
  ...sized('fewer bytes', '5', [data(1, 'abc', END_STREAM)], malformed),
  ...sized('fewer bytes in pieces', '5', [data(1, 'ab'), data(1, 'cd'), data(1, '', END_STREAM)], malformed),
  ...sized('more bytes', '2', [data(1, 'abc')], malformed),
  ...sized('more bytes in pieces', '5', [data(1, 'abc'), data(1, 'def', END_STREAM)], malformed),
  ...sized('bytes where none are declared', '0', [data(1, 'a')], malformed),
  ...sized(
    'fewer bytes before trailers',
    '5',
    [data(1, 'abc'), headers(1, { a: 'b' }, END_STREAM)],
    malformed,
  ),
  ...sized('no bytes before trailers', '5', [headers(1, { a: 'b' }, END_STREAM)], malformed),
  ...['5', '+5', '-1', '0x5', '5, 5', '5 5', '', '9007199254740993', '99999999999999999999'].flatMap(
    (length) => [
      request(`content-length "${length}" on a head with END_STREAM`, [...GET, ['content-length', length]]),
      response(`content-length "${length}" on a head with END_STREAM`, [...OK, ['content-length', length]]),
    ],
  ),
  request('content-length twice', [...GET, ['content-length', '0'], ['content-length', '0']]),
  response('content-length twice', [...OK, ['content-length', '0'], ['content-length', '0']]),
  request('content-length 0 on a head with END_STREAM', [...GET, ['content-length', '0']], fine),
  response('content-length 0 on a head with END_STREAM', [...OK, ['content-length', '0']], fine),
  response('304 says how long the body would be', { ':status': '304', 'content-length': '5' }, fine),
  {
    rule: '204 with a body',
    role: 'client',
    state: 'requested',
    frames: [headers(1, { ':status': '204' }), data(1, 'x')],
    outcome: malformed,
  },
  {
    rule: '304 with a body',
    role: 'client',
    state: 'requested',
    frames: [headers(1, { ':status': '304', 'content-length': '1' }), data(1, 'x')],
    outcome: malformed,
  },
  {
    rule: '204 with an empty end',
    role: 'client',
    state: 'requested',
    frames: [headers(1, { ':status': '204' }), data(1, '', END_STREAM)],
    outcome: fine,
    also: complete,
  },
])

t.test('RFC 9113 §8.1.1: a response to HEAD declares a length and has no body', async (t) => {
  const HEAD = Head.request('HEAD', 'http', 'a.test', '/')
  for (const frames of [
    [headers(1, { ':status': '200', 'content-length': '5' }, END_STREAM)],
    [headers(1, { ':status': '200', 'content-length': '5' }), data(1, '', END_STREAM)],
  ]) {
    const end = new ClientEnd()
    const response = end.request(HEAD, true)
    end.send(...frames)
    t.equal(response.ended, true)
    t.strictSame(response.resets, [])
  }
  const end = new ClientEnd()
  const response = end.request(HEAD, true)
  end.take()
  end.send(headers(1, { ':status': '200', 'content-length': '3' }), data(1, 'abc', END_STREAM))
  t.strictSame(end.take(), [rstStream(1, 'PROTOCOL_ERROR')])
  t.match(response.resets, [{ code: 'upstream-protocol' }])
})

section('RFC 9113 §8.2.1: field names and values', [
  ...everywhere('an upper-case letter in a name', { 'X-a': 'b' }),
  ...everywhere('an upper-case letter at the end of a name', { 'x-aB': 'b' }),
  ...everywhere('an empty name', { '': 'b' }),
  ...everywhere('a space in a name', { 'a b': 'c' }),
  ...everywhere('a colon in a name', { 'a:b': 'c' }),
  ...[
    '\0',
    '\t',
    '\n',
    '\r',
    '\x1f',
    '"',
    '(',
    ')',
    ',',
    '/',
    ';',
    '<',
    '=',
    '>',
    '?',
    '@',
    '[',
    '\\',
    ']',
    '{',
    '}',
    '\x7f',
    '\x80',
    '\xff',
  ].flatMap((char) =>
    everywhere(`the byte 0x${char.charCodeAt(0).toString(16)} in a name`, { [`a${char}b`]: 'c' }),
  ),
  ...everywhere('every other character that a token may have', { "!#$%&'*+-.^_`|~09az": 'x' }, fine),
  ...everywhere('NUL in a value', { a: 'b\0c' }),
  ...everywhere('LF in a value', { a: 'b\nc' }),
  ...everywhere('CR in a value', { a: 'b\rc' }),
  ...everywhere('NUL as the whole value', { a: '\0' }),
  ...everywhere('a space before a value', { a: ' b' }),
  ...everywhere('a space behind a value', { a: 'b ' }),
  ...everywhere('a tab before a value', { a: '\tb' }),
  ...everywhere('a tab behind a value', { a: 'b\t' }),
  ...everywhere('a space as the whole value', { a: ' ' }),
  ...everywhere('another control character in a value (RFC 9110 §5.5)', { a: 'b\x01c' }),
  ...everywhere('DEL in a value (RFC 9110 §5.5)', { a: 'b\x7fc' }),
  ...everywhere('an empty value', { a: '' }, fine),
  ...everywhere('a tab and spaces within a value', { a: 'b\t  c' }, fine),
  ...everywhere('bytes above 127 in a value', { a: '\x80\xe4\xff' }, fine),
])

section('RFC 9113 §8.2.2: connection-specific fields', [
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].flatMap((name) =>
    everywhere(name, { [name]: 'x' }),
  ),
  ...['gzip', 'trailers, gzip', 'gzip, trailers', '', 'trailers;q=1'].map((value) =>
    request(`te: ${value}`, [...GET, ['te', value]]),
  ),
  request('te: trailers', [...GET, ['te', 'trailers']], fine),
  response('te: gzip', [...OK, ['te', 'gzip']]),
])

t.test('RFC 9113 §8.2.3: cookies may come in crumbs, and stay in order', async (t) => {
  const end = new ServerEnd()
  end.send(
    headers(1, [...GET, ['cookie', 'a=b'], ['x', 'y'], ['cookie', 'c=d'], ['cookie', 'e=f']], END_STREAM),
  )
  const { names, values } = (end.bench.accepted[0] as Accepted).request.fields
  t.strictSame(
    values.filter((_, i) => names[i] === 'cookie'),
    ['a=b', 'c=d', 'e=f'],
  )
})

section('RFC 9113 §8.3: pseudo-fields', [
  request('behind a regular field', [...without(':path'), ['a', 'b'], [':path', '/']]),
  request('behind host', [...without(':path'), ['host', 'a.test'], [':path', '/']]),
  response(':status behind a regular field', [['a', 'b'], ...OK]),
  response('a second :status behind a regular field', [...OK, ['a', 'b'], ...OK]),
  ...everywhere('an unknown one', [[':x', 'y']] as Pairs).filter(({ rule }) => rule.includes('trailers')),
  request('an unknown one', [[':x', 'y'], ...GET]),
  response('an unknown one', [...OK, [':x', 'y']]),
  request('a response’s in a request', [...GET, [':status', '200']]),
  ...[':method', ':scheme', ':path', ':authority'].map((name) =>
    response(`${name} in a response`, [...OK, [name, 'x']]),
  ),
  ...[':method', ':scheme', ':path', ':authority', ':status'].map(
    (name): Case => ({
      rule: `${name} in trailers`,
      frames: [headers(1, { [name]: '200' }, END_STREAM)],
      outcome: malformed,
    }),
  ),
])

section('RFC 9113 §8.3.1: pseudo-fields of a request', [
  ...[':method', ':scheme', ':path'].map((name) => request(`no ${name}`, without(name))),
  ...[':method', ':scheme', ':path', ':authority'].map((name) =>
    request(`${name} twice`, [...GET, ...GET.filter(([key]) => key === name)]),
  ),
  ...[':method', ':scheme', ':path'].map((name) =>
    request(
      `an empty ${name}`,
      GET.map(([key, value]) => [key, key === name ? '' : value] as const),
    ),
  ),
  request(':path without a slash', [...without(':path'), [':path', 'x']]),
  request(':path "*" for anything but OPTIONS', [...without(':path'), [':path', '*']]),
  request(
    ':path "*" for OPTIONS',
    { ':method': 'OPTIONS', ':scheme': 'http', ':path': '*', ':authority': 'a.test' },
    fine,
  ),
  request(':method that is no token', [...without(':method'), [':method', 'GE T']]),
  request('user information in :authority', [...without(':authority'), [':authority', 'me@a.test']]),
  request('host that names another than :authority', [...GET, ['host', 'b.test']]),
  request('host that names the same as :authority', [...GET, ['host', 'A.test']], fine),
  request('host in place of :authority', [...without(':authority'), ['host', 'a.test']], fine),
  request('two hosts', [...without(':authority'), ['host', 'a'], ['host', 'b']]),
  request('an extension method', [...without(':method'), [':method', 'BREW']], fine),
])

section('RFC 9113 §8.3.2: pseudo-fields of a response', [
  response('no :status', { a: 'b' }),
  response('an empty block', []),
  response('two :status', [...OK, ...OK]),
  ...['', '20', '2000', '2xx', ' 200', '+20', '099', '000', '-10', '2.0'].map((status) =>
    response(`:status "${status}"`, { ':status': status }),
  ),
  ...['200', '299', '404', '599', '600', '999'].map((status) =>
    response(`:status ${status}`, { ':status': status }, fine),
  ),
])

section('RFC 9113 §8.5: CONNECT', [
  request('with :path', { ':method': 'CONNECT', ':authority': 'a:1', ':path': '/' }),
  request('with :scheme', { ':method': 'CONNECT', ':authority': 'a:1', ':scheme': 'http' }),
  request('without :authority', { ':method': 'CONNECT' }),
  request('with an empty :authority', { ':method': 'CONNECT', ':authority': '' }),
  request('to what is no host', { ':method': 'CONNECT', ':authority': 'a b:1' }),
])

section('RFC 9113 §8.6: Upgrade', [
  response('101 does not exist in HTTP/2', { ':status': '101' }),
  {
    rule: '101 as an interim response',
    role: 'client',
    state: 'requested',
    frames: [headers(1, { ':status': '101' })],
    outcome: malformed,
  },
])

section('RFC 9113 §10.5.1: field sections that are too large', [
  {
    rule: 'a response head with more fields than we take',
    role: 'client',
    state: 'requested',
    options: { maxFields: 3 },
    frames: [headers(1, [...OK, ['a', ''], ['b', ''], ['c', ''], ['d', '']])],
    outcome: malformed,
  },
  {
    rule: 'trailers with more fields than we take',
    options: { maxFields: 3 },
    frames: [headers(1, { a: '', b: '', c: '', d: '' }, END_STREAM)],
    outcome: malformed,
  },
])

t.test('RFC 9113 §8.1.1: nothing of a malformed message is taken for whole', async (t) => {
  const end = new ClientEnd()
  const response = end.request(Head.request('GET', 'http', 'a.test', '/'), true)
  end.send(headers(1, { ':status': '200', 'content-length': '5' }), data(1, 'abc', END_STREAM))
  t.equal(response.ended, false)
  t.match(response.resets, [{ code: 'upstream-protocol', unprocessed: false, status: 502, grpcStatus: 14 }])
  const server = new ServerEnd()
  server.send(headers(1, [...POST, ['content-length', '5']]), data(1, 'abc', END_STREAM))
  t.equal(server.first?.ended, false)
  t.match(server.first?.resets, [{ code: 'bad-request' }])
})

t.test('RFC 9113 §8.2.2, §8.3: what our end writes is well formed', async (t) => {
  // Heads are made of parsed fields, which hold nothing connection-specific; what is here is the order.
  const end = new ClientEnd()
  end.request(Head.request('GET', 'https', 'a.test', '/x', Fields.of({ 'x-a': 'b' })), true)
  const [sent] = end.take()
  t.strictSame(sent?.type === 'HEADERS' ? sent.fields.map(([name]) => name) : [], [
    ':method',
    ':scheme',
    ':path',
    ':authority',
    'x-a',
  ])
  end.request(Head.tunnel(TUNNEL_CONNECT, '', 'a.test:1', ''), false)
  const connect = end.take().find(({ type }) => type === 'HEADERS')
  t.strictSame(connect?.type === 'HEADERS' ? connect.fields.map(([name]) => name) : [], [
    ':method',
    ':authority',
  ])
})
