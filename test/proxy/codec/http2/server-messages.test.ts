import t from 'tap'
import { CONNECTION_WINDOW } from '../../../../proxy/codec/http2/options.ts'
import { Added } from '../../../../proxy/message/added.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import {
  data,
  END_STREAM,
  type FieldsOf,
  GET,
  headers,
  OK,
  type Pairs,
  POST,
  raw,
  rstStream,
  settings,
  windowUpdate,
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
  'a :path with a space': { ...BASE, ':path': '/a b' },
  'a :path with a fragment': { ...BASE, ':path': '/a#b' },
  'a :path with a byte above 126': { ...BASE, ':path': '/\xe4' },
  'a :scheme that is none': { ...BASE, ':scheme': 'http://evil/' },
  'an empty :scheme': { ...BASE, ':scheme': '' },
  'a path in :authority': { ...BASE, ':authority': 'a.test/x' },
  'a space in :authority': { ...BASE, ':authority': 'a test' },
  'a list in :authority': { ...BASE, ':authority': 'a,b' },
  'an escape in :authority': { ...BASE, ':authority': 'a%2etest' },
  'a port that is none in :authority': { ...BASE, ':authority': 'a:http' },
  'a port above 65535 in :authority': { ...BASE, ':authority': 'a:65536' },
  'a name in brackets in :authority': { ...BASE, ':authority': '[a.test]' },
  'a port alone in :authority': { ...BASE, ':authority': ':80' },
  'user info in host': [...without(':authority'), ['host', 'me@a.test']] as Pairs,
  'a :protocol without CONNECT': { ...BASE, ':protocol': 'websocket' },
  'a :protocol that is no token': { ...EXTENDED, ':protocol': 'web socket' },
  'an empty :protocol': { ...EXTENDED, ':protocol': '' },
  'extended CONNECT without :path': without(':path', EXTENDED),
  'extended CONNECT without :scheme': without(':scheme', EXTENDED),
  'extended CONNECT without :authority': without(':authority', EXTENDED),
  'extended CONNECT with content-length': { ...EXTENDED, 'content-length': '0' },
  'LF in :path': { ...BASE, ':path': '/\n' },
  'another port in host': { ...BASE, host: 'a.test:443' },
  'host beside an empty :authority': { ...BASE, ':authority': '', host: 'a.test' },
  'the same host twice': [...without(':authority'), ['host', 'a'], ['host', 'a']] as Pairs,
  'a malformed content-length behind a good one': [
    ...Object.entries(BASE),
    ['content-length', 'x'],
    ['content-length', '0'],
  ] as Pairs,
  'CONNECT without a port': { ':method': 'CONNECT', ':authority': 'a' },
  'CONNECT with content-length': { ':method': 'CONNECT', ':authority': 'a:1', 'content-length': '0' },
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
    'an empty authority': { ...BASE, ':authority': '' },
    'an IPv6 address': { ...BASE, ':authority': '[::1]:80' },
    'a fully qualified name': { ...BASE, ':authority': 'A.Test.:80' },
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
  t.equal(bench.connection.windowWithCredit, CONNECTION_WINDOW - 6, 'its bytes are still the receiver’s')
  accepted?.stream.credit(6)
  t.equal(bench.connection.windowWithCredit, CONNECTION_WINDOW)
})

t.test('a request that is not wanted any more is reset behind the end of its response', async (t) => {
  const answered = reasons.downstreamReset.withHttp2(0, 'answered')
  const late = new ServerBench()
  late.send(settings({ 4: 4 }), headers(1, POST), data(1, 'abc'))
  const stream = late.accepted[0]?.stream
  late.take()
  stream?.head(Head.response(200), null, false)
  stream?.data(Buffer.from('answer'), 0, 6, true)
  stream?.stop(answered)
  late.expect(headers(1, OK), data(1, 'answ'))
  late.send(data(1, 'def'))
  t.equal(late.connection.windowWithCredit, CONNECTION_WINDOW - 6)
  late.send(windowUpdate(1, 4))
  late.expect(data(1, 'er', END_STREAM), rstStream(1, 'NO_ERROR'))
  t.equal(late.connection.active, 0)
  t.equal(late.connection.windowWithCredit, CONNECTION_WINDOW)

  const gone = new ServerBench()
  gone.send(headers(1, POST))
  gone.accepted[0]?.stream.head(Head.response(200), null, true)
  gone.accepted[0]?.stream.stop(answered)
  gone.expect(headers(1, OK, END_STREAM), rstStream(1, 'NO_ERROR'))
  t.equal(gone.connection.active, 0)

  const whole = new ServerBench()
  whole.send(settings({ 4: 0 }), headers(1, POST))
  whole.take()
  whole.accepted[0]?.stream.head(Head.response(200), null, false)
  whole.accepted[0]?.stream.data(Buffer.from('answer'), 0, 6, true)
  whole.accepted[0]?.stream.stop(answered)
  whole.send(data(1, 'abc', END_STREAM), windowUpdate(1, 6))
  whole.expect(headers(1, OK), data(1, 'answer', END_STREAM))
  t.equal(whole.connection.active, 0, 'a request that ends meanwhile needs no reset')
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
  t.equal(bench.connection.windowWithCredit, CONNECTION_WINDOW)
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
  t.equal(bench.connection.windowWithCredit, CONNECTION_WINDOW)
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
