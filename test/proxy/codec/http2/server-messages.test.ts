import t from 'tap'
import { Added } from '../../../../proxy/message/added.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
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
  raw,
  rstStream,
  settings,
} from '../../../support/frames.ts'
import { ServerBench } from '../../../support/http2-bench.ts'

const BASE = { ':method': 'GET', ':scheme': 'https', ':path': '/', ':authority': 'a.test' }

const EXTENDED = { ...BASE, ':method': 'CONNECT', ':protocol': 'websocket' }

function without(name: string, fields: Readonly<Record<string, string>> = BASE): Pairs {
  return Object.entries(fields).filter(([key]) => key !== name)
}

t.test('a request becomes a head', async (t) => {
  const bench = new ServerBench()
  const fields = {
    ...BASE,
    ':path': '/x?y=z',
    cookie: 'a=b',
    te: 'trailers',
    'content-type': 'application/grpc+proto',
  }
  bench.send(headers(1, fields, END_STREAM))
  const { request, ended } = bench.accepted[0] as { request: Head; ended: boolean }
  t.equal(ended, true)
  t.equal(request.method, 'GET')
  t.equal(request.scheme, 'https')
  t.equal(request.authority, 'a.test')
  t.equal(request.path, '/x?y=z')
  t.equal(request.status, 0)
  t.equal(request.grpc, true)
  t.equal(request.contentLength, -1)
  t.strictSame(request.fields.names, ['cookie', 'te', 'content-type'])
  t.strictSame(request.fields.values, ['a=b', 'trailers', 'application/grpc+proto'])
})

t.test('host stands in for :authority and is no field of the head', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, [...without(':authority'), ['host', 'b.test']] as Pairs, END_STREAM))
  bench.send(headers(3, [...Object.entries(BASE), ['host', 'A.test']] as Pairs, END_STREAM))
  t.strictSame(
    bench.accepted.map(({ request }) => [request.authority, request.fields.length]),
    [
      ['b.test', 0],
      ['a.test', 0],
    ],
  )
})

