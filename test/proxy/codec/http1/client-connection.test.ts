import t from 'tap'
import { Added } from '../../../../proxy/message/added.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { ClientBench, type Recorder, turn } from '../../../support/http1-peer.ts'

const GET = Head.request('GET', 'http', 'shop', '/a')
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
const EMPTY = Buffer.alloc(0)

function get(bench: ClientBench, head = GET): Recorder {
  const { recorder, stream } = bench.open()
  stream.head(head, null, true)
  return recorder
}

t.test('a request, its response, and the connection is free again', async (t) => {
  const bench = new ClientBench()
  t.equal(bench.connection.capacity, 1)
  for (let i = 0; i < 3; i++) {
    const recorder = get(bench)
    t.equal(bench.connection.capacity, 0)
    t.equal(bench.connection.active, 1)
    t.equal(await bench.sent(), 'GET /a HTTP/1.1\r\nhost: shop\r\n\r\n')
    bench.receive(OK)
    t.strictSame(recorder.events, ['head 200', 'end'])
    t.equal(recorder.body, 'hello')
    t.equal(bench.connection.capacity, 1)
    t.equal(bench.connection.active, 0)
  }
  t.strictSame(bench.events, ['capacity', 'capacity', 'capacity'])
  bench.dispose()
})

t.test('what is written of a request head', async (t) => {
  const added = new Added()
  added.requestId = 5
  added.fields = Fields.of({ traceparent: '00-1' })
  const crumbs = new Fields(['cookie', 'x', 'cookie', 'te'], ['a=1', 'y', 'b=2', 'trailers'])
  const cases: [string, Head, Added | null, boolean, RegExp][] = [
    [
      'crumbs joined, te nominated',
      Head.request('GET', 'http', 'a', '/', crumbs),
      null,
      true,
      /^GET \/ HTTP\/1\.1\r\nhost: a\r\ncookie: a=1; b=2\r\nx: y\r\nte: trailers\r\nconnection: te\r\n\r\n$/,
    ],
    [
      'hop-by-hop fields left out',
      Head.request(
        'GET',
        'http',
        'a',
        '/',
        Fields.of({ connection: 'x', 'transfer-encoding': 'chunked', host: 'b', upgrade: 'h2c' }),
      ),
      null,
      true,
      /^GET \/ HTTP\/1\.1\r\nhost: a\r\n\r\n$/,
    ],
    [
      'a POST without body',
      Head.request('POST', 'http', 'a', '/'),
      null,
      true,
      /\r\ncontent-length: 0\r\n\r\n$/,
    ],
    [
      'declared length',
      Head.request('PUT', 'http', 'a', '/', Fields.of({ 'content-length': '5' })),
      null,
      false,
      /\r\ncontent-length: 5\r\n\r\n$/,
    ],
    [
      'unknown length',
      Head.request('PUT', 'http', 'a', '/'),
      null,
      false,
      /\r\ntransfer-encoding: chunked\r\n\r\n$/,
    ],
    [
      'added',
      GET,
      added,
      true,
      /^GET \/a HTTP\/1\.1\r\nhost: shop\r\nx-request-id: [-0-9a-f]{36}\r\ntraceparent: 00-1\r\n\r\n$/,
    ],
    ['OPTIONS *', Head.request('OPTIONS', 'http', 'a', '*'), null, true, /^OPTIONS \* HTTP\/1\.1\r\n/],
  ]
  for (const [name, head, more, end, expected] of cases) {
    // The third writing comes from the kept bytes.
    for (let i = 0; i < 3; i++) {
      const bench = new ClientBench()
      bench.open().stream.head(head, more, end)
      t.match(await bench.sent(), expected, name)
      bench.dispose()
    }
  }
})

