import t from 'tap'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head, TUNNEL_CONNECT } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import { type Accepted, ServerBench, turn } from '../../../support/http1-peer.ts'

// Key and answer of RFC 6455 §1.3.
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
const UPGRADE =
  'GET /chat?a=b HTTP/1.1\r\nHost: shop\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n' +
  `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n`
const CONNECT = 'CONNECT db.mesh:5432 HTTP/1.1\r\nHost: db.mesh:5432\r\n\r\n'
const HELLO = Buffer.from('hello')
const NOTHING = Buffer.alloc(0)

function opened(kind: string, fields: Record<string, string> = {}): Head {
  return new Head('', '', '', '', 200, Fields.of(fields), -1, false, kind)
}

function only(bench: ServerBench): Accepted {
  return bench.accepted[0] as Accepted
}

t.test('an upgrade is a request for a tunnel; its key stays on this hop', async (t) => {
  for (const size of [UPGRADE.length, 1]) {
    const bench = new ServerBench()
    bench.receive(UPGRADE, size)
    const { request, events } = only(bench)
    t.match(request, { method: 'GET', path: '/chat?a=b', authority: 'shop', tunnel: 'websocket' })
    t.notOk(events.includes('end'), 'the request goes on')
    t.strictSame(request.fields.names, ['sec-websocket-version', 'sec-websocket-protocol'])
    bench.dispose()
  }
})

t.test('what the caller sends early is held until the tunnel is open', async (t) => {
  for (const size of [UPGRADE.length + 5, 1]) {
    const bench = new ServerBench()
    bench.receive(`${UPGRADE}early`, size)
    const accepted = only(bench)
    t.equal(accepted.body, '')
    accepted.stream.head(opened('websocket', { 'sec-websocket-protocol': 'chat' }), null, false)
    const lines = (await bench.sent()).split('\r\n')
    t.equal(lines[0], 'HTTP/1.1 101 Switching Protocols')
    t.strictSame(lines.slice(1).sort(), [
      '',
      '',
      'connection: upgrade',
      `sec-websocket-accept: ${ACCEPT}`,
      'sec-websocket-protocol: chat',
      'upgrade: websocket',
    ])
    t.equal(accepted.body, 'early')
    bench.receive('more')
    t.equal(accepted.body, 'earlymore')
    accepted.stream.data(HELLO, 0, 5, false)
    t.equal(await bench.sent(), 'hello')
    bench.dispose()
  }
})

t.test('CONNECT is answered with 200 and no framing', async (t) => {
  const bench = new ServerBench()
  bench.receive(CONNECT)
  const accepted = only(bench)
  t.match(accepted.request, {
    method: 'CONNECT',
    authority: 'db.mesh:5432',
    path: '',
    tunnel: TUNNEL_CONNECT,
  })
  accepted.stream.head(opened(TUNNEL_CONNECT), null, false)
  t.equal(await bench.sent(), 'HTTP/1.1 200 OK\r\n\r\n')
  bench.receive('\0\x01GET / HTTP/1.1\r\n\r\n')
  t.equal(accepted.body, '\0\x01GET / HTTP/1.1\r\n\r\n', 'whatever it looks like')
  t.equal(bench.accepted.length, 1)
  bench.dispose()
})

t.test('each side ends for itself', async (t) => {
  const first = new ServerBench()
  first.receive(CONNECT)
  only(first).stream.head(opened(TUNNEL_CONNECT), null, false)
  first.socket.emit('end')
  t.equal(only(first).events.at(-1), 'end', 'the caller has ended')
  t.notOk(first.socket.ended)
  only(first).stream.data(HELLO, 0, 5, true)
  t.match(await first.sent(), /hello$/)
  t.ok(first.socket.ended)
  t.equal(first.connection.active, 0)
  first.dispose()

  const second = new ServerBench()
  second.receive(CONNECT)
  only(second).stream.head(opened(TUNNEL_CONNECT), null, false)
  only(second).stream.data(HELLO, 0, 5, true)
  await second.sent()
  t.ok(second.socket.ended, 'FIN towards the caller')
  t.notOk(second.socket.destroyed)
  second.receive('still')
  t.equal(only(second).body, 'still')
  second.socket.emit('end')
  t.equal(only(second).events.at(-1), 'end')
  t.equal(second.connection.active, 0)
  second.dispose()
})

