import t from 'tap'
import { PREFACE } from '../../../../proxy/codec/http2/constants.ts'
import type { Http2ServerOptions } from '../../../../proxy/codec/http2/server-connection.ts'
import { Head } from '../../../../proxy/message/head.ts'
import {
  data,
  END_STREAM,
  type Frame,
  GET,
  goaway,
  headers,
  type Pairs,
  POST,
  priority,
  raw,
  rstStream,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from '../../../support/frames.ts'
import { ServerBench } from '../../../support/http2-bench.ts'

const DATA = 0
const HEADERS = 1
const PRIORITY = 2
const RST_STREAM = 3
const SETTINGS = 4
const PUSH_PROMISE = 5
const PING = 6
const GOAWAY = 7
const WINDOW_UPDATE = 8
const CONTINUATION = 9

interface Case {
  readonly name: string
  readonly frames: readonly Frame[]
  /** What the last frame is answered with: a code, on stream `on` or, without, on the connection. */
  readonly code: string
  readonly on?: number
  readonly options?: Partial<Http2ServerOptions>
  /** The server answers each request when it comes. */
  readonly answering?: boolean
}

function block(fields: Pairs): Buffer {
  return new ServerBench().coder.block(fields)
}

function check(cases: readonly Case[]): void {
  for (const { name, frames, code, on, options, answering } of cases) {
    t.test(`${name}: ${on === undefined ? 'connection' : 'stream'} error ${code}`, async (t) => {
      const bench = new ServerBench(options)
      if (answering === true) bench.onRequest = ({ stream }) => stream.head(Head.response(200), null, true)
      for (const frame of frames.slice(0, -1)) bench.send(frame)
      const before = bench.take().filter((frame) => frame.type !== 'WINDOW_UPDATE')
      t.notOk(
        before.some(({ type }) => type === 'GOAWAY' || type === 'RST_STREAM'),
        'all is well so far',
      )
      bench.send(frames[frames.length - 1] as Frame)
      const sent = bench.take().filter((frame) => frame.type !== 'WINDOW_UPDATE')
      if (on === undefined) {
        t.match(sent, [{ type: 'GOAWAY', code }])
        t.not((sent[0] as { debug: string }).debug, '', 'and says why')
        t.equal(bench.transport.closing, true)
        t.equal(bench.connection.active, 0)
      } else {
        t.strictSame(sent, [rstStream(on, code)])
        t.equal(bench.transport.closing, false)
        bench.send(headers(9, GET, END_STREAM))
        t.equal(bench.accepted.at(-1)?.request.path, '/', 'other streams go on')
      }
      for (const accepted of bench.accepted) t.ok(accepted.resets.length <= 1, 'told at most once')
    })
  }
}

check([
  {
    name: 'a frame above 16384 bytes',
    frames: [raw(DATA, 0, 1, Buffer.alloc(16385))],
    code: 'FRAME_SIZE_ERROR',
  },
  { name: 'DATA on stream 0', frames: [data(0, 'x')], code: 'PROTOCOL_ERROR' },
  { name: 'DATA on an idle stream', frames: [data(1, 'x')], code: 'PROTOCOL_ERROR' },
  { name: 'DATA on an even stream', frames: [headers(3, POST), data(2, 'x')], code: 'PROTOCOL_ERROR' },
  { name: 'padded DATA of length 0', frames: [headers(1, POST), raw(DATA, 8, 1)], code: 'FRAME_SIZE_ERROR' },
  {
    name: 'DATA with more padding than payload',
    frames: [headers(1, POST), raw(DATA, 8, 1, '\x05abcd')],
    code: 'PROTOCOL_ERROR',
  },
  { name: 'HEADERS on stream 0', frames: [headers(0, GET)], code: 'PROTOCOL_ERROR' },
  { name: 'HEADERS on an even stream', frames: [headers(2, GET)], code: 'PROTOCOL_ERROR' },
  {
    name: 'HEADERS on a stream that was passed over',
    frames: [headers(5, GET, END_STREAM), headers(3, GET, END_STREAM)],
    code: 'PROTOCOL_ERROR',
  },
  {
    name: 'HEADERS on a stream that both sides have ended',
    frames: [headers(1, GET, END_STREAM), headers(1, GET, END_STREAM)],
    answering: true,
    code: 'STREAM_CLOSED',
  },
  {
    name: 'HEADERS with more padding than payload',
    frames: [raw(HEADERS, 0xc, 1, Buffer.concat([Buffer.from([200]), block(GET)]))],
    code: 'PROTOCOL_ERROR',
  },
  {
    name: 'HEADERS with padding that reaches into the priority',
    frames: [raw(HEADERS, 0x2c, 1, Buffer.from([4, 0, 0, 0, 0, 1, 0x82]))],
    code: 'PROTOCOL_ERROR',
  },
  { name: 'padded HEADERS of length 0', frames: [raw(HEADERS, 0xc, 1)], code: 'FRAME_SIZE_ERROR' },
  {
    name: 'HEADERS too short for its priority',
    frames: [raw(HEADERS, 0x24, 1, 'abcd')],
    code: 'FRAME_SIZE_ERROR',
  },
  {
    name: 'HEADERS that depends on itself',
    frames: [raw(HEADERS, 0x24, 1, Buffer.concat([uint32(1), Buffer.from([0]), block(GET)]))],
    code: 'PROTOCOL_ERROR',
  },
  { name: 'PRIORITY on stream 0', frames: [priority(0)], code: 'PROTOCOL_ERROR' },
  {
    name: 'PRIORITY of 4 bytes',
    frames: [headers(1, POST), raw(PRIORITY, 0, 1, 'abcd')],
    on: 1,
    code: 'FRAME_SIZE_ERROR',
  },
  { name: 'RST_STREAM on stream 0', frames: [rstStream(0, 'CANCEL')], code: 'PROTOCOL_ERROR' },
  { name: 'RST_STREAM on an idle stream', frames: [rstStream(1, 'CANCEL')], code: 'PROTOCOL_ERROR' },
  {
    name: 'RST_STREAM of 3 bytes',
    frames: [headers(1, POST), raw(RST_STREAM, 0, 1, 'abc')],
    code: 'FRAME_SIZE_ERROR',
  },
  { name: 'SETTINGS on a stream', frames: [raw(SETTINGS, 0, 1)], code: 'PROTOCOL_ERROR' },
  { name: 'SETTINGS of 5 bytes', frames: [raw(SETTINGS, 0, 0, 'abcde')], code: 'FRAME_SIZE_ERROR' },
  {
    name: 'an acknowledgement of SETTINGS with a payload',
    frames: [raw(SETTINGS, 1, 0, 'abcdef')],
    code: 'FRAME_SIZE_ERROR',
  },
  { name: 'ENABLE_PUSH 2', frames: [settings({ 2: 2 })], code: 'PROTOCOL_ERROR' },
  { name: 'INITIAL_WINDOW_SIZE 2^31', frames: [settings({ 4: 2 ** 31 })], code: 'FLOW_CONTROL_ERROR' },
  { name: 'MAX_FRAME_SIZE 16383', frames: [settings({ 5: 16383 })], code: 'PROTOCOL_ERROR' },
  { name: 'MAX_FRAME_SIZE 2^24', frames: [settings({ 5: 2 ** 24 })], code: 'PROTOCOL_ERROR' },
  {
    name: 'more than 32 settings in a frame',
    frames: [raw(SETTINGS, 0, 0, Buffer.concat(Array(33).fill(Buffer.from([0, 99, 0, 0, 0, 0]))))],
    code: 'ENHANCE_YOUR_CALM',
  },
  {
    name: 'INITIAL_WINDOW_SIZE that makes a window overflow',
    frames: [headers(1, POST), windowUpdate(1, 2 ** 31 - 1 - 65535), settings({ 4: 65536 })],
    code: 'FLOW_CONTROL_ERROR',
  },
  { name: 'PUSH_PROMISE', frames: [raw(PUSH_PROMISE, 4, 1, 'abcd')], code: 'PROTOCOL_ERROR' },
  { name: 'PING on a stream', frames: [raw(PING, 0, 1, '12345678')], code: 'PROTOCOL_ERROR' },
  { name: 'PING of 7 bytes', frames: [raw(PING, 0, 0, '1234567')], code: 'FRAME_SIZE_ERROR' },
  { name: 'GOAWAY on a stream', frames: [raw(GOAWAY, 0, 1, '12345678')], code: 'PROTOCOL_ERROR' },
  { name: 'GOAWAY of 7 bytes', frames: [raw(GOAWAY, 0, 0, '1234567')], code: 'FRAME_SIZE_ERROR' },
  { name: 'WINDOW_UPDATE of 3 bytes', frames: [raw(WINDOW_UPDATE, 0, 0, 'abc')], code: 'FRAME_SIZE_ERROR' },
  { name: 'WINDOW_UPDATE by 0 of the connection', frames: [windowUpdate(0, 0)], code: 'PROTOCOL_ERROR' },
  {
    name: 'WINDOW_UPDATE by 0 of a stream',
    frames: [headers(1, POST), windowUpdate(1, 0)],
    on: 1,
    code: 'PROTOCOL_ERROR',
  },
  { name: 'WINDOW_UPDATE of an idle stream', frames: [windowUpdate(1, 1)], code: 'PROTOCOL_ERROR' },
  {
    name: 'the connection window above 2^31-1',
    frames: [windowUpdate(0, 2 ** 31 - 1)],
    code: 'FLOW_CONTROL_ERROR',
  },
  {
    name: 'a stream window above 2^31-1',
    frames: [headers(1, POST), windowUpdate(1, 2 ** 31 - 1)],
    on: 1,
    code: 'FLOW_CONTROL_ERROR',
  },
  { name: 'CONTINUATION without HEADERS', frames: [raw(CONTINUATION, 4, 1)], code: 'PROTOCOL_ERROR' },
  { name: 'CONTINUATION on stream 0', frames: [raw(CONTINUATION, 4, 0)], code: 'PROTOCOL_ERROR' },
  {
    name: 'CONTINUATION behind END_HEADERS',
    frames: [headers(1, POST), raw(CONTINUATION, 4, 1)],
    code: 'PROTOCOL_ERROR',
  },
  {
    name: 'CONTINUATION of another stream',
    frames: [raw(HEADERS, 0, 1, block(GET)), raw(CONTINUATION, 4, 3)],
    code: 'PROTOCOL_ERROR',
  },
  {
    name: 'another frame inside a header block',
    frames: [raw(HEADERS, 0, 1, block(GET)), raw(PING, 0, 0, '12345678')],
    code: 'PROTOCOL_ERROR',
  },
  {
    name: 'an unknown frame inside a header block',
    frames: [raw(HEADERS, 0, 1, block(GET)), raw(0xbb, 0, 1)],
    code: 'PROTOCOL_ERROR',
  },
  {
    name: 'a ninth CONTINUATION',
    frames: [raw(HEADERS, 0, 1, block(GET)), ...Array(9).fill(raw(CONTINUATION, 0, 1))],
    code: 'ENHANCE_YOUR_CALM',
  },
  {
    name: 'a header block of twice the allowed size',
    frames: [
      raw(HEADERS, 0, 1, block(GET)),
      raw(CONTINUATION, 0, 1, Buffer.alloc(4000)),
      raw(CONTINUATION, 0, 1, Buffer.alloc(16000)),
    ],
    options: { maxHeadBytes: 8192 },
    code: 'ENHANCE_YOUR_CALM',
  },
  {
    name: 'a header block that is no HPACK',
    frames: [raw(HEADERS, 5, 1, '\xff\xff')],
    code: 'COMPRESSION_ERROR',
  },
  {
    name: 'trailers that are no HPACK',
    frames: [headers(1, POST), raw(HEADERS, 5, 1, '\xff\xff')],
    code: 'COMPRESSION_ERROR',
  },
  {
    name: 'HPACK is decoded and checked on a stream that is refused, too',
    frames: [headers(1, POST), raw(HEADERS, 5, 3, '\xff\xff')],
    options: { maxStreams: 1 },
    code: 'COMPRESSION_ERROR',
  },
  {
    name: 'DATA after END_STREAM',
    frames: [headers(1, POST, END_STREAM), data(1, 'x')],
    on: 1,
    code: 'STREAM_CLOSED',
  },
  {
    name: 'HEADERS after END_STREAM',
    frames: [headers(1, POST, END_STREAM), headers(1, GET, END_STREAM)],
    on: 1,
    code: 'STREAM_CLOSED',
  },
  {
    name: 'DATA on a stream that both sides have ended',
    frames: [headers(1, GET, END_STREAM), data(1, 'x')],
    answering: true,
    on: 1,
    code: 'STREAM_CLOSED',
  },
  {
    name: 'DATA on a stream that the client has reset',
    frames: [headers(1, POST), rstStream(1, 'CANCEL'), data(1, 'x')],
    on: 1,
    code: 'STREAM_CLOSED',
  },
  {
    name: 'trailers without END_STREAM',
    frames: [headers(1, POST), headers(1, { a: 'b' })],
    on: 1,
    code: 'PROTOCOL_ERROR',
  },
  {
    name: 'a pseudo-field in trailers',
    frames: [headers(1, POST), headers(1, { ':method': 'GET' }, END_STREAM)],
    on: 1,
    code: 'PROTOCOL_ERROR',
  },
  {
    name: 'more DATA than the stream window',
    frames: [headers(1, POST), data(1, 'x'.repeat(101))],
    options: { streamWindow: 100, maxStreamWindow: 100 },
    on: 1,
    code: 'FLOW_CONTROL_ERROR',
  },
  {
    name: 'padding counts for the window',
    frames: [headers(1, POST), data(1, 'x', false, 100)],
    options: { streamWindow: 101, maxStreamWindow: 101 },
    on: 1,
    code: 'FLOW_CONTROL_ERROR',
  },
  {
    name: 'more DATA than the connection window',
    frames: [...[1, 3, 5, 7].flatMap((id) => [headers(id, POST), data(id, 'x'.repeat(16384))])],
    options: { connectionWindow: 0 },
    code: 'FLOW_CONTROL_ERROR',
  },
])

t.test('a stream above the limit is refused, and its DATA is credited to the connection', async (t) => {
  const bench = new ServerBench({ maxStreams: 1, connectionWindow: 65535 })
  bench.send(headers(1, POST), headers(3, POST))
  bench.expect(rstStream(3, 'REFUSED_STREAM'))
  bench.send(data(3, 'x'.repeat(5000), END_STREAM))
  bench.expect()
  t.equal(bench.connection.windowWithCredit, 65535)
  t.equal(bench.accepted.length, 1)
})

t.test('frames that may still come on a stream that we have reset are ignored', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST), windowUpdate(1, 0))
  bench.expect(rstStream(1, 'PROTOCOL_ERROR'))
  bench.send(
    data(1, 'x'),
    headers(1, { a: 'b' }, END_STREAM),
    rstStream(1, 'CANCEL'),
    windowUpdate(1, 5),
    priority(1),
  )
  bench.expect()
  t.equal(bench.transport.closing, false)
})

