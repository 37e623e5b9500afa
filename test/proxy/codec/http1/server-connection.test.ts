import t from 'tap'
import { DEFAULT_LIMITS } from '../../../../proxy/codec/http1/limits.ts'
import { Added } from '../../../../proxy/message/added.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { type Accepted, ServerBench, turn } from '../../../support/http1-peer.ts'

const HELLO = Buffer.from('hello')
const EMPTY = Buffer.alloc(0)
const GET = 'GET /a HTTP/1.1\r\nHost: shop\r\n\r\n'

function answer(accepted: Accepted, body = HELLO): void {
  accepted.stream.head(Head.response(200, Fields.of({ 'content-length': String(body.length) })), null, false)
  accepted.stream.data(body, 0, body.length, true)
}

t.test('a request becomes a head without the fields of its hop', async (t) => {
  const bench = new ServerBench()
  bench.receive(
    'GET /a?b=c HTTP/1.1\r\nHost: Shop.example:8080\r\nConnection: keep-alive, X-Drop\r\nX-Drop: 1\r\n' +
      'Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\nTE: gzip, trailers\r\n' +
      'X-Own:  two words\t\r\nTrailer: x\r\n\r\n',
  )
  const request = bench.accepted[0]?.request as Head
  t.equal(request.method, 'GET')
  t.equal(request.scheme, 'http')
  t.equal(request.authority, 'Shop.example:8080')
  t.equal(request.path, '/a?b=c')
  t.strictSame(request.fields.names, ['x-own', 'trailer', 'te'])
  t.strictSame(request.fields.values, ['two words', 'x', 'trailers'])
  bench.dispose()
})

t.test('a response of known length, and the connection serves the next request', async (t) => {
  const bench = new ServerBench()
  bench.onRequest = (accepted) => answer(accepted)
  bench.receive(GET)
  const reply = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'
  t.equal(await bench.sent(), reply)
  t.equal(bench.connection.active, 0)
  bench.receive(GET)
  t.equal(await bench.sent(), reply)
  t.equal(bench.accepted[0]?.request, bench.accepted[1]?.request, 'equal bytes give the same head')
  t.equal(bench.accepted[0]?.credited, 5)
  bench.dispose()
})

t.test('unknown length: chunked to HTTP/1.1, until close to HTTP/1.0', async (t) => {
  for (const version of ['1.1', '1.0']) {
    const bench = new ServerBench()
    bench.onRequest = ({ stream }) => {
      stream.head(Head.response(200, Fields.of({ 'x-a': 'b' })), null, false)
      stream.data(HELLO, 0, 5, false)
      stream.data(HELLO, 1, 3, false)
      stream.data(EMPTY, 0, 0, true)
    }
    bench.receive(`GET / HTTP/${version}\r\nHost: a\r\nConnection: keep-alive\r\n\r\n`)
    const sent = await bench.sent()
    if (version === '1.1') {
      t.match(sent, /transfer-encoding: chunked\r\n/)
      t.ok(sent.endsWith('\r\n\r\n5\r\nhello\r\n2\r\nel\r\n0\r\n\r\n'))
      t.notOk(bench.socket.ended)
    } else {
      t.equal(sent, 'HTTP/1.1 200 OK\r\nx-a: b\r\nconnection: close\r\n\r\nhelloel')
      t.ok(bench.socket.ended)
    }
    bench.dispose()
  }
})

