import {
  data,
  END_STREAM,
  type Frame,
  goaway,
  headers,
  OK,
  ping,
  priority,
  raw,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../../support/frames.ts'

/** What the client has to do about what the server sent. */
export type Must =
  /** End the connection with a GOAWAY of this code, and leave nothing of it in use. */
  | { readonly is: 'connection error'; readonly code: string }
  /** Reset the request's stream with this code, and go on using the connection. */
  | { readonly is: 'stream error'; readonly code: string }
  /** Take it, and go on using the connection. */
  | { readonly is: 'fine' }
  /** Send the request again over the same connection. */
  | { readonly is: 'asks again' }
  /** Send the request again over another connection, and close this one. */
  | { readonly is: 'moves on' }
  /** Close the connection when its streams have ended, and use another. */
  | { readonly is: 'leaves' }

/** What the caller gets. */
export type Gets =
  /** The whole answer of the server: 200, with this body. */
  | { readonly status: 200; readonly body: string }
  /** An answer that says that there is none, with this status; gRPC 14. */
  | { readonly status: 502 | 503 }
  /** A response that breaks off: reset or closed before its end; gRPC 14. */
  | 'cut off'

/** One way in which a server may behave towards a client. */
export interface ClientCase {
  readonly section: string
  readonly title: string
  readonly method?: 'GET' | 'HEAD'
  /** The server sends this first in place of its SETTINGS; no request comes. A string: bytes that are no frames. */
  readonly first?: readonly Frame[] | string
  /** What the server sends once the request has come on stream `id`. */
  readonly sends?: (id: number) => readonly Frame[]
  /** The server hangs up behind it. */
  readonly hangsUp?: boolean
  readonly must: Must
  readonly gets: Gets
}

const LARGEST = 2 ** 31 - 1
const RESERVED = 0x80000000

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
const UNKNOWN = 0xbb

/** Header blocks: ":status: 200"; and "a: b", as trailers. */
const OK_BLOCK = '\x88'
const TRAILERS_BLOCK = '\x00\x01a\x01b'

const fine: Must = { is: 'fine' }
const again: Must = { is: 'asks again' }
const moves: Must = { is: 'moves on' }
const leaves: Must = { is: 'leaves' }
const connection = (code: string): Must => ({ is: 'connection error', code })
const stream = (code: string): Must => ({ is: 'stream error', code })
const answer = (body = ''): Gets => ({ status: 200, body })
const badGateway: Gets = { status: 502 }
const unavailable: Gets = { status: 503 }

type Sends = (id: number) => readonly Frame[]

/** Cases of one section: title, what the server sends, what the client must do, what the caller gets. */
function of(section: string, rows: readonly (readonly [string, Sends, Must, Gets])[]): ClientCase[] {
  return rows.map(([title, sends, must, gets]) => ({ section, title, sends, must, gets }))
}

/** Before any answer: a connection error that the caller gets 502 for. */
function breaks(section: string, code: string, rows: readonly (readonly [string, Sends])[]): ClientCase[] {
  return of(
    section,
    rows.map(([title, sends]) => [title, sends, connection(code), badGateway] as const),
  )
}

/** A malformed response: its stream is reset, and the caller gets 502. */
function malformed(section: string, rows: readonly (readonly [string, Sends])[]): ClientCase[] {
  return of(
    section,
    rows.map(([title, sends]) => [title, sends, stream('PROTOCOL_ERROR'), badGateway] as const),
  )
}

/** What comes before a good answer and does not matter. */
function ignored(section: string, rows: readonly (readonly [string, Sends])[]): ClientCase[] {
  return of(
    section,
    rows.map(
      ([title, sends]) =>
        [
          title,
          (id) => [...sends(id), headers(id, OK), data(id, 'good', END_STREAM)],
          fine,
          answer('good'),
        ] as const,
    ),
  )
}

const FIRST: ClientCase[] = [
  { title: 'the first frame is PING', first: [ping()], must: connection('PROTOCOL_ERROR') },
  {
    title: 'the first frame is HEADERS',
    first: [raw(HEADERS, 5, 1, OK_BLOCK)],
    must: connection('PROTOCOL_ERROR'),
  },
  {
    title: 'the first frame acknowledges SETTINGS',
    first: [settingsAck()],
    must: connection('PROTOCOL_ERROR'),
  },
  { title: 'the first frame is GOAWAY', first: [goaway(0, 'NO_ERROR')], must: connection('PROTOCOL_ERROR') },
  {
    title: 'the first frame is of an unknown type',
    first: [raw(UNKNOWN, 0, 0)],
    must: connection('PROTOCOL_ERROR'),
  },
  {
    title: 'the first frame is SETTINGS on a stream',
    first: [raw(SETTINGS, 0, 1)],
    must: connection('PROTOCOL_ERROR'),
  },
  {
    title: 'the first frame is SETTINGS of a wrong size',
    first: [raw(SETTINGS, 0, 0, 'abc')],
    must: connection('FRAME_SIZE_ERROR'),
  },
  {
    title: 'the first frame is HTTP/1.1',
    first: 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n',
    must: connection('FRAME_SIZE_ERROR'),
  },
  { title: 'ENABLE_PUSH 1', first: [settings({ 2: 1 })], must: connection('PROTOCOL_ERROR') },
  {
    title: 'INITIAL_WINDOW_SIZE 2^31',
    first: [settings({ 4: 2 ** 31 })],
    must: connection('FLOW_CONTROL_ERROR'),
  },
  { title: 'MAX_FRAME_SIZE 16383', first: [settings({ 5: 16383 })], must: connection('PROTOCOL_ERROR') },
].map((each) => ({ ...each, section: '3.4', gets: badGateway }))

export const CASES: readonly ClientCase[] = [
  ...of('', [
    ['an answer', (id) => [headers(id, OK), data(id, 'good', END_STREAM)], fine, answer('good')],
    [
      'an answer with trailers',
      (id) => [headers(id, OK), data(id, 'good'), headers(id, { a: 'b' }, END_STREAM)],
      fine,
      answer('good'),
    ],
    ['an answer without a body', (id) => [headers(id, OK, END_STREAM)], fine, answer()],
  ]),

  ...FIRST,

  ...ignored('4.1', [
    ['frames of unknown types', (id) => [raw(UNKNOWN, 0xff, id, 'x'), raw(0xff, 0, 0)]],
    [
      'unknown flags',
      (id) => [
        raw(SETTINGS, 0xfe, 0),
        raw(PING, 0xfe, 0, '12345678'),
        raw(WINDOW_UPDATE, 0xff, id, '\0\0\0\x01'),
      ],
    ],
    [
      'the reserved bit',
      (id) => [raw(PING, 0, RESERVED, '12345678'), raw(WINDOW_UPDATE, 0, RESERVED + id, '\x80\0\0\x01')],
    ],
  ]),
  ...breaks('4.2', 'FRAME_SIZE_ERROR', [
    ['DATA of 16,385 bytes', (id) => [raw(DATA, 0, id, Buffer.alloc(16385))]],
    ['HEADERS of 16,385 bytes', (id) => [raw(HEADERS, 5, id, Buffer.alloc(16385))]],
    ['an unknown frame of 16,385 bytes', () => [raw(UNKNOWN, 0, 0, Buffer.alloc(16385))]],
  ]),
  ...of('4.2', [
    [
      'DATA of 16,384 bytes',
      (id) => [headers(id, OK), data(id, 'x'.repeat(16384), END_STREAM)],
      fine,
      answer('x'.repeat(16384)),
    ],
  ]),
  ...breaks('4.3', 'COMPRESSION_ERROR', [
    ['a block that does not decode', (id) => [raw(HEADERS, 5, id, '\xff\xff\xff\xff\xff')]],
    ['a block that refers to an entry that is not there', (id) => [raw(HEADERS, 5, id, '\x88\xbe')]],
    ['a table size update above our limit', (id) => [raw(HEADERS, 5, id, '\x3f\xe2\x1f\x88')]],
    ['a table size update behind a field', (id) => [raw(HEADERS, 5, id, '\x88\x20')]],
    ['a string with EOS', (id) => [raw(HEADERS, 5, id, '\x88\x00\x01a\x84\xff\xff\xff\xff')]],
    ['index 0', (id) => [raw(HEADERS, 5, id, '\x88\x80')]],
  ]),
  ...breaks('4.3', 'PROTOCOL_ERROR', [
    ['PING inside a header block', (id) => [raw(HEADERS, 1, id, OK_BLOCK), ping()]],
    ['DATA inside a header block', (id) => [raw(HEADERS, 1, id, OK_BLOCK), data(id, 'x')]],
    ['an unknown frame inside a header block', (id) => [raw(HEADERS, 1, id, OK_BLOCK), raw(UNKNOWN, 0, id)]],
    ['HEADERS inside a header block', (id) => [raw(HEADERS, 0, id, OK_BLOCK), raw(HEADERS, 5, id, OK_BLOCK)]],
  ]),
  ...of('4.3', [
    [
      'trailers that do not decode',
      (id) => [headers(id, OK), data(id, 'half'), raw(HEADERS, 5, id, '\xff\xff')],
      connection('COMPRESSION_ERROR'),
      'cut off',
    ],
  ]),

  ...breaks('5.1', 'PROTOCOL_ERROR', [
    ['DATA on an idle stream', (id) => [data(id + 2, 'x')]],
    ['HEADERS on an idle stream', (id) => [headers(id + 2, OK)]],
    ['RST_STREAM on an idle stream', (id) => [rstStream(id + 2, 'CANCEL')]],
    ['WINDOW_UPDATE on an idle stream', (id) => [windowUpdate(id + 2, 1)]],
    ['HEADERS on a stream of the server’s', () => [headers(2, OK)]],
    ['DATA on a stream of the server’s', () => [data(2, 'x')]],
  ]),
  ...of('5.1', [
    [
      'DATA behind the end',
      (id) => [headers(id, OK), data(id, 'good', END_STREAM), data(id, 'more')],
      stream('STREAM_CLOSED'),
      answer('good'),
    ],
    [
      'an empty end behind the end',
      (id) => [headers(id, OK, END_STREAM), data(id, '', END_STREAM)],
      stream('STREAM_CLOSED'),
      answer(),
    ],
    [
      'HEADERS behind the end',
      (id) => [headers(id, OK, END_STREAM), headers(id, OK, END_STREAM)],
      connection('STREAM_CLOSED'),
      answer(),
    ],
    [
      'trailers behind the end',
      (id) => [headers(id, OK), data(id, 'good', END_STREAM), headers(id, { a: 'b' }, END_STREAM)],
      connection('STREAM_CLOSED'),
      answer('good'),
    ],
    [
      'RST_STREAM, WINDOW_UPDATE and PRIORITY behind the end',
      (id) => [
        headers(id, OK),
        data(id, 'good', END_STREAM),
        rstStream(id, 'NO_ERROR'),
        windowUpdate(id, 5),
        priority(id),
      ],
      fine,
      answer('good'),
    ],
  ]),

  ...of('6.1', [
    [
      'padding',
      (id) => [headers(id, OK), data(id, 'go', false, 9), data(id, 'od', true, 255)],
      fine,
      answer('good'),
    ],
    [
      'padding longer than the payload',
      (id) => [headers(id, OK), raw(DATA, 8, id, '\x05abcd')],
      connection('PROTOCOL_ERROR'),
      'cut off',
    ],
    [
      'PADDED without a pad length',
      (id) => [headers(id, OK), raw(DATA, 8, id)],
      connection('FRAME_SIZE_ERROR'),
      'cut off',
    ],
    ['on stream 0', (id) => [headers(id, OK), data(0, 'x')], connection('PROTOCOL_ERROR'), 'cut off'],
  ]),
  ...breaks('6.2', 'PROTOCOL_ERROR', [
    ['HEADERS on stream 0', () => [raw(HEADERS, 5, 0, OK_BLOCK)]],
    ['padding longer than the payload', (id) => [raw(HEADERS, 0xd, id, '\xc8\x88')]],
    [
      'padding that reaches into the priority fields',
      (id) => [raw(HEADERS, 0x2d, id, '\x04\0\0\0\0\x01\x88')],
    ],
  ]),
  ...breaks('6.2', 'FRAME_SIZE_ERROR', [
    ['too short for its priority fields', (id) => [raw(HEADERS, 0x25, id, 'abcd')]],
    ['PADDED without a pad length', (id) => [raw(HEADERS, 0xd, id)]],
  ]),
  ...of('6.2', [
    [
      'padded, and with priority fields',
      (id) => [raw(HEADERS, 0x2d, id, '\x02\0\0\0\0\x07\x88\0\0')],
      fine,
      answer(),
    ],
  ]),
  ...ignored('6.3', [['PRIORITY on any stream', (id) => [priority(id), priority(id + 2), priority(2)]]]),
  ...breaks('6.3', 'PROTOCOL_ERROR', [['PRIORITY on stream 0', () => [priority(0)]]]),
  ...of('6.3', [
    ['PRIORITY of 4 bytes', (id) => [raw(PRIORITY, 0, id, 'abcd')], stream('FRAME_SIZE_ERROR'), badGateway],
  ]),
  ...breaks('6.4', 'PROTOCOL_ERROR', [['RST_STREAM on stream 0', () => [rstStream(0, 'CANCEL')]]]),
  ...breaks('6.4', 'FRAME_SIZE_ERROR', [['RST_STREAM of 3 bytes', (id) => [raw(RST_STREAM, 0, id, 'abc')]]]),
  ...of('6.4', [
    ['RST_STREAM before an answer', (id) => [rstStream(id, 'INTERNAL_ERROR')], fine, unavailable],
    ['RST_STREAM with NO_ERROR before an answer', (id) => [rstStream(id, 'NO_ERROR')], fine, unavailable],
    ['RST_STREAM with an unknown code', (id) => [rstStream(id, '4660')], fine, unavailable],
    [
      'RST_STREAM within an answer',
      (id) => [headers(id, OK), data(id, 'half'), rstStream(id, 'INTERNAL_ERROR')],
      fine,
      'cut off',
    ],
    [
      'RST_STREAM with NO_ERROR within an answer',
      (id) => [headers(id, OK), data(id, 'half'), rstStream(id, 'NO_ERROR')],
      fine,
      'cut off',
    ],
    ['REFUSED_STREAM', (id) => [rstStream(id, 'REFUSED_STREAM')], again, answer('again')],
  ]),

  ...breaks('6.5', 'FRAME_SIZE_ERROR', [
    ['SETTINGS of 5 bytes', () => [raw(SETTINGS, 0, 0, 'abcde')]],
    ['an acknowledgement with a payload', () => [raw(SETTINGS, 1, 0, 'abcdef')]],
  ]),
  ...breaks('6.5', 'PROTOCOL_ERROR', [
    ['SETTINGS on a stream', (id) => [raw(SETTINGS, 0, id)]],
    ['ENABLE_PUSH 1', () => [settings({ 2: 1 })]],
    ['MAX_FRAME_SIZE 2^24', () => [settings({ 5: 2 ** 24 })]],
  ]),
  ...breaks('6.5', 'FLOW_CONTROL_ERROR', [
    ['INITIAL_WINDOW_SIZE 2^31', () => [settings({ 4: 2 ** 31 })]],
    [
      'INITIAL_WINDOW_SIZE that makes a window overflow',
      (id) => [windowUpdate(id, LARGEST - 65535), settings({ 4: 65536 + 10 })],
    ],
  ]),
  ...ignored('6.5', [
    ['unknown settings', () => [settings({ 99: 7, 98: 0 })]],
    [
      'any table size, window and frame size',
      () => [
        settings({ 1: 0, 4: 0, 5: 2 ** 24 - 1 }),
        settings({ 1: 2 ** 32 - 1, 4: LARGEST, 5: 16384 }),
        settings({ 1: 4096, 4: 65535 }),
      ],
    ],
  ]),

  ...breaks('6.6', 'PROTOCOL_ERROR', [
    ['PUSH_PROMISE', (id) => [raw(PUSH_PROMISE, 4, id, '\0\0\0\x02\x82\x84\x86')]],
    ['PUSH_PROMISE on stream 0', () => [raw(PUSH_PROMISE, 4, 0, '\0\0\0\x02\x82')]],
  ]),
  ...breaks('6.7', 'FRAME_SIZE_ERROR', [['PING of 7 bytes', () => [raw(PING, 0, 0, '1234567')]]]),
  ...breaks('6.7', 'PROTOCOL_ERROR', [['PING on a stream', (id) => [raw(PING, 0, id, '12345678')]]]),
  ...breaks('6.8', 'PROTOCOL_ERROR', [
    ['GOAWAY on a stream', (id) => [raw(GOAWAY, 0, id, '\0\0\0\0\0\0\0\0')]],
    ['GOAWAY whose last stream rises', (id) => [goaway(id, 'NO_ERROR'), goaway(id + 2, 'NO_ERROR')]],
  ]),
  ...breaks('6.8', 'FRAME_SIZE_ERROR', [['GOAWAY of 7 bytes', () => [raw(GOAWAY, 0, 0, '1234567')]]]),
  ...of('6.8', [
    ['GOAWAY below the request', () => [goaway(0, 'NO_ERROR')], moves, answer('again')],
    [
      'GOAWAY below the request, for a reason',
      () => [goaway(0, 'ENHANCE_YOUR_CALM', 'too_many_pings')],
      moves,
      answer('again'),
    ],
    [
      'GOAWAY in two steps, below the request',
      () => [goaway(LARGEST, 'NO_ERROR'), ping(), goaway(0, 'NO_ERROR')],
      moves,
      answer('again'),
    ],
    [
      'GOAWAY at the request, which is answered',
      (id) => [goaway(id, 'NO_ERROR'), headers(id, OK), data(id, 'good', END_STREAM)],
      leaves,
      answer('good'),
    ],
    [
      'GOAWAY in two steps, above the request, which is answered',
      (id) => [
        goaway(LARGEST, 'NO_ERROR'),
        headers(id, OK),
        goaway(id, 'NO_ERROR'),
        data(id, 'good', END_STREAM),
      ],
      leaves,
      answer('good'),
    ],
    [
      'GOAWAY within an answer that goes on',
      (id) => [headers(id, OK), data(id, 'go'), goaway(id, 'INTERNAL_ERROR'), data(id, 'od', END_STREAM)],
      leaves,
      answer('good'),
    ],
  ]),
  {
    section: '6.8',
    title: 'GOAWAY at the request, and gone without an answer',
    sends: (id) => [goaway(id, 'NO_ERROR')],
    hangsUp: true,
    must: leaves,
    gets: unavailable,
  },
  {
    section: '6.8',
    title: 'GOAWAY below the request, and gone at once',
    sends: () => [goaway(0, 'INTERNAL_ERROR')],
    hangsUp: true,
    must: moves,
    gets: answer('again'),
  },
  {
    section: '5.4.1',
    title: 'gone without a word, before an answer',
    sends: () => [],
    hangsUp: true,
    must: leaves,
    gets: unavailable,
  },
  {
    section: '5.4.1',
    title: 'gone without a word, within an answer',
    sends: (id) => [headers(id, OK), data(id, 'half')],
    hangsUp: true,
    must: leaves,
    gets: 'cut off',
  },
  {
    section: '5.4.1',
    title: 'gone behind a head',
    sends: (id) => [headers(id, OK)],
    hangsUp: true,
    must: leaves,
    gets: 'cut off',
  },
  {
    section: '5.4.1',
    title: 'gone within a frame',
    sends: (id) => [headers(id, [...OK, ['content-length', '9']]), data(id, 'half')],
    hangsUp: true,
    must: leaves,
    gets: 'cut off',
  },

  ...breaks('6.9', 'FRAME_SIZE_ERROR', [
    ['WINDOW_UPDATE of 3 bytes', () => [raw(WINDOW_UPDATE, 0, 0, 'abc')]],
  ]),
  ...breaks('6.9', 'PROTOCOL_ERROR', [['WINDOW_UPDATE by 0 of the connection', () => [windowUpdate(0, 0)]]]),
  ...breaks('6.9', 'FLOW_CONTROL_ERROR', [
    ['the connection window above 2^31-1', () => [windowUpdate(0, LARGEST)]],
  ]),
  ...of('6.9', [
    [
      'WINDOW_UPDATE by 0 of a stream',
      (id) => [headers(id, OK), windowUpdate(id, 0)],
      stream('PROTOCOL_ERROR'),
      'cut off',
    ],
    [
      'a stream window above 2^31-1',
      (id) => [headers(id, OK), windowUpdate(id, LARGEST)],
      stream('FLOW_CONTROL_ERROR'),
      'cut off',
    ],
  ]),
  ...breaks('6.10', 'PROTOCOL_ERROR', [
    ['CONTINUATION without HEADERS', (id) => [raw(CONTINUATION, 4, id, OK_BLOCK)]],
    ['CONTINUATION of another stream', (id) => [raw(HEADERS, 1, id, OK_BLOCK), raw(CONTINUATION, 4, id + 2)]],
    ['CONTINUATION on stream 0', (id) => [raw(HEADERS, 1, id, OK_BLOCK), raw(CONTINUATION, 4, 0)]],
  ]),
  ...of('6.10', [
    [
      'a head in pieces',
      (id) => [
        raw(HEADERS, 1, id),
        raw(CONTINUATION, 0, id, OK_BLOCK),
        raw(CONTINUATION, 4, id, TRAILERS_BLOCK),
      ],
      fine,
      answer(),
    ],
    [
      'CONTINUATION behind END_HEADERS',
      (id) => [headers(id, OK), raw(CONTINUATION, 4, id)],
      connection('PROTOCOL_ERROR'),
      'cut off',
    ],
  ]),

  ...of('8.1', [
    [
      'interim responses before the final one',
      (id) => [
        headers(id, { ':status': '103' }),
        headers(id, { ':status': '103' }),
        headers(id, OK),
        data(id, 'good', END_STREAM),
      ],
      fine,
      answer('good'),
    ],
    [
      'trailers without END_STREAM',
      (id) => [headers(id, OK), data(id, 'half'), headers(id, { a: 'b' })],
      stream('PROTOCOL_ERROR'),
      'cut off',
    ],
    [
      'an interim response behind the final one',
      (id) => [headers(id, OK), headers(id, { ':status': '103' }, END_STREAM)],
      stream('PROTOCOL_ERROR'),
      'cut off',
    ],
    [
      'fewer bytes than content-length',
      (id) => [headers(id, [...OK, ['content-length', '5']]), data(id, 'abc', END_STREAM)],
      stream('PROTOCOL_ERROR'),
      'cut off',
    ],
    [
      'fewer bytes than content-length, with trailers',
      (id) => [
        headers(id, [...OK, ['content-length', '5']]),
        data(id, 'abc'),
        headers(id, { a: 'b' }, END_STREAM),
      ],
      stream('PROTOCOL_ERROR'),
      'cut off',
    ],
    [
      'more bytes than content-length',
      (id) => [headers(id, [...OK, ['content-length', '2']]), data(id, 'abc', END_STREAM)],
      stream('PROTOCOL_ERROR'),
      'cut off',
    ],
    [
      'a pseudo-field in trailers',
      (id) => [headers(id, OK), data(id, 'half'), headers(id, { ':status': '200' }, END_STREAM)],
      stream('PROTOCOL_ERROR'),
      'cut off',
    ],
    [
      'a connection-specific field in trailers',
      (id) => [headers(id, OK), data(id, 'half'), headers(id, { connection: 'close' }, END_STREAM)],
      stream('PROTOCOL_ERROR'),
      'cut off',
    ],
  ]),
  ...malformed('8.1', [
    ['DATA before a head', (id) => [data(id, 'x', END_STREAM)]],
    ['an interim response with END_STREAM', (id) => [headers(id, { ':status': '103' }, END_STREAM)]],
    ['DATA behind an interim response', (id) => [headers(id, { ':status': '103' }), data(id, 'x')]],
    ['content-length without a body', (id) => [headers(id, [...OK, ['content-length', '5']], END_STREAM)]],
    ['content-length that is no number', (id) => [headers(id, [...OK, ['content-length', '+5']])]],
    [
      'content-length twice',
      (id) => [headers(id, [...OK, ['content-length', '0'], ['content-length', '0']], END_STREAM)],
    ],
  ]),
  ...malformed('8.2', [
    ['an upper-case letter in a name', (id) => [headers(id, [...OK, ['X-A', 'b']], END_STREAM)]],
    ['a space in a name', (id) => [headers(id, [...OK, ['a b', 'c']], END_STREAM)]],
    ['LF in a value', (id) => [headers(id, [...OK, ['a', 'b\nc']], END_STREAM)]],
    ['CR in a value', (id) => [headers(id, [...OK, ['a', 'b\rc']], END_STREAM)]],
    ['NUL in a value', (id) => [headers(id, [...OK, ['a', 'b\0c']], END_STREAM)]],
    ['a space before a value', (id) => [headers(id, [...OK, ['a', ' b']], END_STREAM)]],
    ['connection', (id) => [headers(id, [...OK, ['connection', 'close']], END_STREAM)]],
    ['transfer-encoding', (id) => [headers(id, [...OK, ['transfer-encoding', 'chunked']], END_STREAM)]],
    ['keep-alive', (id) => [headers(id, [...OK, ['keep-alive', '1']], END_STREAM)]],
  ]),
  ...malformed('8.3', [
    ['no :status', (id) => [headers(id, { a: 'b' }, END_STREAM)]],
    ['two :status', (id) => [headers(id, [...OK, ...OK], END_STREAM)]],
    [':status of two digits', (id) => [headers(id, { ':status': '20' }, END_STREAM)]],
    [':status that is no number', (id) => [headers(id, { ':status': '2xx' }, END_STREAM)]],
    [':status behind a field', (id) => [headers(id, [['a', 'b'], ...OK], END_STREAM)]],
    ['a :path in a response', (id) => [headers(id, [...OK, [':path', '/']], END_STREAM)]],
    ['status 101', (id) => [headers(id, { ':status': '101' })]],
  ]),
  {
    section: '8.1',
    title: 'an answer to HEAD with a length',
    method: 'HEAD',
    sends: (id) => [headers(id, [...OK, ['content-length', '5']], END_STREAM)],
    must: fine,
    gets: answer(),
  },
  {
    section: '8.1',
    title: 'an answer to HEAD with a body',
    method: 'HEAD',
    sends: (id) => [headers(id, [...OK, ['content-length', '3']]), data(id, 'abc', END_STREAM)],
    must: stream('PROTOCOL_ERROR'),
    gets: 'cut off',
  },
]
