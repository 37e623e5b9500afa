import { createHash } from 'node:crypto'
import t from 'tap'
import { Added } from '../../../../proxy/message/added.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head, TUNNEL_CONNECT } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import { ClientBench, turn } from '../../../support/http1-peer.ts'

const CHAT = Head.tunnel(
  'websocket',
  'http',
  'shop',
  '/chat',
  Fields.of({ 'sec-websocket-version': '13', 'sec-websocket-key': 'the caller’s own', 'x-a': 'b' }),
)
const DATABASE = Head.tunnel(TUNNEL_CONNECT, '', 'db:5432', '')
const HELLO = Buffer.from('hello')
const NOTHING = Buffer.alloc(0)

function accept(request: string): string {
  const key = /sec-websocket-key: (\S+)\r\n/.exec(request)?.[1]
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

function switching(accept: string, more = ''): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${more}\r\n`
}

t.test('a WebSocket is asked for with a key of our own, and opened by the answer to it', async (t) => {
  for (const piecewise of [false, true]) {
    const bench = new ClientBench()
    const { recorder, stream } = bench.open()
    const added = new Added()
    added.requestId = 7
    stream.head(CHAT, added, false)
    const request = await bench.sent()
    t.match(request, /^GET \/chat HTTP\/1\.1\r\nhost: shop\r\n/)
    t.match(request, /\r\nupgrade: websocket\r\nconnection: upgrade\r\n/)
    t.match(request, /\r\nsec-websocket-key: [A-Za-z0-9+/]{22}==\r\n/)
    t.match(request, /\r\nx-request-id: [0-9a-f-]{36}\r\n/)
    t.equal(request.match(/sec-websocket-key/g)?.length, 1)
    t.notMatch(request, /content-length|transfer-encoding/)
    const text = `${switching(accept(request), 'Sec-WebSocket-Protocol: chat\r\n')}first`
    bench.receive(text, piecewise ? 1 : text.length)
    t.match(recorder.head_, { status: 200, tunnel: 'websocket' })
    t.strictSame(recorder.head_?.fields.names, ['sec-websocket-protocol'])
    t.equal(recorder.body, 'first')
    stream.data(HELLO, 0, 5, false)
    t.equal(await bench.sent(), 'hello')
    t.equal(recorder.credited, 5)
    t.equal(bench.connection.capacity, 0)
    t.ok(bench.events.includes('retired'))
    bench.dispose()
  }
})

t.test('two requests with the same head have two keys', async (t) => {
  const keys = new Set<string>()
  for (let i = 0; i < 3; i++) {
    const bench = new ClientBench()
    bench.open().stream.head(CHAT, null, false)
    keys.add(/sec-websocket-key: (\S+)/.exec(await bench.sent())?.[1] ?? '')
    bench.dispose()
  }
  t.equal(keys.size, 3)
})

t.test('CONNECT names host and port; any 2xx opens the tunnel, whatever length it claims', async (t) => {
  for (const status of ['200 OK', '299 Fine']) {
    const bench = new ClientBench()
    const { recorder, stream } = bench.open()
    stream.head(DATABASE, null, false)
    t.equal(await bench.sent(), 'CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\n')
    bench.receive(`HTTP/1.1 ${status}\r\nContent-Length: 3\r\n\r\nabcdef`)
    t.match(recorder.head_, { status: 200, tunnel: TUNNEL_CONNECT, contentLength: -1 })
    t.notOk(recorder.head_?.fields.has('content-length'))
    t.equal(recorder.body, 'abcdef')
    bench.dispose()
  }
})

t.test('each side ends for itself', async (t) => {
  const bench = new ClientBench()
  const { recorder, stream } = bench.open()
  stream.head(DATABASE, null, false)
  bench.receive('HTTP/1.1 200 OK\r\n\r\n')
  stream.data(HELLO, 0, 5, true)
  await bench.sent()
  t.ok(bench.socket.ended)
  t.notOk(bench.socket.destroyed)
  bench.receive('late')
  t.equal(recorder.body, 'late')
  bench.socket.emit('end')
  t.equal(recorder.events.at(-1), 'end')
  bench.socket.destroy()
  await turn()
  t.match(bench.events.at(-1), /^closed/)

  const other = new ClientBench()
  const second = other.open()
  second.stream.head(DATABASE, null, false)
  other.receive('HTTP/1.1 200 OK\r\n\r\n')
  other.socket.emit('end')
  t.equal(second.recorder.events.at(-1), 'end')
  t.notOk(other.socket.destroyed, 'what we have to say can still be said')
  second.stream.data(HELLO, 0, 5, true)
  t.match(await other.sent(), /hello$/)
  t.ok(other.socket.ended)
  other.socket.destroy()
  await turn()
  t.match(other.events.at(-1), /^closed/)
  t.equal(second.recorder.reason, null)
})

t.test('a refused tunnel is an ordinary response, and the connection is used again', async (t) => {
  for (const head of [CHAT, DATABASE]) {
    const bench = new ClientBench()
    const { recorder, stream } = bench.open()
    stream.head(head, null, false)
    bench.receive('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
    stream.data(NOTHING, 0, 0, true)
    t.match(recorder.head_, { status: 403, tunnel: '' })
    t.equal(recorder.body, 'no')
    t.equal(bench.connection.capacity, 1)
    bench.dispose()
  }
})

const breaches: Record<string, string> = {
  'an answer to another key': switching('s3pPLMBiTxaQ9kYGzzhZRbK+xOo='),
  'no answer to the key':
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  'another protocol': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: irc\r\nConnection: Upgrade\r\n\r\n',
  'no protocol': 'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  'an Upgrade that Connection does not nominate':
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n',
}

for (const [name, text] of Object.entries(breaches)) {
  t.test(`101 with ${name} breaks the protocol`, async (t) => {
    const bench = new ClientBench()
    const { recorder, stream } = bench.open()
    stream.head(CHAT, null, false)
    bench.receive(`${text}bytes`)
    t.equal(recorder.reason?.code, 'upstream-protocol')
    t.equal(recorder.body, '')
    t.ok(bench.socket.destroyed)
  })
}

t.test('a tunnel that is cut', async (t) => {
  const bench = new ClientBench()
  const { stream } = bench.open()
  stream.head(DATABASE, null, false)
  bench.receive('HTTP/1.1 200 OK\r\n\r\n')
  stream.reset(reasons.downstreamClosed)
  t.ok(bench.socket.wasReset, 'the endpoint gets RST')

  const other = new ClientBench()
  const { recorder, stream: second } = other.open()
  second.head(DATABASE, null, false)
  other.receive('HTTP/1.1 200 OK\r\n\r\n')
  other.socket.destroy(new Error('gone'))
  await turn()
  t.equal(recorder.reason?.code, 'upstream-closed')
})

t.test(
  'the end of a tunnel that the endpoint does not take is cut with RST, once nothing of it leaves',
  async (t) => {
    const bench = new ClientBench()
    const { stream } = bench.open()
    stream.head(DATABASE, null, false)
    bench.receive('HTTP/1.1 200 OK\r\n\r\n')
    bench.socket.emit('end')
    stream.data(HELLO, 0, 5, true)
    await turn()
    for (let left = 5000; left > 0; left -= 1000) {
      bench.socket.writableLength = left
      bench.time.pass(29_000)
      t.notOk(bench.socket.destroyed, 'as long as something leaves')
    }
    bench.time.pass(120_000)
    t.ok(bench.socket.wasReset)
  },
)