t.test('what may come on a stream that is over is ignored', async (t) => {
  const bench = new ServerBench()
  bench.onRequest = ({ stream }) => stream.head(Head.response(200), null, true)
  bench.send(headers(1, GET, END_STREAM))
  bench.take()
  bench.send(windowUpdate(1, 5), rstStream(1, 'CANCEL'), priority(1), rstStream(1, 'CANCEL'))
  bench.expect()
  t.equal(bench.transport.closing, false)
})

t.test('what does not start with the preface is cut off', async (t) => {
  const bench = new ServerBench({}, false)
  bench.take()
  bench.sendBytes(Buffer.from('PRI * HTTP/1.1\r\n\r\n'))
  bench.expect(goaway(0, 'PROTOCOL_ERROR'))
  t.equal(bench.transport.closing, true)
})

t.test('the preface may come byte by byte, and SETTINGS must follow it', async (t) => {
  const bench = new ServerBench({}, false)
  t.match(bench.takeTypes(), ['SETTINGS', 'WINDOW_UPDATE'])
  for (const byte of PREFACE) bench.sendBytes(Buffer.from([byte]))
  bench.send(settings())
  bench.expect(settingsAck())
  for (const first of [headers(1, GET, END_STREAM), settingsAck(), windowUpdate(0, 1)]) {
    const other = new ServerBench({}, false)
    other.take()
    other.sendBytes(PREFACE)
    other.send(first)
    other.expect(goaway(0, 'PROTOCOL_ERROR'))
    t.equal(other.accepted.length, 0)
  }
})

t.test('nothing is read behind an error', async (t) => {
  const bench = new ServerBench()
  const rest = bench.coder.write(headers(1, GET, END_STREAM))
  bench.sendBytes(Buffer.concat([bench.coder.write(windowUpdate(0, 0)), rest.subarray(0, 12)]))
  bench.expect(goaway(0, 'PROTOCOL_ERROR'))
  bench.sendBytes(rest.subarray(12))
  bench.send(headers(3, GET, END_STREAM))
  bench.expect()
  t.equal(bench.accepted.length, 0)
})

t.test('a frame that was cut off by an end from our side is not read on', async (t) => {
  const bench = new ServerBench()
  const frame = bench.coder.write(headers(1, GET, END_STREAM))
  bench.sendBytes(frame.subarray(0, 12))
  bench.connection.frameError(2, 'test')
  bench.take()
  bench.sendBytes(frame.subarray(12))
  bench.expect()
  t.equal(bench.accepted.length, 0)
})
