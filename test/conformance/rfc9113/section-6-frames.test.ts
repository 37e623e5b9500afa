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
import type { End } from './ends.ts'
import { connectionError, fine, section, sends, streamError } from './table.ts'

const DATA = 0
const HEADERS = 1
const PRIORITY = 2
const RST_STREAM = 3
const PUSH_PROMISE = 5
const PING = 6
const GOAWAY = 7
const CONTINUATION = 9

const END = 0x1
const END_HEADERS = 0x4
const PADDED = 0x8
const WITH_PRIORITY = 0x20

const protocolError = connectionError('PROTOCOL_ERROR')
const frameSizeError = connectionError('FRAME_SIZE_ERROR')

/** HEADERS with trailers on stream 1, and `flags` besides END_STREAM and END_HEADERS; `wrap` puts things around the block. */
function trailers(flags: number, wrap: (block: Buffer) => Buffer): (end: End) => Frame[] {
  return ({ bench }) => [raw(HEADERS, END | END_HEADERS | flags, 1, wrap(bench.coder.block({ 'x-a': 'b' })))]
}

function around(before: readonly number[], after = 0): (block: Buffer) => Buffer {
  return (block) => Buffer.concat([Buffer.from(before), block, Buffer.alloc(after)])
}

section('RFC 9113 §6.1: DATA', [
  { rule: 'on stream 0', frames: [data(0, 'x')], outcome: protocolError },
  {
    rule: 'padding is dropped',
    frames: [data(1, 'x', false, 5)],
    outcome: fine,
    also: (t, { first }) => t.equal(first?.body, 'x'),
  },
  {
    rule: 'padding of 0 bytes',
    frames: [data(1, 'x', true, 0)],
    outcome: fine,
    also: (t, { first }) => t.equal(first?.body, 'x'),
  },
  {
    rule: 'padding of 255 bytes and no data',
    frames: [data(1, '', true, 255)],
    outcome: fine,
    also: (t, { first }) => t.equal(first?.ended, true),
  },
  {
    rule: 'padding as long as the payload',
    frames: [raw(DATA, PADDED, 1, '\x05abcde')],
    outcome: fine,
    also: (t, { first }) => t.equal(first?.body, ''),
  },
  {
    rule: 'padding longer than the rest of the payload',
    frames: [raw(DATA, PADDED, 1, '\x05abcd')],
    outcome: protocolError,
  },
  {
    rule: 'padding that is not zero is not checked',
    frames: [raw(DATA, PADDED, 1, '\x02abc')],
    outcome: fine,
    also: (t, { first }) => t.equal(first?.body, 'a'),
  },
  { rule: 'PADDED without a pad length', frames: [raw(DATA, PADDED, 1)], outcome: frameSizeError },
  {
    rule: 'PADDED without a pad length, on a stream that is over',
    state: 'closed',
    frames: [raw(DATA, PADDED, 1)],
    outcome: frameSizeError,
  },
  {
    rule: 'the whole payload counts for the stream window, padding and pad length too',
    options: { streamWindow: 101, maxStreamWindow: 101 },
    frames: [data(1, 'x', false, 100)],
    outcome: streamError('FLOW_CONTROL_ERROR'),
  },
])