t.test('a request that HTTP/1 cannot carry is reset, and the connection stays usable', async (t) => {
  const heads = [
    Head.request('GET', 'http', 'a', '/x y'),
    Head.request('GET', 'http', 'a', '/x\r\nb: c'),
    Head.request('GET', 'http', 'a', ''),
    Head.request('GET', 'http', 'a', '/\u010a'),
    Head.request('GET /', 'http', 'a', '/'),
    Head.request('GET', 'http', 'a\r\nb: c', '/'),
    Head.request('GET', 'http', 'a', '/', Fields.of({ 'b: c': 'd' })),
    Head.request('GET', 'http', 'a', '/', Fields.of({ b: 'c\nd: e' })),
    Head.request('GET', 'http', 'a', '/', Fields.of({ b: 'c\0' })),
    Head.request('GET', 'http', 'a', '/', Fields.of({ cookie: 'c\r' })),
    Head.request('GET', 'http', 'a', '/', Fields.of({ 'content-length': '5' })),
  ]
  const bench = new ClientBench()
  for (const head of heads) {
    for (let i = 0; i < 2; i++) {
      const recorder = get(bench, head)
      t.strictSame(recorder.events, ['reset bad-request'], JSON.stringify(head.path))
      t.equal(bench.connection.capacity, 1)
    }
  }
  const bad = new Added()
  bad.fields = Fields.of({ x: 'a\r\n' })
  const { recorder, stream } = bench.open()
  stream.head(GET, bad, true)
  t.strictSame(recorder.events, ['reset bad-request'])
  t.equal(await bench.sent(), '')
  bench.dispose()
})

t.test('request bodies in both framings, with trailers', async (t) => {
  const bench = new ClientBench()
  const { recorder, stream } = bench.open()
  stream.head(Head.request('POST', 'http', 'a', '/'), null, false)
  await bench.sent()
  stream.data(Buffer.from('xhellox'), 1, 6, false)
  stream.data(Buffer.alloc(300, 'y'), 0, 300, false)
  t.equal(recorder.credited, 305)
  stream.data(EMPTY, 0, 0, false)
  stream.trailers(Fields.of({ 'x-sum': '1', host: 'evil', 'bad\r\n': 'x' }))
  t.equal(await bench.sent(), `5\r\nhello\r\n12c\r\n${'y'.repeat(300)}\r\n0\r\nx-sum: 1\r\n\r\n`)
  bench.receive(OK)
  t.equal(bench.connection.capacity, 1)

  const second = bench.open()
  second.stream.head(
    Head.request('POST', 'http', 'a', '/', Fields.of({ 'content-length': '5' })),
    null,
    false,
  )
  await bench.sent()
  second.stream.data(Buffer.from('hello'), 0, 5, false)
  second.stream.data(EMPTY, 0, 0, true)
  t.equal(await bench.sent(), 'hello')
  bench.receive(OK)
  t.equal(bench.connection.capacity, 1)

  const third = bench.open()
  third.stream.head(Head.request('POST', 'http', 'a', '/', Fields.of({ 'content-length': '5' })), null, false)
  third.stream.data(Buffer.from('hell'), 0, 4, true)
  t.strictSame(third.recorder.events, ['reset bad-request'])
  t.ok(bench.socket.destroyed, 'the endpoint never sees a complete request')
  await turn()
  t.equal(bench.events.at(-1), 'closed bad-request')
})

