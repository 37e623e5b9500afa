import t from 'tap'
import { Head } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import {
  data,
  END_STREAM,
  type Frame,
  GET,
  goaway,
  headers,
  OK,
  POST,
  ping,
  pingAck,
  priority,
  raw,
  rstStream,
  windowUpdate,
} from '../../support/frames.ts'
import { ClientBench, ServerBench } from '../../support/http2-bench.ts'
import type { Role, State } from './ends.ts'
import { type Case, connectionError, fine, type Outcome, section, streamError } from './table.ts'

const CONTINUATION = 9
const PUSH_PROMISE = 5
const UNKNOWN = 0xbb

const protocolError = connectionError('PROTOCOL_ERROR')
const streamClosed = streamError('STREAM_CLOSED')
const connectionClosed = connectionError('STREAM_CLOSED')

const STATES: readonly State[] = [
  'idle',
  'requested',
  'open',
  'half-closed (remote)',
  'half-closed (local)',
  'closed',
  'reset by us',
  'reset by the peer',
]

type Row = readonly [name: string, frame: Frame, ...outcomes: readonly Outcome[]]

// A row per frame type, a column per state of the stream, in the order of STATES.
const BOTH_ROLES: readonly Row[] = [
  ['RST_STREAM', rstStream(1, 'CANCEL'), protocolError, fine, fine, fine, fine, fine, fine, fine],
  ['WINDOW_UPDATE', windowUpdate(1, 1), protocolError, fine, fine, fine, fine, fine, fine, fine],
  ['PRIORITY', priority(1), fine, fine, fine, fine, fine, fine, fine, fine],
  ['an unknown frame', raw(UNKNOWN, 0, 1, 'x'), fine, fine, fine, fine, fine, fine, fine, fine],
  ['CONTINUATION', raw(CONTINUATION, 4, 1), ...STATES.map(() => protocolError)],
  ['PUSH_PROMISE', raw(PUSH_PROMISE, 4, 1, '\0\0\0\x02\x82'), ...STATES.map(() => protocolError)],
]

const frameSize = streamError('FRAME_SIZE_ERROR')
const wrongPriority: Row = ['PRIORITY of 4 bytes', raw(2, 0, 1, 'abcd'), connectionError('FRAME_SIZE_ERROR'), frameSize, frameSize, frameSize, frameSize, frameSize, fine, frameSize] // biome-ignore format: one table

const trailers = headers(1, { 'x-a': 'b' }, END_STREAM)
const SERVER: readonly Row[] = [
  ['DATA', data(1, 'x'), protocolError, fine, fine, streamClosed, fine, streamClosed, fine, streamClosed],
  ['empty DATA', data(1, ''), protocolError, fine, fine, streamClosed, fine, streamClosed, fine, streamClosed],
  ['the end', data(1, '', true), protocolError, fine, fine, streamClosed, fine, streamClosed, fine, streamClosed],
  // On an idle stream these are a request, and a malformed one.
  ['trailers', trailers, streamError('PROTOCOL_ERROR'), fine, fine, streamClosed, fine, connectionClosed, fine, connectionClosed],
] // biome-ignore format: one table
const CLIENT: readonly Row[] = [
  // Before the head of a response neither body nor trailers have a place (RFC 9113 §8.1).
  ['DATA', data(1, 'x'), protocolError, streamError('PROTOCOL_ERROR'), fine, streamClosed, fine, streamClosed, fine, streamClosed],
  ['empty DATA', data(1, ''), protocolError, streamError('PROTOCOL_ERROR'), fine, streamClosed, fine, streamClosed, fine, streamClosed],
  ['the end', data(1, '', true), protocolError, streamError('PROTOCOL_ERROR'), fine, streamClosed, fine, streamClosed, fine, streamClosed],
  ['trailers', trailers, protocolError, streamError('PROTOCOL_ERROR'), fine, streamClosed, fine, connectionClosed, fine, connectionClosed],
] // biome-ignore format: one table