section('RFC 9113 §6.2: HEADERS', [
  { rule: 'on stream 0', frames: [headers(0, OK)], outcome: protocolError },
  { rule: 'padded', frames: trailers(PADDED, around([7], 7)), outcome: fine },
  {
    rule: 'with priority fields, which are dropped',
    frames: trailers(WITH_PRIORITY, around([0, 0, 0, 3, 1])),
    outcome: fine,
  },
  {
    rule: 'with the exclusive bit set',
    frames: trailers(WITH_PRIORITY, around([0x80, 0, 0, 3, 1])),
    outcome: fine,
  },
  {
    rule: 'padded and with priority fields',
    frames: trailers(PADDED | WITH_PRIORITY, around([3, 0, 0, 0, 3, 1], 3)),
    outcome: fine,
  },
  {
    rule: 'padding longer than the rest of the payload',
    frames: trailers(PADDED, around([200])),
    outcome: protocolError,
  },
  {
    rule: 'padding that reaches into the priority fields',
    frames: [raw(HEADERS, 0x2d, 1, Buffer.from([4, 0, 0, 0, 0, 1, 0x82]))],
    outcome: protocolError,
  },
  { rule: 'PADDED without a pad length', frames: [raw(HEADERS, 0xd, 1)], outcome: frameSizeError },
  {
    rule: 'too short for its priority fields',
    frames: [raw(HEADERS, 0x25, 1, 'abcd')],
    outcome: frameSizeError,
  },
  {
    rule: 'PADDED, and too short for its priority fields',
    frames: [raw(HEADERS, 0x2d, 1, '\0abc')],
    outcome: frameSizeError,
  },
  {
    rule: 'a stream that depends on itself (RFC 7540 §5.3.1)',
    frames: trailers(WITH_PRIORITY, around([0, 0, 0, 1, 1])),
    outcome: protocolError,
  },
])

section('RFC 9113 §6.3: PRIORITY', [
  { rule: 'on stream 0', frames: [priority(0)], outcome: protocolError },
  {
    rule: 'on any stream, in any state',
    frames: [priority(1), priority(1, 7), priority(99), priority(2)],
    outcome: fine,
  },
  { rule: 'of 4 bytes', frames: [raw(PRIORITY, 0, 1, 'abcd')], outcome: streamError('FRAME_SIZE_ERROR') },
  { rule: 'of 6 bytes', frames: [raw(PRIORITY, 0, 1, 'abcdef')], outcome: streamError('FRAME_SIZE_ERROR') },
  {
    rule: 'of 4 bytes on an idle stream, which cannot be reset',
    state: 'idle',
    frames: [raw(PRIORITY, 0, 1, 'abcd')],
    outcome: frameSizeError,
  },
  {
    rule: 'a stream that depends on itself (RFC 7540 §5.3.1)',
    frames: [priority(1, 1)],
    outcome: streamError('PROTOCOL_ERROR'),
  },
])

section('RFC 9113 §6.4: RST_STREAM', [
  { rule: 'on stream 0', frames: [rstStream(0, 'CANCEL')], outcome: protocolError },
  { rule: 'on an idle stream', state: 'idle', frames: [rstStream(1, 'CANCEL')], outcome: protocolError },
  { rule: 'of 3 bytes', frames: [raw(RST_STREAM, 0, 1, 'abc')], outcome: frameSizeError },
  { rule: 'of 5 bytes', frames: [raw(RST_STREAM, 0, 1, 'abcde')], outcome: frameSizeError },
  {
    rule: 'of no bytes, on a stream that is over',
    state: 'closed',
    frames: [raw(RST_STREAM, 0, 1)],
    outcome: frameSizeError,
  },
  {
    rule: 'ends the stream at once',
    frames: [rstStream(1, 'CANCEL')],
    outcome: fine,
    also: (t, { first }) => t.match(first?.resets, [{}]),
  },
  {
    rule: 'with a code that is not known (§7) is a reset like any other',
    frames: [rstStream(1, '4660')],
    outcome: fine,
    also: (t, { first }) => t.match(first?.resets, [{}]),
  },
])

section('RFC 9113 §6.6, §8.4: PUSH_PROMISE, which we never allow', [
  {
    rule: 'whatever it promises',
    frames: [raw(PUSH_PROMISE, END_HEADERS, 1, '\0\0\0\x02\x82')],
    outcome: protocolError,
  },
  {
    rule: 'on stream 0',
    frames: [raw(PUSH_PROMISE, END_HEADERS, 0, '\0\0\0\x02\x82')],
    outcome: protocolError,
  },
  { rule: 'too short', frames: [raw(PUSH_PROMISE, END_HEADERS, 1, 'abc')], outcome: protocolError },
  {
    rule: 'without END_HEADERS',
    frames: [raw(PUSH_PROMISE, 0, 1, '\0\0\0\x02\x82')],
    outcome: protocolError,
  },
])

