import t from 'tap'
import { CONNECTION_WINDOW } from '../../../../proxy/codec/http2/options.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import {
  data,
  END_STREAM,
  goaway,
  headers,
  OK,
  type Pairs,
  ping,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../../../support/frames.ts'
import { ClientBench } from '../../../support/http2-bench.ts'

const GET = Head.request('GET', 'http', 'a.test', '/')
const HEAD = Head.request('HEAD', 'http', 'a.test', '/')
const POST = Head.request('POST', 'http', 'a.test', '/', Fields.of({ 'x-a': 'b' }))
const SENT_GET: Pairs = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a.test'],
]

t.test('the connection begins with preface and settings, and waits for the server’s', async (t) => {
  const bench = new ClientBench({}, false)
  bench.transport.flush()
  const sent = Buffer.concat(bench.socket.written)
  bench.socket.written = []
  t.equal(sent.toString('latin1', 0, 24), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  t.strictSame(bench.coder.read(sent.subarray(24)), [
    settings({ 2: 0, 4: 65536, 6: 65536 }),
    windowUpdate(0, CONNECTION_WINDOW - 65535),
  ])
  t.equal(bench.connection.capacity, 0)
  bench.send(settings({ 3: 7 }))
  t.equal(bench.connection.capacity, 7)
  t.strictSame(bench.events, ['capacity'])
  bench.expect(settingsAck())
})

t.test('a request and its response', async (t) => {
  const bench = new ClientBench()
  const { stream, response } = bench.request(POST, false)
  stream.data(Buffer.from('body'), 0, 4, false)
  stream.trailers(Fields.of({ c: 'd' }))
  bench.expect(
    headers(1, [[':method', 'POST'], ...SENT_GET.slice(1), ['x-a', 'b']]),
    data(1, 'body'),
    headers(1, { c: 'd' }, END_STREAM),
  )
  t.equal(response.credited, 4)
  bench.send(headers(1, { ':status': '100' }), headers(1, { ':status': '103', link: 'x' }))
  bench.send(headers(1, { ':status': '200', 'content-length': '5' }), data(1, 'hel'), data(1, 'lo'))
  bench.send(headers(1, { 'grpc-status': '0' }, END_STREAM))
  t.strictSame(
    response.heads.map(({ status }) => status),
    [100, 103, 200],
  )
  t.equal(response.body, 'hello')
  t.strictSame(response.fields, Fields.of({ 'grpc-status': '0' }))
  t.equal(bench.connection.active, 0)
  t.strictSame(bench.events, ['capacity'])
})

t.test('streams are numbered 1, 3, 5 and no more are open than both sides allow', async (t) => {
  const bench = new ClientBench({ maxStreams: 3 })
  t.equal(bench.connection.capacity, 3)
  bench.send(settings({ 3: 2 }))
  t.equal(bench.connection.capacity, 2)
  bench.take()
  bench.request(GET)
  bench.request(GET)
  t.equal(bench.connection.capacity, 0)
  bench.expect(headers(1, SENT_GET, END_STREAM), headers(3, SENT_GET, END_STREAM))
  bench.send(settings({ 3: 1 }))
  t.equal(bench.connection.capacity, 0, 'more open than allowed by now')
  bench.send(headers(1, OK, END_STREAM))
  t.equal(bench.connection.capacity, 0)
  bench.send(headers(3, OK, END_STREAM))
  t.equal(bench.connection.capacity, 1)
  bench.take()
  bench.request(GET)
  bench.expect(headers(5, SENT_GET, END_STREAM))
})

t.test('an owner that opens a stream as soon as there is room', async (t) => {
  const bench = new ClientBench({ maxStreams: 1 })
  let opened = 0
  bench.onCapacity = () => {
    if (bench.connection.capacity > 0 && opened < 5) {
      opened += 1
      bench.request(GET)
    }
  }
  bench.request(GET)
  for (let id = 1; id < 11; id += 2)
    bench.send(id % 4 === 1 ? headers(id, OK, END_STREAM) : rstStream(id, 'CANCEL'))
  t.equal(opened, 5)
  t.equal(bench.connection.active, 1)
})

t.test('responses without a body', async (t) => {
  for (const [request, fields] of [
    [HEAD, { ':status': '200', 'content-length': '5' }],
    [GET, { ':status': '304', 'content-length': '5' }],
    [GET, { ':status': '204' }],
    [GET, { ':status': '200', 'content-length': '0' }],
  ] as const) {
    for (const apart of [false, true]) {
      const bench = new ClientBench()
      const { response } = bench.request(request)
      bench.send(headers(1, fields, !apart))
      if (apart) bench.send(data(1, '', END_STREAM))
      t.equal(response.ended, true)
      t.strictSame(response.resets, [])
    }
  }
})

t.test('what a reset means', async (t) => {
  const codes = { REFUSED_STREAM: 'refused-stream', CANCEL: 'upstream-reset', '77': 'upstream-reset' }
  for (const [code, meaning] of Object.entries(codes)) {
    const bench = new ClientBench()
    const { response } = bench.request(POST, false)
    bench.send(rstStream(1, code))
    t.match(response.resets, [{ code: meaning, unprocessed: code === 'REFUSED_STREAM' }])
    if (code === 'CANCEL') t.equal(response.resets[0]?.http2, 8)
    t.equal(bench.connection.active, 0)
  }
})

t.test('a reset with NO_ERROR before the end is an error for whoever waits', async (t) => {
  const bench = new ClientBench()
  const { response } = bench.request(POST, false)
  bench.send(headers(1, OK), data(1, 'part'), rstStream(1, 'NO_ERROR'))
  t.match(response.resets, [{ code: 'upstream-reset' }])
  t.not(response.resets[0]?.http2, 0, 'it must not look like an end in order')
})

t.test('a complete response, then RST_STREAM: the rest of the request is not wanted', async (t) => {
  const bench = new ClientBench()
  const { stream, response } = bench.request(POST, false)
  bench.take()
  bench.send(headers(1, OK, END_STREAM))
  t.equal(response.ended, true)
  t.equal(bench.connection.active, 1)
  bench.send(rstStream(1, 'NO_ERROR'))
  t.match(response.resets, [{ code: 'upstream-reset' }])
  t.equal(bench.connection.active, 0)
  stream.data(Buffer.from('abc'), 0, 3, true)
  t.same(bench.take(), [])
})

t.test('GOAWAY without streams closes at once', async (t) => {
  const bench = new ClientBench()
  bench.send(goaway(0, 'ENHANCE_YOUR_CALM'))
  t.equal(bench.transport.closing, true)
  t.strictSame(bench.events, ['retired'])
})

t.test('drain: no new streams, close behind the last', async (t) => {
  const bench = new ClientBench()
  bench.request(GET)
  bench.connection.drain()
  bench.connection.drain()
  t.strictSame(bench.events, ['retired'])
  t.equal(bench.connection.capacity, 0)
  bench.send(headers(1, OK, END_STREAM))
  t.equal(bench.transport.closing, true)
  bench.hangUp()
  t.strictSame(bench.events, ['retired', 'closed'])
})

t.test('FIN: streams end, and no new one is opened on what is left', async (t) => {
  const bench = new ClientBench()
  const { response } = bench.request(GET)
  let capacity = -1
  response.reset = (reason) => {
    capacity = bench.connection.capacity
    response.resets.push(reason)
  }
  bench.onCapacity = () => {
    if (bench.connection.capacity > 0) t.fail('offered again')
  }
  bench.socket.emit('end')
  t.match(response.resets, [{ code: 'upstream-closed', unprocessed: false }])
  t.equal(capacity, 0)
  t.equal(bench.connection.capacity, 0)
  bench.hangUp()
  t.equal(response.resets.length, 1)
  t.match(bench.closedFor, { code: 'upstream-closed' })
})

t.test('a socket that breaks', async (t) => {
  const bench = new ClientBench()
  const { response } = bench.request(GET)
  bench.send(headers(1, OK), data(1, 'half'))
  bench.hangUp(new Error('ECONNRESET'))
  t.match(response.resets, [{ code: 'upstream-closed', detail: 'ECONNRESET' }])
  t.equal(response.ended, false)
  t.equal(bench.connection.capacity, 0)
})

t.test('a server whose SETTINGS do not come is at fault', async (t) => {
  const bench = new ClientBench({ headMs: 1000 }, false)
  bench.clock.advance(1030)
  t.equal(bench.transport.closing, true)
  bench.hangUp()
  t.match(bench.closedFor, { code: 'upstream-protocol', fault: 'upstream' })
})

t.test('a first frame that is not SETTINGS', async (t) => {
  const bench = new ClientBench({}, false)
  bench.send(ping())
  t.equal(bench.transport.closing, true)
  t.equal(bench.connection.capacity, 0)
})

t.test('cancelling a request resets its stream, with the reason’s code', async (t) => {
  const bench = new ClientBench()
  const { stream, response } = bench.request(POST, false)
  bench.take()
  stream.cancel(reasons.downstreamReset)
  stream.cancel(reasons.downstreamReset)
  bench.expect(rstStream(1, 'CANCEL'))
  bench.send(headers(1, OK), data(1, 'late', END_STREAM))
  bench.expect()
  t.strictSame(response.heads, [])
  t.strictSame(response.resets, [])
  t.equal(bench.connection.active, 0)
  t.equal(bench.connection.windowWithCredit, CONNECTION_WINDOW)
})

t.test('a head that waits behind the table stays in order with bodies', async (t) => {
  const bench = new ClientBench()
  for (let i = 0; i < 20; i++) bench.request(Head.request('GET', 'http', 'a.test', `/${i % 3}`))
  const paths = bench.take().map((frame) => (frame.type === 'HEADERS' ? frame.fields[2]?.[1] : ''))
  t.strictSame(
    paths,
    Array.from({ length: 20 }, (_, i) => `/${i % 3}`),
  )
})