const malformed: Record<string, FieldsOf> = {
  'no :method': without(':method'),
  'no :scheme': without(':scheme'),
  'no :path': without(':path'),
  'an empty :path': { ...BASE, ':path': '' },
  'a :path without slash': { ...BASE, ':path': 'x' },
  'a :path with a space': { ...BASE, ':path': '/a b' },
  'a :path with a fragment': { ...BASE, ':path': '/a#b' },
  'a :path with a byte above 126': { ...BASE, ':path': '/\xe4' },
  '"*" for GET': { ...BASE, ':path': '*' },
  'a :method that is no token': { ...BASE, ':method': 'GE T' },
  'a :scheme that is none': { ...BASE, ':scheme': 'http://evil/' },
  'an empty :scheme': { ...BASE, ':scheme': '' },
  'user info in :authority': { ...BASE, ':authority': 'me@a.test' },
  'a path in :authority': { ...BASE, ':authority': 'a.test/x' },
  'a space in :authority': { ...BASE, ':authority': 'a test' },
  'a :method twice': [...Object.entries(BASE), [':method', 'GET']] as Pairs,
  'a :path twice': [...Object.entries(BASE), [':path', '/']] as Pairs,
  'a :authority twice': [...Object.entries(BASE), [':authority', 'a.test']] as Pairs,
  'an unknown pseudo-field': { ...BASE, ':x': 'y' },
  'a :status': { ...BASE, ':status': '200' },
  'a :protocol without CONNECT': { ...BASE, ':protocol': 'websocket' },
  'a :protocol that is no token': { ...EXTENDED, ':protocol': 'web socket' },
  'an empty :protocol': { ...EXTENDED, ':protocol': '' },
  'extended CONNECT without :path': without(':path', EXTENDED),
  'extended CONNECT without :scheme': without(':scheme', EXTENDED),
  'extended CONNECT without :authority': without(':authority', EXTENDED),
  'extended CONNECT with content-length': { ...EXTENDED, 'content-length': '0' },
  'a pseudo-field behind a field': [...without(':path'), ['a', 'b'], [':path', '/']] as Pairs,
  'a pseudo-field behind host': [...without(':path'), ['host', 'a.test'], [':path', '/']] as Pairs,
  'an upper-case name': { ...BASE, 'X-a': 'b' },
  'an empty name': { ...BASE, '': 'b' },
  'a name with a space': { ...BASE, 'a b': 'c' },
  'a name with a colon': { ...BASE, 'a:b': 'c' },
  'CR in a value': { ...BASE, a: 'b\rc' },
  'LF in a value': { ...BASE, a: 'b\nc' },
  'NUL in a value': { ...BASE, a: 'b\0c' },
  'a control character in a value': { ...BASE, a: 'b\x01c' },
  'a space before a value': { ...BASE, a: ' b' },
  'a tab behind a value': { ...BASE, a: 'b\t' },
  'LF in :path': { ...BASE, ':path': '/\n' },
  connection: { ...BASE, connection: 'close' },
  'keep-alive': { ...BASE, 'keep-alive': '1' },
  'proxy-connection': { ...BASE, 'proxy-connection': 'close' },
  'transfer-encoding': { ...BASE, 'transfer-encoding': 'chunked' },
  upgrade: { ...BASE, upgrade: 'h2c' },
  'te other than trailers': { ...BASE, te: 'gzip' },
  'another host': { ...BASE, host: 'b.test' },
  'two hosts': [...without(':authority'), ['host', 'a'], ['host', 'b']] as Pairs,
  'content-length +5': { ...BASE, 'content-length': '+5' },
  'content-length 0x5': { ...BASE, 'content-length': '0x5' },
  'content-length "5, 5"': { ...BASE, 'content-length': '5, 5' },
  'an empty content-length': { ...BASE, 'content-length': '' },
  'content-length above 2^53': { ...BASE, 'content-length': '9007199254740993' },
  'content-length twice': [
    ...Object.entries(BASE),
    ['content-length', '0'],
    ['content-length', '0'],
  ] as Pairs,
  'a malformed content-length behind a good one': [
    ...Object.entries(BASE),
    ['content-length', 'x'],
    ['content-length', '0'],
  ] as Pairs,
  'content-length without a body': { ...BASE, 'content-length': '5' },
  'CONNECT with :path': { ':method': 'CONNECT', ':authority': 'a:1', ':path': '/' },
  'CONNECT with :scheme': { ':method': 'CONNECT', ':authority': 'a:1', ':scheme': 'http' },
  'CONNECT without :authority': { ':method': 'CONNECT' },
  'CONNECT without a port': { ':method': 'CONNECT', ':authority': 'a' },
  'CONNECT with content-length': { ':method': 'CONNECT', ':authority': 'a:1', 'content-length': '0' },
  'CONNECT to what is no host': { ':method': 'CONNECT', ':authority': 'a b:1' },
}

t.test('a malformed request is a stream error', async (t) => {
  for (const [name, fields] of Object.entries(malformed)) {
    const bench = new ServerBench()
    bench.send(headers(1, fields, END_STREAM))
    t.strictSame(bench.take(), [rstStream(1, 'PROTOCOL_ERROR')], name)
    t.equal(bench.accepted.length, 0)
    t.equal(bench.connection.active, 0)
    bench.send(headers(3, GET, END_STREAM))
    t.equal(bench.accepted.length, 1, 'the connection goes on')
  }
})