section('RFC 9113 §6.7: PING', [
  {
    rule: 'is answered with the same payload',
    frames: [ping('abcd\0\xff1 ')],
    outcome: sends(pingAck('abcd\0\xff1 ')),
  },
  {
    rule: 'is answered each, in order',
    frames: [ping('11111111'), ping('22222222')],
    outcome: sends(pingAck('11111111'), pingAck('22222222')),
  },
  { rule: 'an acknowledgement is not answered', frames: [pingAck('whatever')], outcome: fine },
  { rule: 'on a stream', frames: [raw(PING, 0, 1, '12345678')], outcome: protocolError },
  { rule: 'an acknowledgement on a stream', frames: [raw(PING, 1, 1, '12345678')], outcome: protocolError },
  { rule: 'of 7 bytes', frames: [raw(PING, 0, 0, '1234567')], outcome: frameSizeError },
  { rule: 'of 9 bytes', frames: [raw(PING, 0, 0, '123456789')], outcome: frameSizeError },
  { rule: 'an acknowledgement of 0 bytes', frames: [raw(PING, 1, 0)], outcome: frameSizeError },
])

section('RFC 9113 §6.8: GOAWAY', [
  { rule: 'on a stream', frames: [raw(GOAWAY, 0, 1, '12345678')], outcome: protocolError },
  { rule: 'of 7 bytes', frames: [raw(GOAWAY, 0, 0, '1234567')], outcome: frameSizeError },
  {
    rule: 'a client that goes away may still open streams',
    role: 'server',
    frames: [goaway(0, 'NO_ERROR', 'bye')],
    outcome: fine,
  },
  {
    rule: 'a client that goes away with an error, too',
    role: 'server',
    frames: [goaway(0, 'INTERNAL_ERROR'), goaway(0, '4660')],
    outcome: fine,
  },
  {
    rule: 'the last stream identifier must not rise',
    role: 'client',
    frames: [goaway(1, 'NO_ERROR'), goaway(3, 'NO_ERROR')],
    outcome: protocolError,
  },
  {
    rule: 'the last stream identifier must not rise again to its largest',
    role: 'client',
    frames: [goaway(5, 'NO_ERROR'), goaway(2 ** 31 - 1, 'NO_ERROR')],
    outcome: protocolError,
  },
])

section('RFC 9113 §6.9: WINDOW_UPDATE', [
  { rule: 'of 3 bytes', frames: [raw(8, 0, 1, 'abc')], outcome: frameSizeError },
  { rule: 'of 5 bytes, of the connection', frames: [raw(8, 0, 0, 'abcde')], outcome: frameSizeError },
  { rule: 'by 0, of a stream', frames: [windowUpdate(1, 0)], outcome: streamError('PROTOCOL_ERROR') },
  { rule: 'by 0, of the connection', frames: [windowUpdate(0, 0)], outcome: protocolError },
  { rule: 'by 0 but for the reserved bit', frames: [windowUpdate(0, 0x80000000)], outcome: protocolError },
  { rule: 'on an idle stream', state: 'idle', frames: [windowUpdate(1, 1)], outcome: protocolError },
])

