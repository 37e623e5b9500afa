import {
  data,
  END_STREAM,
  GET,
  headers,
  OK,
  pingAck,
  priority,
  raw,
  rstStream,
  settingsAck,
  windowUpdate,
} from '../../support/frames.ts'
import type { End } from './ends.ts'
import { connectionError, fine, section, sends, streamError } from './table.ts'

const DATA = 0
const HEADERS = 1
const PRIORITY = 2
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const GOAWAY = 7
const WINDOW_UPDATE = 8
const CONTINUATION = 9
const UNKNOWN = 0xbb
/** The first bit of a stream identifier. */
const RESERVED = 0x80000000

/** The block of whatever the peer may send on stream 1 next: trailers. */
function block({ bench }: End): Buffer {
  return bench.coder.block({ 'x-a': 'b' })
}

section('RFC 9113 §4.1: frame format', [
  {
    rule: 'frames of unknown types are ignored',
    frames: [raw(UNKNOWN, 0xff, 1, 'x'), raw(0xff, 0, 0)],
    outcome: fine,
  },
  { rule: 'unknown flags of DATA are ignored', frames: [raw(DATA, 0xf6, 1, 'x')], outcome: fine },
  {
    rule: 'unknown flags of HEADERS are ignored',
    frames: (end) => [raw(HEADERS, 0xd7, 1, block(end))],
    outcome: fine,
  },
  {
    rule: 'unknown flags of PRIORITY are ignored',
    frames: [raw(PRIORITY, 0xff, 1, '\0\0\0\0\x01')],
    outcome: fine,
  },
  {
    rule: 'unknown flags of RST_STREAM are ignored',
    frames: [raw(RST_STREAM, 0xff, 1, '\0\0\0\x08')],
    outcome: fine,
  },
  {
    rule: 'unknown flags of SETTINGS are ignored',
    frames: [raw(SETTINGS, 0xfe, 0)],
    outcome: sends(settingsAck()),
  },
  {
    rule: 'unknown flags of PING are ignored',
    frames: [raw(PING, 0xfe, 0, '12345678')],
    outcome: sends(pingAck()),
  },
  {
    rule: 'unknown flags of WINDOW_UPDATE are ignored',
    frames: [raw(WINDOW_UPDATE, 0xff, 1, '\0\0\0\x01')],
    outcome: fine,
  },
  {
    rule: 'unknown flags of CONTINUATION are ignored, END_STREAM among them',
    frames: (end) => [raw(HEADERS, 1, 1, block(end)), raw(CONTINUATION, 0xfb, 1), raw(CONTINUATION, 0xff, 1)],
    outcome: fine,
  },
  {
    rule: 'the reserved bit of a stream is ignored',
    frames: [raw(WINDOW_UPDATE, 0, RESERVED + 1, '\0\0\0\x01'), raw(DATA, 0, RESERVED + 1, 'x')],
    outcome: fine,
  },
  {
    rule: 'the reserved bit of the connection is ignored',
    frames: [raw(PING, 0, RESERVED, '12345678')],
    outcome: sends(pingAck()),
  },
  {
    rule: 'the reserved bit of an increment is ignored',
    frames: [raw(WINDOW_UPDATE, 0, 1, '\x80\0\0\x01'), raw(WINDOW_UPDATE, 0, 0, '\x80\0\0\x01')],
    outcome: fine,
  },
])

section('RFC 9113 §4.2: frame size', [
  { rule: 'frames of 16,384 bytes are taken', frames: [data(1, 'x'.repeat(16384))], outcome: fine },
  {
    rule: 'DATA of more than SETTINGS_MAX_FRAME_SIZE',
    frames: [raw(DATA, 0, 1, Buffer.alloc(16385))],
    outcome: connectionError('FRAME_SIZE_ERROR'),
  },
  {
    rule: 'HEADERS of more than SETTINGS_MAX_FRAME_SIZE',
    frames: [raw(HEADERS, 5, 1, Buffer.alloc(16385))],
    outcome: connectionError('FRAME_SIZE_ERROR'),
  },
  {
    rule: 'an unknown frame of more than SETTINGS_MAX_FRAME_SIZE',
    frames: [raw(UNKNOWN, 0, 1, Buffer.alloc(16385))],
    outcome: connectionError('FRAME_SIZE_ERROR'),
  },
  {
    rule: 'SETTINGS of more than SETTINGS_MAX_FRAME_SIZE',
    frames: [raw(SETTINGS, 0, 0, Buffer.alloc(16386))],
    outcome: connectionError('FRAME_SIZE_ERROR'),
  },
  {
    rule: 'a size of 2^24-1 is judged by its header, not waited for',
    frames: [raw(UNKNOWN, 0, 0, Buffer.alloc(0xffffff))],
    outcome: connectionError('FRAME_SIZE_ERROR'),
  },
])