t.test('what is unusual and not malformed', async (t) => {
  const fields: Record<string, FieldsOf> = {
    'OPTIONS *': { ...BASE, ':method': 'OPTIONS', ':path': '*' },
    CONNECT: { ':method': 'CONNECT', ':authority': 'a:1' },
    'no authority at all': without(':authority'),
    'an empty value': { ...BASE, a: '' },
    'bytes above 127 in a value': { ...BASE, a: '\xe4\xff' },
    'a tab inside a value': { ...BASE, a: 'b\tc' },
    'TE: Trailers': { ...BASE, te: 'Trailers' },
    'content-length 0 without a body': { ...BASE, 'content-length': '0' },
    'another scheme': { ...BASE, ':scheme': 'coap+tcp' },
    'fields of one name': [...Object.entries(BASE), ['cookie', 'a=b'], ['cookie', 'c=d']] as Pairs,
  }
  for (const [name, value] of Object.entries(fields)) {
    const bench = new ServerBench()
    bench.send(headers(1, value, END_STREAM))
    t.equal(bench.accepted.length, 1, name)
    t.strictSame(bench.take(), [])
  }
})

t.test('content-length is held against the DATA that comes', async (t) => {
  const sized: Pairs = [...POST, ['content-length', '5']]
  const cases: Record<string, Frame[]> = {
    'too little': [headers(1, sized), data(1, 'abc', END_STREAM)],
    'too little in pieces': [headers(1, sized), data(1, 'ab'), data(1, 'cd'), data(1, '', END_STREAM)],
    'too much': [headers(1, sized), data(1, 'abcdef')],
    'too much in pieces': [headers(1, sized), data(1, 'abc'), data(1, 'def', END_STREAM)],
    'too little before trailers': [headers(1, sized), data(1, 'abc'), headers(1, { a: 'b' }, END_STREAM)],
    'none before trailers': [headers(1, sized), headers(1, { a: 'b' }, END_STREAM)],
  }
  for (const [name, frames] of Object.entries(cases)) {
    const bench = new ServerBench()
    bench.send(...frames)
    t.strictSame(bench.take(), [rstStream(1, 'PROTOCOL_ERROR')], name)
    t.match(bench.accepted[0]?.resets, [{ code: 'bad-request' }])
    t.equal(bench.accepted[0]?.ended, false)
    t.equal(bench.connection.windowWithCredit, 4 * 1024 * 1024)
  }
  const bench = new ServerBench()
  bench.send(headers(1, sized), data(1, 'abc', false, 7), data(1, 'de', END_STREAM))
  t.equal(bench.accepted[0]?.body, 'abcde')
  t.equal(bench.accepted[0]?.ended, true)
})

t.test('a body, then trailers', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST), data(1, 'abc'), data(1, ''), headers(1, { 'x-a': 'b' }, END_STREAM))
  const [accepted] = bench.accepted
  t.equal(accepted?.body, 'abc')
  t.strictSame(accepted?.fields, Fields.of({ 'x-a': 'b' }))
})

t.test('trailers lose what frames, routes or authenticates a message', async (t) => {
  const bench = new ServerBench()
  const fields = {
    'content-length': '9',
    host: 'evil',
    authorization: 'x',
    'x-forwarded-for': 'y',
    'grpc-status': '0',
  }
  bench.send(headers(1, POST), headers(1, fields, END_STREAM))
  t.strictSame(bench.accepted[0]?.fields?.names, ['grpc-status'])
})

t.test('a response: head, added fields, body, trailers', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, GET, END_STREAM))
  const stream = bench.accepted[0]?.stream
  const added = new Added()
  added.fields = Fields.of({ 'x-added': '1' })
  stream?.head(Head.response(103, Fields.of({ link: '</a>' })), null, false)
  stream?.head(Head.response(200, Fields.of({ 'x-own': '2' })), added, false)
  stream?.data(Buffer.from('-hello-'), 1, 6, false)
  stream?.trailers(Fields.of({ 'grpc-status': '0' }))
  bench.expect(
    headers(1, { ':status': '103', link: '</a>' }),
    headers(1, { ':status': '200', 'x-own': '2', 'x-added': '1' }),
    data(1, 'hello'),
    headers(1, { 'grpc-status': '0' }, END_STREAM),
  )
  t.equal(bench.accepted[0]?.credited, 5)
  t.equal(bench.connection.active, 0)
})