section('RFC 9113 §6.9.1: the flow-control window', [
  { rule: 'of the connection, at 2^31-1', frames: [windowUpdate(0, 2 ** 31 - 1 - 65535)], outcome: fine },
  {
    rule: 'of the connection, above 2^31-1',
    frames: [windowUpdate(0, 2 ** 31 - 65535)],
    outcome: connectionError('FLOW_CONTROL_ERROR'),
  },
  {
    rule: 'of the connection, above 2^31-1 in many steps',
    frames: [windowUpdate(0, 2 ** 30), windowUpdate(0, 2 ** 30)],
    outcome: connectionError('FLOW_CONTROL_ERROR'),
  },
  { rule: 'of a stream, at 2^31-1', frames: [windowUpdate(1, 2 ** 31 - 1 - 65535)], outcome: fine },
  {
    rule: 'of a stream, above 2^31-1',
    frames: [windowUpdate(1, 2 ** 31 - 65535)],
    outcome: streamError('FLOW_CONTROL_ERROR'),
  },
  {
    rule: 'more DATA than the stream window',
    options: { streamWindow: 100, maxStreamWindow: 100 },
    frames: [data(1, 'x'.repeat(101))],
    outcome: streamError('FLOW_CONTROL_ERROR'),
  },
  {
    rule: 'more DATA than the connection window',
    options: { connectionWindow: 0 },
    frames: (end) => {
      if (end.first !== null) end.first.autoCredit = false
      return Array.from({ length: 4 }, () => data(1, 'x'.repeat(16384)))
    },
    outcome: connectionError('FLOW_CONTROL_ERROR'),
  },
  {
    rule: 'more DATA than the connection window, on a stream that was reset',
    state: 'reset by us',
    options: { connectionWindow: 0 },
    frames: [data(1, 'x'.repeat(16384))],
    outcome: fine,
  },
])

section('RFC 9113 §6.10: CONTINUATION', [
  { rule: 'without HEADERS before it', frames: [raw(CONTINUATION, END_HEADERS, 1)], outcome: protocolError },
  { rule: 'on stream 0', frames: [raw(CONTINUATION, END_HEADERS, 0)], outcome: protocolError },
  {
    rule: 'on stream 0, inside a block',
    frames: [raw(HEADERS, END, 1), raw(CONTINUATION, END_HEADERS, 0)],
    outcome: protocolError,
  },
  {
    rule: 'behind END_HEADERS',
    frames: [headers(1, { a: 'b' }, END_STREAM), raw(CONTINUATION, END_HEADERS, 1)],
    outcome: protocolError,
  },
  {
    rule: 'behind a CONTINUATION with END_HEADERS',
    frames: [raw(HEADERS, END, 1), raw(CONTINUATION, END_HEADERS, 1), raw(CONTINUATION, END_HEADERS, 1)],
    outcome: protocolError,
  },
  { rule: 'behind DATA', frames: [data(1, 'x'), raw(CONTINUATION, END_HEADERS, 1)], outcome: protocolError },
  {
    rule: 'of another stream',
    frames: [raw(HEADERS, END, 1), raw(CONTINUATION, END_HEADERS, 3)],
    outcome: protocolError,
  },
  {
    rule: 'empty ones',
    frames: [raw(HEADERS, END, 1), raw(CONTINUATION, 0, 1), raw(CONTINUATION, END_HEADERS, 1)],
    outcome: fine,
  },
  {
    rule: 'END_STREAM stands on HEADERS',
    frames: (end) => [
      raw(HEADERS, END, 1, end.bench.coder.block({ a: 'b' })),
      raw(CONTINUATION, END_HEADERS, 1),
    ],
    outcome: fine,
    also: (t, { first }) => t.equal(first?.ended, true),
  },
  {
    rule: 'a new request in pieces',
    role: 'server',
    frames: (end) => {
      const block = end.bench.coder.block(POST)
      return [raw(HEADERS, 0, 3, block.subarray(0, 3)), raw(CONTINUATION, END_HEADERS, 3, block.subarray(3))]
    },
    outcome: fine,
    also: (t, { begun }) => t.equal(begun, 3),
  },
  {
    rule: 'a new request in pieces on a stream that was passed over',
    role: 'server',
    frames: (end) => {
      const block = end.bench.coder.block(GET)
      return [
        headers(7, GET, END_STREAM),
        raw(HEADERS, END, 5, block.subarray(0, 3)),
        raw(CONTINUATION, END_HEADERS, 5, block.subarray(3)),
      ]
    },
    outcome: protocolError,
  },
])