section('RFC 9113 §4.3: field section compression', [
  {
    rule: 'a block that does not decode',
    frames: [raw(HEADERS, 5, 1, '\xff\xff')],
    outcome: connectionError('COMPRESSION_ERROR'),
  },
  {
    rule: 'a block that does not decode, on a stream that was reset: it is decoded all the same',
    state: 'reset by us',
    frames: [raw(HEADERS, 5, 1, '\xff\xff')],
    outcome: connectionError('COMPRESSION_ERROR'),
  },
  {
    rule: 'a block that does not decode, on a stream that is refused',
    role: 'server',
    options: { maxStreams: 1 },
    frames: [raw(HEADERS, 5, 3, '\xff\xff')],
    outcome: connectionError('COMPRESSION_ERROR'),
  },
  {
    rule: 'a block that does not decode, on a stream whose peer has ended',
    state: 'half-closed (remote)',
    frames: [raw(HEADERS, 5, 1, '\xff\xff')],
    outcome: connectionError('COMPRESSION_ERROR'),
  },
  {
    rule: 'a block may be cut anywhere, also within an integer or string',
    frames: (end) => {
      const bytes = end.bench.coder.block({ 'x-a': 'b'.repeat(200) })
      return [
        raw(HEADERS, 1, 1, bytes.subarray(0, 5)),
        raw(CONTINUATION, 0, 1, bytes.subarray(5, 6)),
        raw(CONTINUATION, 4, 1, bytes.subarray(6)),
      ]
    },
    outcome: fine,
  },
  {
    rule: 'a cut block without its end does not decode',
    frames: (end) => [raw(HEADERS, 5, 1, block(end).subarray(0, 4))],
    outcome: connectionError('COMPRESSION_ERROR'),
  },
  { rule: 'an empty block is an empty field section', frames: [raw(HEADERS, 5, 1)], outcome: fine },
  ...Object.entries({
    DATA: data(1, 'x'),
    'HEADERS of another stream': headers(3, GET, END_STREAM),
    'HEADERS of the same stream': headers(1, OK),
    PRIORITY: priority(1),
    RST_STREAM: rstStream(1, 'CANCEL'),
    SETTINGS: raw(SETTINGS, 0, 0),
    PING: raw(PING, 0, 0, '12345678'),
    GOAWAY: raw(GOAWAY, 0, 0, '\0\0\0\0\0\0\0\0'),
    WINDOW_UPDATE: windowUpdate(0, 1),
    'an unknown frame': raw(UNKNOWN, 0, 1),
  }).map(([name, frame]) => ({
    rule: `${name} inside a field block`,
    frames: (end: End) => [raw(HEADERS, 1, 1, block(end)), frame],
    outcome: connectionError('PROTOCOL_ERROR'),
  })),
])

section('RFC 9113 §5.4.1: connection errors', [
  {
    rule: 'an invalid PING ends the connection, nothing behind it is answered',
    frames: [raw(PING, 0, 0, '\0'.repeat(9))],
    outcome: connectionError('FRAME_SIZE_ERROR'),
  },
])

section('RFC 9113 §5.4.2: stream errors', [
  {
    rule: 'a stream error on one stream leaves the others alone',
    frames: [windowUpdate(1, 0)],
    outcome: streamError('PROTOCOL_ERROR'),
  },
  {
    rule: 'RST_STREAM is not answered with RST_STREAM',
    frames: [rstStream(1, 'PROTOCOL_ERROR'), rstStream(1, 'PROTOCOL_ERROR')],
    outcome: fine,
  },
])