function matrix(rows: readonly Row[], role?: Role): Case[] {
  return rows.flatMap(([name, frame, ...outcomes]) =>
    STATES.map((state, i) => ({
      rule: `${name} on a stream that is ${state}`,
      ...(role === undefined ? {} : { role }),
      state,
      frames: [frame],
      outcome: outcomes[i] as Outcome,
    })),
  )
}

section('RFC 9113 §5.1: which frames a stream may get in which state', [
  ...matrix([...BOTH_ROLES, wrongPriority]),
  ...matrix(SERVER, 'server'),
  ...matrix(CLIENT, 'client'),
])

section('RFC 9113 §5.1, closed: frames that were on their way when we reset the stream are ignored', [
  {
    rule: 'everything that may have been sent before our RST_STREAM was seen',
    state: 'reset by us',
    frames: [
      data(1, 'x'),
      windowUpdate(1, 5),
      windowUpdate(1, 0),
      trailers,
      rstStream(1, 'CANCEL'),
      priority(1),
    ],
    outcome: fine,
  },
  {
    rule: 'the header block of an ignored HEADERS is decoded: what follows may refer to it',
    state: 'reset by us',
    frames: ({ bench }) => {
      const block = bench.coder.encoder.encode([{ name: 'x-a', value: 'b' }], () => 'incremental')
      return [raw(1, 5, 1, block)]
    },
    outcome: fine,
    also: (t, end) => {
      const [name, ...rest] = end.role === 'server' ? GET : OK
      const fields = [name, ...rest].map((pair) => ({ name: pair?.[0] ?? '', value: pair?.[1] ?? '' }))
      const encoder = end.bench.coder.encoder
      const block = encoder.encode([...fields, { name: 'x-a', value: 'b' }], ({ name }) =>
        name === 'x-a' ? 'indexed' : 'without',
      )
      if (end.bench instanceof ServerBench) {
        end.send(raw(1, 5, 2001, block))
        t.equal(end.bench.accepted.at(-1)?.request.fields.get('x-a'), 'b')
      } else {
        const { response } = end.bench.request(Head.request('GET', 'http', 'a.test', '/'))
        const sent = end.take().at(-1)
        end.send(raw(1, 5, sent?.type === 'HEADERS' ? sent.stream : 0, block))
        t.equal(response.heads[0]?.fields.get('x-a'), 'b')
      }
    },
  },
  {
    rule: 'DATA counts for the connection window, and is given back',
    state: 'reset by us',
    options: { connectionWindow: 65535 },
    frames: [data(1, 'x'.repeat(16384)), data(1, 'x'.repeat(16000), true, 100)],
    outcome: fine,
    also: (t, { bench }) => t.equal(bench.connection.windowWithCredit, 65535),
  },
])

section('RFC 9113 §5.1.1: stream identifiers', [
  { rule: 'HEADERS on stream 0', frames: [headers(0, GET)], outcome: protocolError },
  { rule: 'DATA on stream 0', frames: [data(0, 'x')], outcome: protocolError },
  {
    rule: 'a client opens streams with odd identifiers only',
    role: 'server',
    state: 'idle',
    frames: [headers(2, GET, END_STREAM)],
    outcome: protocolError,
  },
  {
    rule: 'HEADERS on a stream of the server’s, which pushes nothing',
    role: 'client',
    frames: [headers(2, OK)],
    outcome: protocolError,
  },
  { rule: 'DATA on an even stream', frames: [data(2, 'x')], outcome: protocolError },
  { rule: 'RST_STREAM on an even stream', frames: [rstStream(2, 'CANCEL')], outcome: protocolError },
  { rule: 'WINDOW_UPDATE on an even stream', frames: [windowUpdate(2, 1)], outcome: protocolError },
  {
    rule: 'HEADERS on a stream that the client has not opened',
    role: 'client',
    frames: [headers(5, OK)],
    outcome: protocolError,
  },
  {
    rule: 'the identifier of a new stream is greater than all before it',
    role: 'server',
    state: 'idle',
    frames: [headers(5, GET, END_STREAM), headers(3, GET, END_STREAM)],
    outcome: protocolError,
  },
  {
    rule: 'identifiers may be passed over',
    role: 'server',
    state: 'idle',
    frames: [headers(5, GET, END_STREAM), headers(9, GET, END_STREAM)],
    outcome: fine,
    also: (t, { begun }) => t.equal(begun, 3),
  },
  {
    rule: 'a new stream closes the idle ones below it: DATA on one of them',
    role: 'server',
    state: 'idle',
    frames: [headers(5, POST), data(3, 'x')],
    outcome: streamError('STREAM_CLOSED', 3),
  },
  {
    rule: 'PRIORITY opens no stream: one below may still be opened',
    role: 'server',
    state: 'idle',
    frames: [priority(5), priority(3), headers(1, GET, END_STREAM)],
    outcome: fine,
    also: (t, { begun }) => t.equal(begun, 2),
  },
])

