import t from 'tap'
import { CONNECTION_WINDOW } from '../../../../proxy/codec/http2/options.ts'
import { Head } from '../../../../proxy/message/head.ts'
import {
  data,
  END_STREAM,
  type FieldsOf,
  type Frame,
  headers,
  OK,
  type Pairs,
  raw,
  rstStream,
  settings,
  windowUpdate,
} from '../../../support/frames.ts'
import { ClientBench } from '../../../support/http2-bench.ts'

const GET = Head.request('GET', 'http', 'a.test', '/')
const HEAD = Head.request('HEAD', 'http', 'a.test', '/')
const POST = Head.request('POST', 'http', 'a.test', '/')

interface Case {
  readonly name: string
  readonly frames: readonly Frame[]
  readonly code: string
  /** A stream error; otherwise the connection's. */
  readonly stream?: boolean
  readonly request?: Head
}

const malformed: Record<string, FieldsOf> = {
  'no :status': { a: 'b' },
  'a :status of two digits': { ':status': '20' },
  'a :status that is no number': { ':status': '2xx' },
  ':status 099': { ':status': '099' },
  'two :status': [...OK, ...OK],
  ':status behind a field': [['a', 'b'], ...OK] as Pairs,
  'a :path': { ':status': '200', ':path': '/' },
  'status 101': { ':status': '101' },
  connection: { ':status': '200', connection: 'close' },
  'transfer-encoding': { ':status': '200', 'transfer-encoding': 'chunked' },
  'an upper-case name': { ':status': '200', A: 'b' },
  'LF in a value': { ':status': '200', a: 'b\nc' },
  'a malformed content-length': { ':status': '200', 'content-length': '-1' },
}

const cases: Case[] = [
  ...Object.entries(malformed).map(([name, fields]) => ({
    name,
    frames: [headers(1, fields, END_STREAM)],
    code: 'PROTOCOL_ERROR',
    stream: true,
  })),
  {
    name: 'a head of more fields than allowed',
    frames: [
      headers(
        1,
        Array.from({ length: 102 }, (_, i) => [i === 0 ? ':status' : `x-${i}`, '200'] as const),
        END_STREAM,
      ),
    ],
    code: 'PROTOCOL_ERROR',
    stream: true,
  },
  {
    name: 'an interim response with END_STREAM',
    frames: [headers(1, { ':status': '100' }, END_STREAM)],
    code: 'PROTOCOL_ERROR',
    stream: true,
  },
  { name: 'DATA before the head', frames: [data(1, 'x')], code: 'PROTOCOL_ERROR', stream: true },
  {
    name: 'DATA behind an interim response',
    frames: [headers(1, { ':status': '100' }), data(1, 'x')],
    code: 'PROTOCOL_ERROR',
    stream: true,
  },
  {
    name: 'fewer bytes than declared',
    frames: [headers(1, { ':status': '200', 'content-length': '5' }), data(1, 'abc', END_STREAM)],
    code: 'PROTOCOL_ERROR',
    stream: true,
  },
  {
    name: 'more bytes than declared',
    frames: [headers(1, { ':status': '200', 'content-length': '2' }), data(1, 'abc')],
    code: 'PROTOCOL_ERROR',
    stream: true,
  },
  {
    name: 'a declared length without a body',
    frames: [headers(1, { ':status': '200', 'content-length': '5' }, END_STREAM)],
    code: 'PROTOCOL_ERROR',
    stream: true,
  },
  {
    name: 'a body to HEAD',
    frames: [headers(1, { ':status': '200', 'content-length': '3' }), data(1, 'abc', END_STREAM)],
    code: 'PROTOCOL_ERROR',
    stream: true,
    request: HEAD,
  },
  {
    name: 'a body to 204',
    frames: [headers(1, { ':status': '204' }), data(1, 'abc', END_STREAM)],
    code: 'PROTOCOL_ERROR',
    stream: true,
  },
  {
    name: 'a second final head',
    frames: [headers(1, OK), headers(1, OK)],
    code: 'PROTOCOL_ERROR',
    stream: true,
  },
  {
    name: 'trailers without END_STREAM',
    frames: [headers(1, OK), headers(1, { a: 'b' })],
    code: 'PROTOCOL_ERROR',
    stream: true,
  },
  { name: 'WINDOW_UPDATE by 0', frames: [windowUpdate(1, 0)], code: 'PROTOCOL_ERROR', stream: true },
  { name: 'HEADERS on an idle stream', frames: [headers(5, OK)], code: 'PROTOCOL_ERROR' },
  { name: 'HEADERS on a server’s stream', frames: [headers(2, OK)], code: 'PROTOCOL_ERROR' },
  { name: 'DATA on an idle stream', frames: [data(5, 'x')], code: 'PROTOCOL_ERROR' },
  { name: 'RST_STREAM on an idle stream', frames: [rstStream(5, 'CANCEL')], code: 'PROTOCOL_ERROR' },
  { name: 'PUSH_PROMISE', frames: [raw(5, 4, 1, '\0\0\0\x02\x82')], code: 'PROTOCOL_ERROR' },
  { name: 'ENABLE_PUSH 1 from a server', frames: [settings({ 2: 1 })], code: 'PROTOCOL_ERROR' },
  { name: 'a head that is no HPACK', frames: [raw(1, 5, 1, '\xff\xff')], code: 'COMPRESSION_ERROR' },
  {
    name: 'a frame that is too large',
    frames: [raw(0, 0, 1, Buffer.alloc(16385))],
    code: 'FRAME_SIZE_ERROR',
  },
]

for (const { name, frames, code, stream, request } of cases) {
  t.test(`${name}: ${stream === true ? 'stream' : 'connection'} error ${code}`, async (t) => {
    const bench = new ClientBench()
    const first = bench.request(request ?? POST, request !== undefined)
    const second = bench.request(GET)
    bench.take()
    bench.send(...frames)
    const sent = bench.take().filter(({ type }) => type === 'RST_STREAM' || type === 'GOAWAY')
    t.match(first.response.resets, [{ code: 'upstream-protocol', unprocessed: false }])
    t.not(first.response.resets[0]?.detail, '')
    t.equal(first.response.ended, false, 'nothing broken looks complete')
    if (stream === true) {
      t.strictSame(sent, [rstStream(1, code)])
      bench.send(headers(3, OK, END_STREAM))
      t.equal(second.response.ended, true)
      t.equal(bench.connection.windowWithCredit, CONNECTION_WINDOW)
    } else {
      t.match(sent, [{ type: 'GOAWAY', code, last: 0 }])
      t.match(second.response.resets, [{ code: 'upstream-protocol' }])
      t.equal(bench.connection.capacity, 0)
      bench.hangUp()
      t.match(bench.closedFor, { code: 'upstream-protocol' })
    }
  })
}
