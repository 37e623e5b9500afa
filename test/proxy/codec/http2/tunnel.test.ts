import t from 'tap'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head, TUNNEL_CONNECT, tunnelHead } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import {
  data,
  END_STREAM,
  type FieldsOf,
  goaway,
  headers,
  OK,
  rstStream,
  settings,
  settingsAck,
} from '../../../support/frames.ts'
import { type Accepted, ClientBench, ServerBench } from '../../../support/http2-bench.ts'

// The names and frames of RFC 8441 §5.1.
const CHAT: FieldsOf = {
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':scheme': 'https',
  ':path': '/chat',
  ':authority': 'server.example.com',
  'sec-websocket-protocol': 'chat, superchat',
  'sec-websocket-version': '13',
}
const DATABASE: FieldsOf = { ':method': 'CONNECT', ':authority': 'db:5432' }
const CHAT_HEAD = Head.tunnel('websocket', 'https', 'server.example.com', '/chat')
const DATABASE_HEAD = Head.tunnel(TUNNEL_CONNECT, '', 'db:5432', '')
const HELLO = Buffer.from('hello')

function only(bench: ServerBench): Accepted {
  return bench.accepted[0] as Accepted
}

t.test('extended CONNECT is a GET that asks for a tunnel', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, CHAT), data(1, 'early'))
  t.match(only(bench).request, {
    method: 'GET',
    scheme: 'https',
    authority: 'server.example.com',
    path: '/chat',
    tunnel: 'websocket',
    contentLength: -1,
  })
  t.equal(only(bench).body, 'early', 'handed on: whoever takes it holds it until the tunnel is open')
  only(bench).stream.head(tunnelHead(Head.response(200), 'websocket'), null, false)
  only(bench).stream.data(HELLO, 0, 5, false)
  bench.send(data(1, 'bye', END_STREAM))
  only(bench).stream.data(HELLO, 0, 5, true)
  bench.expect(headers(1, OK), data(1, 'hello'), data(1, 'hello', END_STREAM))
  t.equal(bench.connection.active, 0)
})

t.test('CONNECT', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, DATABASE))
  t.match(only(bench).request, { method: 'CONNECT', authority: 'db:5432', path: '', tunnel: TUNNEL_CONNECT })
})

t.test('a tunnel takes no HEADERS from a caller (RFC 9113 §8.5)', async (t) => {
  for (const fields of [CHAT, DATABASE]) {
    const bench = new ServerBench()
    bench.send(headers(1, fields))
    bench.send(headers(1, { 'x-sum': '1' }, END_STREAM))
    bench.expect(rstStream(1, 'PROTOCOL_ERROR'))
    t.match(only(bench).resets, [{ code: 'bad-request' }])
  }
})

t.test('a client opens tunnels by extended CONNECT once the server has said that it takes it', async (t) => {
  const bench = new ClientBench()
  const refused = bench.request(CHAT_HEAD, false)
  t.match(refused.response.resets, [{ code: 'tunnel-unsupported', unprocessed: true }])
  t.equal(bench.connection.active, 0)
  bench.expect()
  bench.send(settings({ 8: 1 }))
  bench.expect(settingsAck())
  const { stream, response } = bench.request(CHAT_HEAD, false)
  bench.expect(
    headers(3, {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':path': '/chat',
      ':authority': 'server.example.com',
    }),
  )
  bench.send(headers(3, { ':status': '200', 'sec-websocket-protocol': 'chat' }), data(3, 'hi'))
  t.match(response.heads, [{ status: 200, tunnel: 'websocket' }])
  t.equal(response.body, 'hi')
  stream.data(HELLO, 0, 5, true)
  bench.expect(data(3, 'hello', END_STREAM))
  bench.send(data(3, '', END_STREAM))
  t.equal(response.ended, true)
  t.equal(bench.connection.active, 0)
})

t.test('CONNECT needs no setting; the length of its answer means nothing', async (t) => {
  const bench = new ClientBench()
  const { response } = bench.request(DATABASE_HEAD, false)
  bench.expect(headers(1, DATABASE))
  bench.send(headers(1, { ':status': '200', 'content-length': '3' }), data(1, 'more than three'))
  t.match(response.heads, [{ tunnel: TUNNEL_CONNECT, contentLength: -1 }])
  t.notOk(response.heads[0]?.fields.has('content-length'))
  t.equal(response.body, 'more than three')
})

t.test('a refused tunnel is an ordinary response, trailers included', async (t) => {
  const bench = new ClientBench()
  const { stream, response } = bench.request(DATABASE_HEAD, false)
  bench.take()
  bench.send(
    headers(1, { ':status': '403', 'content-length': '2' }),
    data(1, 'no'),
    headers(1, { 'x-sum': '1' }, END_STREAM),
  )
  t.match(response.heads, [{ status: 403, tunnel: '' }])
  t.equal(response.body, 'no')
  t.strictSame(response.fields?.names, ['x-sum'])
  stream.data(HELLO, 0, 0, true)
  bench.expect(data(1, '', END_STREAM))
})

t.test('HEADERS in an open tunnel are a stream error', async (t) => {
  const bench = new ClientBench()
  const { response } = bench.request(DATABASE_HEAD, false)
  bench.take()
  bench.send(headers(1, OK), headers(1, { 'x-sum': '1' }, END_STREAM))
  bench.expect(rstStream(1, 'PROTOCOL_ERROR'))
  t.match(response.resets, [{ code: 'upstream-protocol' }])
})

t.test('a tunnel that is cut is reset, never ended', async () => {
  const bench = new ServerBench()
  bench.send(headers(1, DATABASE))
  only(bench).stream.head(tunnelHead(Head.response(200), TUNNEL_CONNECT), null, false)
  only(bench).stream.reset(reasons.upstreamClosed.withHttp2(10, 'gone'))
  bench.expect(headers(1, OK), rstStream(1, 'CONNECT_ERROR'))
})

t.test('SETTINGS_ENABLE_CONNECT_PROTOCOL is 0 or 1 and is never taken back (RFC 8441 §3)', async (t) => {
  for (const values of [[2], [1, 0]]) {
    const bench = new ClientBench()
    for (const value of values) bench.send(settings({ 8: value }))
    t.match(bench.take().at(-1), { ...goaway(0, 'PROTOCOL_ERROR'), debug: /ENABLE_CONNECT_PROTOCOL is / })
  }
  const again = new ClientBench()
  again.send(settings({ 8: 1 }), settings({ 8: 1 }), settings({ 4: 100 }))
  again.expect(settingsAck(), settingsAck(), settingsAck())
  t.match(again.request(CHAT_HEAD, false).response.resets, [], 'still in force')
})

t.test('fields of the response are kept', async (t) => {
  const fields = Fields.of({ 'x-a': 'b', 'content-length': '3', 'sec-websocket-accept': 'x' })
  t.strictSame(tunnelHead(Head.response(204, fields), 'websocket').fields.names, ['x-a'])
})