t.test('RFC 9113 §5.1.1: identifiers run out', async (t) => {
  const last = 2 ** 31 - 1
  const bench = new ServerBench()
  bench.send(headers(last - 2_000_000, GET, END_STREAM))
  bench.expect()
  bench.send(headers(last - 1_999_998, GET, END_STREAM))
  t.equal(bench.accepted.length, 2, 'served')
  bench.expect(goaway(last, 'NO_ERROR', 'stream identifiers are running out'), ping('\0'.repeat(8)))
  bench.send(headers(last, GET, END_STREAM), pingAck('\0'.repeat(8)))
  bench.expect(goaway(last, 'NO_ERROR', 'stream identifiers are running out'))
  t.equal(bench.accepted.length, 3, 'the very last there is, too')
  t.equal(bench.transport.closing, false)
  for (const { stream } of bench.accepted) stream.head(Head.response(200), null, true)
  t.equal(bench.transport.closing, true, 'closed with the last answer')
})

t.test('RFC 9113 §5.1.2: what counts for SETTINGS_MAX_CONCURRENT_STREAMS', async (t) => {
  const bench = new ServerBench({ maxStreams: 2 })
  bench.send(headers(1, POST), headers(3, GET, END_STREAM))
  bench.send(headers(5, GET, END_STREAM))
  bench.expect(rstStream(5, 'REFUSED_STREAM'))
  bench.accepted[0]?.stream.head(Head.response(200), null, true)
  bench.take()
  bench.send(headers(7, GET, END_STREAM))
  bench.expect(rstStream(7, 'REFUSED_STREAM'))
  t.equal(bench.accepted.length, 2, 'half-closed streams count, either half')
  bench.send(data(1, '', END_STREAM))
  bench.send(headers(9, GET, END_STREAM))
  t.equal(bench.accepted.length, 3, 'closed ones do not')
})

t.test(
  'RFC 9113 §5.1.2, §6.5.3: streams above the limit are refused before its acknowledgement, too',
  async (t) => {
    // The limit is not known to the client yet. REFUSED_STREAM says that nothing was done, so it may just ask again.
    const bench = new ServerBench({ maxStreams: 1 }, false)
    bench.take()
    bench.sendBytes(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))
    bench.send({ type: 'SETTINGS', values: {} }, headers(1, POST), headers(3, POST))
    bench.expect({ type: 'SETTINGS_ACK' }, rstStream(3, 'REFUSED_STREAM'))
    t.equal(bench.transport.closing, false)
  },
)

t.test('RFC 9113 §5.1: which streams were reset is not forgotten under load', async (t) => {
  // Two thousand requests cancelled within a round trip, and then every one of their responses.
  const bench = new ClientBench({ maxStreams: 3000 })
  const head = Head.request('GET', 'http', 'a.test', '/')
  for (let i = 0; i < 2000; i++) bench.request(head).stream.cancel(reasons.downstreamReset)
  bench.take()
  for (let i = 0; i < 2000; i++) bench.send(headers(i * 2 + 1, OK), data(i * 2 + 1, 'late', END_STREAM))
  t.strictSame(
    bench.take().filter(({ type }) => type === 'GOAWAY' || type === 'RST_STREAM'),
    [],
  )
  t.equal(bench.transport.closing, false)
})