t.test('responses in every framing, split anywhere', (t) => {
  const chunked =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n6;x\r\n world\r\n0\r\nGrpc-Status: 0\r\nHost: x\r\n\r\n'
  const length = 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: keep-alive\r\n\r\nhello world'
  const interim = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: x\r\n\r\n${length}`
  const closing = 'HTTP/1.0 200\r\n\r\nhello world'
  for (const message of [chunked, length, interim, closing]) {
    for (let size = 1; size <= message.length; size++) {
      const bench = new ClientBench()
      const recorder = get(bench)
      bench.receive(message, size)
      if (message === closing) bench.socket.emit('end')
      const events = recorder.events.join()
      const expected =
        message === chunked
          ? 'head 200,trailers'
          : message === interim
            ? 'head 100,head 103,head 200,end'
            : 'head 200,end'
      if (events !== expected || recorder.body !== 'hello world') {
        t.fail(`pieces of ${size}: ${events} ${recorder.body}`)
      }
      if (message === chunked) t.strictSame(recorder.trailers_?.names, ['grpc-status'])
      t.equal(bench.connection.capacity, message === closing ? 0 : 1)
      bench.dispose()
    }
  }
  t.end()
})

t.test('data and end come together when they arrive together', (t) => {
  const bench = new ClientBench()
  const { recorder, stream } = bench.open()
  stream.head(GET, null, true)
  const ends: boolean[] = []
  const data = recorder.data.bind(recorder)
  recorder.data = (chunk, from, to, end) => {
    ends.push(end)
    data(chunk, from, to, end)
  }
  bench.receive('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')
  t.strictSame(ends, [true])
  bench.dispose()
  t.end()
})

t.test('HEAD, 204 and 304 have no body whatever their fields say', (t) => {
  const cases: [string, string][] = [
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
    ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['HEAD', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
    ['GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ]
  const bench = new ClientBench()
  for (const [method, response] of cases) {
    const recorder = get(bench, Head.request(method, 'http', 'a', '/'))
    bench.receive(response)
    t.match(recorder.events.join(), /^head \d+ end$/, response)
    t.equal(bench.connection.capacity, 1, response)
  }
  bench.dispose()
  t.end()
})

t.test('responses that are refused', async (t) => {
  const cases = [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n',
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nContent-Length: 9007199254740993\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA : b\r\n\r\n',
    'HTTP/1.1 200 OK\nA: b\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: b\n\r\n',
    'HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n',
    'HTTP/1.1 200 O\x01K\r\n\r\n',
    'HTTP/1.1  200 OK\r\n\r\n',
    'HTTP/1.1 2000 OK\r\n\r\n',
    'HTTP/1.1 20 OK\r\n\r\n',
    'HTTP/1.1 099 OK\r\n\r\n',
    'HTTP/1.1 600 OK\r\n\r\n',
    'HTTP/1.1 2x0 OK\r\n\r\n',
    'HTTP/2.0 200 OK\r\n\r\n',
    'HTTP/1.2 200 OK\r\n\r\n',
    'http/1.1 200 OK\r\n\r\n',
    'ICY 200 OK\r\n\r\n',
    '\r\nHTTP/1.1 200 OK\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n'.repeat(33),
    `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(101)}\r\n`,
    `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(70_000)}\r\n\r\n`,
  ]
  for (const response of cases) {
    for (const size of [response.length, 7]) {
      const bench = new ClientBench()
      const recorder = get(bench)
      bench.receive(response, size)
      t.equal(recorder.reason?.code, 'upstream-protocol', JSON.stringify(response.slice(0, 70)))
      t.notOk(recorder.head_, 'nothing is handed on')
      t.ok(bench.socket.destroyed)
      await turn()
      t.strictSame(bench.events, ['closed upstream-protocol'])
    }
  }
})

t.test('a malformed chunk in a response resets it', (t) => {
  for (const body of [
    '5 \r\nhello',
    '5\nhello',
    'g\r\n',
    '-1\r\n',
    '5\r\nhellox\r\n',
    '5\r\nhello\n',
    '\r\n',
    '20000000000000\r\n',
    '00000000000000005\r\n',
    `5;${'a'.repeat(300)}\r\n`,
    '5;\r\n',
    '5;a=\r\n',
    '5;a b\r\n',
    '5\r\nhello\r\n0\r\nA : b\r\n\r\n',
  ]) {
    const bench = new ClientBench()
    const recorder = get(bench)
    bench.receive(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`, 3)
    t.equal(recorder.reason?.code, 'upstream-protocol', JSON.stringify(body.slice(0, 30)))
    t.ok(bench.socket.destroyed)
  }
  t.end()
})