t.test('HTTP/1.0 persists only when asked, and is told so', async (t) => {
  const bench = new ServerBench()
  bench.onRequest = (accepted) => answer(accepted)
  bench.receive('GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n')
  t.equal(await bench.sent(), 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nhello')
  bench.receive('GET / HTTP/1.0\r\n\r\n')
  t.equal(await bench.sent(), 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello')
  t.ok(bench.socket.ended)
  bench.dispose()
})

t.test('HEAD, 204 and 304 carry no body', async (t) => {
  const cases: [string, number, string][] = [
    ['HEAD', 200, 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'],
    ['GET', 204, 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['GET', 304, 'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n'],
  ]
  for (const [method, status, expected] of cases) {
    const bench = new ServerBench()
    bench.onRequest = ({ stream }) => {
      stream.head(Head.response(status, Fields.of({ 'content-length': '5' })), null, false)
      stream.data(HELLO, 0, 5, true)
    }
    bench.receive(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)
    t.equal(await bench.sent(), expected)
    t.equal(bench.accepted[0]?.credited, 5, 'what is not sent is credited')
    t.notOk(bench.socket.ended)
    bench.dispose()
  }
})

t.test('trailers go to those who take them', async (t) => {
  for (const te of ['TE: trailers\r\n', '']) {
    const bench = new ServerBench()
    bench.onRequest = ({ stream }) => {
      stream.head(Head.response(200), null, false)
      stream.data(HELLO, 0, 5, false)
      stream.trailers(Fields.of({ 'grpc-status': '0', 'content-length': '7' }))
    }
    bench.receive(`GET / HTTP/1.1\r\nHost: a\r\n${te}\r\n`)
    const trailers = te === '' ? '' : 'grpc-status: 0\r\n'
    t.ok((await bench.sent()).endsWith(`5\r\nhello\r\n0\r\n${trailers}\r\n`))
    bench.dispose()
  }
})

t.test('pipelined requests are answered one by one and in order', async (t) => {
  const bench = new ServerBench()
  bench.receive(
    'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET /3 HTTP/1.1\r\nHo',
  )
  t.equal(bench.accepted.length, 1)
  bench.receive('st: a\r\n\r\n')
  for (const [at, path] of ['/1', '/2', '/3'].entries()) {
    t.equal(bench.accepted.length, at + 1)
    const accepted = bench.accepted[at] as Accepted
    t.equal(accepted.request.path, path)
    t.equal(bench.connection.active, 1)
    answer(accepted, Buffer.from(path))
    t.ok((await bench.sent()).endsWith(`\r\n\r\n${path}`))
  }
  t.equal(bench.accepted[1]?.body, 'xy')
  bench.dispose()
})

t.test('answers given at once do not nest: a thousand pipelined requests', async (t) => {
  const bench = new ServerBench()
  let depth = 0
  let deepest = 0
  bench.onRequest = (accepted) => {
    deepest = Math.max(deepest, ++depth)
    answer(accepted)
    depth--
  }
  bench.receive(GET.repeat(1000))
  t.equal((await bench.sent()).split('hello').length - 1, 1000)
  t.equal(deepest, 1)
  bench.dispose()
})

t.test('pipelined input that waits pauses the socket beyond its bound', async (t) => {
  const bench = new ServerBench({ limits: { ...DEFAULT_LIMITS, pipelineBytes: 200 } })
  bench.receive(GET.repeat(5))
  t.notOk(bench.socket.paused)
  bench.receive(GET.repeat(5))
  t.ok(bench.socket.paused)
  for (let i = 0; i < 10; i++) {
    answer(bench.accepted[i] as Accepted)
    await turn()
  }
  t.notOk(bench.socket.paused)
  t.equal(bench.connection.active, 0)
  bench.dispose()
})

t.test('request bodies in both framings, with trailers, split anywhere', async (t) => {
  const head = 'POST /up HTTP/1.1\r\nHost: a\r\n'
  const length = `${head}Content-Length: 11\r\n\r\nhello world`
  const chunked =
    `${head}Transfer-Encoding: chunked\r\n\r\n5;a=b;c="d;\\"e"\r\nhello\r\n006\r\n world\r\n0\r\n` +
    'X-Sum: 1\r\nContent-Length: 5\r\nAuthorization: x\r\n\r\n'
  for (const message of [length, chunked]) {
    for (let size = 1; size <= message.length; size++) {
      const bench = new ServerBench()
      bench.receive(message + message, size)
      const first = bench.accepted[0] as Accepted
      if (first.body !== 'hello world') t.equal(first.body, 'hello world', `in pieces of ${size}`)
      t.equal(first.events.at(-1), message === length ? 'end' : 'trailers')
      if (message === chunked) t.strictSame(first.trailers_?.names, ['x-sum'])
      answer(first)
      await turn()
      t.equal(bench.accepted[1]?.body, 'hello world', `the next message, in pieces of ${size}`)
      bench.dispose()
    }
  }
})

t.test('interim responses are passed on, but not to HTTP/1.0', async (t) => {
  for (const version of ['1.1', '1.0']) {
    const bench = new ServerBench()
    bench.onRequest = ({ stream }) =>
      stream.head(Head.response(103, Fields.of({ link: '</x>' })), null, false)
    bench.receive(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`)
    t.equal(await bench.sent(), version === '1.0' ? '' : 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n')
    bench.dispose()
  }
})

t.test('Expect: 100-continue travels, and a final answer without 100 closes', async (t) => {
  for (const proceed of [true, false]) {
    const bench = new ServerBench()
    bench.receive('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n')
    const accepted = bench.accepted[0] as Accepted
    t.equal(accepted.request.fields.get('expect'), '100-Continue')
    if (proceed) {
      accepted.stream.head(Head.response(100), null, false)
      t.equal(await bench.sent(), 'HTTP/1.1 100 Continue\r\n\r\n')
      bench.receive('ab')
      t.equal(accepted.body, 'ab')
    }
    answer(accepted)
    t.equal(/connection: close/.test(await bench.sent()), !proceed)
    t.equal(bench.socket.ended, !proceed)
    t.equal(accepted.reason?.code ?? '', proceed ? '' : 'downstream-closed')
    bench.dispose()
  }
})

t.test('added fields go behind the own ones', async (t) => {
  const bench = new ServerBench()
  const head = Head.response(200, Fields.of({ a: '1' }))
  bench.onRequest = ({ stream }) => {
    const added = new Added()
    added.requestId = 1
    added.fields = Fields.of({ b: '2' })
    stream.head(head, added, true)
  }
  for (let i = 0; i < 3; i++) {
    bench.receive(GET)
    t.match(
      await bench.sent(),
      /^HTTP\/1\.1 200 OK\r\na: 1\r\ncontent-length: 0\r\nx-request-id: [0-9a-f-]{36}\r\nb: 2\r\n\r\n$/,
    )
  }
  bench.dispose()
})

t.test('a response that breaks its own head never looks complete', async (t) => {
  for (const bodies of [
    ['hell', ''],
    ['hello', 'x'],
  ]) {
    const bench = new ServerBench()
    bench.receive(GET)
    const accepted = bench.accepted[0] as Accepted
    accepted.stream.head(Head.response(200, Fields.of({ 'content-length': '5' })), null, false)
    for (const [at, body] of bodies.entries()) {
      accepted.stream.data(Buffer.from(body), 0, body.length, at === 1)
    }
    t.ok(bench.socket.destroyed)
    t.equal(accepted.reason?.code, 'upstream-protocol')
    await turn()
    t.equal(bench.closed, 1)
  }
})

t.test('a response head that HTTP/1 cannot carry gives 502', async (t) => {
  for (const fields of [
    { 'x y': '1' },
    { x: 'a\r\nb: c' },
    { x: '\u010d\u010a' },
    { 'a: b': 'c' },
    { A: 'b' },
  ]) {
    const bench = new ServerBench()
    bench.onRequest = ({ stream }) => stream.head(Head.response(200, Fields.of(fields)), null, true)
    bench.receive(GET)
    t.match(await bench.sent(), /^HTTP\/1\.1 502 Bad Gateway\r\n[\s\S]*connection: close\r\n/)
    t.strictSame(bench.accepted[0]?.events.slice(1), ['reset upstream-protocol'])
    bench.dispose()
  }
})

t.test('answers that nobody reads do not pile up', async (t) => {
  for (const headOnly of ['HEAD', 'GET']) {
    const bench = new ServerBench()
    bench.onRequest = ({ stream }) => stream.head(Head.response(304), null, true)
    bench.socket.writableLength = 300_000
    const request = `${headOnly} / HTTP/1.1\r\nHost: a\r\n\r\n`
    bench.receive(request)
    await turn()
    for (let i = 0; i < 100; i++) bench.receive(request.repeat(100))
    await turn()
    t.equal(bench.accepted.length, 1, 'no further request is read')
    t.equal(bench.socket.paused, true)
    bench.time.pass(20_000)
    t.strictSame(bench.refused, [], 'requests that wait are not late')
    bench.socket.writableLength = 0
    bench.socket.emit('drain')
    await turn()
    t.equal(bench.accepted.length, 10_001, 'all are answered once the caller reads')
    t.equal(bench.socket.paused, false)
    bench.dispose()
  }
})