t.test('a response that ends before its request', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST), data(1, 'abc'))
  const [accepted] = bench.accepted
  accepted?.stream.head(Head.response(200), null, true)
  bench.expect(headers(1, OK, END_STREAM))
  t.equal(bench.connection.active, 1, 'until the request has ended too')
  bench.send(data(1, 'def', END_STREAM))
  t.equal(accepted?.body, 'abcdef')
  t.equal(accepted?.ended, true)
  t.equal(bench.connection.active, 0)
  t.equal(bench.connection.windowWithCredit, 4 * 1024 * 1024 - 6, 'its bytes are still the receiver’s')
  accepted?.stream.credit(6)
  t.equal(bench.connection.windowWithCredit, 4 * 1024 * 1024)
})

t.test('nothing is sent and nobody is told behind an end', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST), data(1, 'abc'))
  const [accepted] = bench.accepted
  accepted?.stream.cancel(reasons.internalError)
  bench.expect(rstStream(1, 'INTERNAL_ERROR'))
  accepted?.stream.head(Head.response(200), null, false)
  accepted?.stream.data(Buffer.from('abc'), 0, 3, true)
  accepted?.stream.trailers(Fields.of({ a: 'b' }))
  accepted?.stream.reset(reasons.internalError)
  accepted?.stream.credit(3)
  bench.send(data(1, 'def'), headers(1, { a: 'b' }, END_STREAM), rstStream(1, 'CANCEL'))
  bench.expect()
  t.equal(accepted?.body, 'abc')
  t.strictSame(accepted?.resets, [])
  t.equal(bench.connection.windowWithCredit, 4 * 1024 * 1024)
})

t.test('a caller that resets is passed on with its code', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST), rstStream(1, 'CANCEL'), headers(3, POST), rstStream(3, '9999'))
  t.match(
    bench.accepted.map(({ resets }) => resets),
    [[{ code: 'downstream-reset', http2: 8 }], [{ code: 'downstream-reset' }]],
  )
  t.equal(bench.connection.active, 0)
})

t.test('a head that is too large is answered 431', async (t) => {
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, '1']))
  const fields = [...Object.entries(BASE), ...Object.entries(many)] as Pairs
  const bench = new ServerBench({ maxHeadBytes: 10_000 })
  bench.send(headers(1, fields, END_STREAM), headers(3, { ...BASE, a: 'x'.repeat(10_000) }))
  const reply = { ':status': '431', 'content-length': '0', 'x-pillion-reason': 'head-too-large' }
  bench.expect(headers(1, reply, END_STREAM), headers(3, reply, END_STREAM), rstStream(3, 'NO_ERROR'))
  bench.send(data(3, 'late', END_STREAM))
  bench.expect()
  t.equal(bench.accepted.length, 0)
  t.equal(bench.connection.windowWithCredit, 4 * 1024 * 1024)
})

t.test('a head in HEADERS and CONTINUATION, padded and with a priority', async (t) => {
  const bench = new ServerBench()
  const block = bench.coder.block(GET)
  const padded = Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 9]), block.subarray(0, 5), Buffer.alloc(3)])
  bench.send(raw(1, 0x29, 1, padded), raw(9, 0, 1), raw(9, 4, 1, block.subarray(5)))
  t.equal(bench.accepted[0]?.request.authority, 'a.test')
  t.equal(bench.accepted[0]?.ended, true)
})

t.test('a large head goes out in CONTINUATION frames of the size the peer takes', async (t) => {
  const bench = new ServerBench()
  bench.send(settings({ 5: 20_000 }), headers(1, GET, END_STREAM))
  bench.take()
  const value = 'v'.repeat(50_000)
  bench.accepted[0]?.stream.head(Head.response(200, Fields.of({ 'x-a': value })), null, true)
  bench.transport.flush()
  const sizes = bench.socket.written.flatMap(frameSizes)
  t.strictSame(sizes.slice(0, 2), [20_000, 20_000])
  bench.expect(headers(1, { ':status': '200', 'x-a': value }, END_STREAM))
})

function frameSizes(bytes: Buffer): number[] {
  const sizes: number[] = []
  for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) sizes.push(bytes.readUIntBE(at, 3))
  return sizes
}