t.test('a tunnel that breaks is reset on both sides', async (t) => {
  const bench = new ServerBench()
  bench.receive(CONNECT)
  only(bench).stream.head(opened(TUNNEL_CONNECT), null, false)
  only(bench).stream.reset(reasons.upstreamReset)
  t.ok(bench.socket.wasReset, 'RST, not the end of the bytes')
  bench.dispose()

  const half = new ServerBench()
  half.receive(CONNECT)
  only(half).stream.head(opened(TUNNEL_CONNECT), null, false)
  only(half).stream.data(NOTHING, 0, 0, true)
  only(half).stream.cancel(reasons.timeout)
  t.ok(half.socket.wasReset, 'also when only the other half is open')
  half.dispose()

  const caller = new ServerBench()
  caller.receive(UPGRADE)
  only(caller).stream.head(opened('websocket'), null, false)
  caller.socket.destroy(new Error('gone'))
  await turn()
  t.equal(only(caller).reason?.code, 'downstream-closed')
})

t.test('a refused tunnel: an ordinary response, and early bytes are no request', async (t) => {
  for (const request of [UPGRADE, CONNECT]) {
    const bench = new ServerBench()
    bench.receive(`${request}GET /smuggled HTTP/1.1\r\nHost: shop\r\n\r\n`)
    const { stream } = only(bench)
    stream.head(Head.response(403, Fields.of({ 'content-length': '5' })), null, false)
    stream.data(HELLO, 0, 5, true)
    t.equal(
      await bench.sent(),
      'HTTP/1.1 403 Forbidden\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello',
    )
    t.equal(bench.accepted.length, 1)
    t.ok(bench.socket.ended)
    bench.dispose()
  }
})

t.test('a caller that does not read, and an endpoint that does not', async (t) => {
  const bench = new ServerBench()
  bench.receive(CONNECT)
  const accepted = only(bench)
  accepted.creditTo = null
  accepted.stream.head(opened(TUNNEL_CONNECT), null, false)
  bench.receive('x'.repeat(65_537))
  t.ok(bench.socket.paused, 'the endpoint is slow')
  accepted.stream.credit(65_537)
  t.notOk(bench.socket.paused)
  accepted.stream.data(NOTHING, 0, 0, true)
  bench.receive('x'.repeat(65_537))
  t.ok(bench.socket.paused, 'also in a half-closed tunnel')
  accepted.stream.credit(65_537)
  t.notOk(bench.socket.paused)
  bench.dispose()
})

t.test('a silent tunnel is no idle connection and no slow head', async (t) => {
  const bench = new ServerBench()
  bench.receive(UPGRADE)
  only(bench).stream.head(opened('websocket'), null, false)
  await bench.sent()
  bench.time.pass(3_600_000)
  t.notOk(bench.socket.destroyed)
  t.notOk(bench.socket.ended)
  bench.dispose()
})

const ordinary: Record<string, string> = {
  h2c: `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n`,
  'an Upgrade that Connection does not nominate': `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
  'HTTP/1.0': `GET / HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
  'another method': `OPTIONS / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
  'a body': `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nContent-Length: 1\r\n\r\nx`,
  'what is no token': 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: web socket\r\nConnection: Upgrade\r\n\r\n',
}

for (const [name, request] of Object.entries(ordinary)) {
  t.test(`an upgrade that is not one stays an ordinary request: ${name}`, async (t) => {
    const bench = new ServerBench()
    bench.receive(request)
    t.equal(only(bench).request.tunnel, '')
    t.notOk(only(bench).request.fields.has('upgrade'))
    t.notOk(only(bench).request.fields.has('http2-settings'))
    bench.dispose()
  })
}

t.test('the first protocol named that is not HTTP itself counts', async (t) => {
  const bench = new ServerBench()
  bench.receive('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c, SPDY/3.1\r\nConnection: Upgrade\r\n\r\n')
  t.equal(only(bench).request.tunnel, 'spdy')
  bench.dispose()
})
