import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import {
  data,
  END_STREAM,
  type Frame,
  GET,
  headers,
  OK,
  POST,
  raw,
  rstStream,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from '../../support/frames.ts'
import { ClientBench, ServerBench } from '../../support/http2-bench.ts'
import { NaiveEncoder } from '../../support/naive-hpack.ts'
import { ClientEnd, type End, makeEnd, ServerEnd } from './ends.ts'
import { connectionError, section, sends } from './table.ts'

const SETTINGS = 4
const HEADER_TABLE_SIZE = 1
const ENABLE_PUSH = 2
const MAX_CONCURRENT_STREAMS = 3
const INITIAL_WINDOW_SIZE = 4
const MAX_FRAME_SIZE = 5
const MAX_HEADER_LIST_SIZE = 6
const ENABLE_CONNECT_PROTOCOL = 8

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const acknowledged = sends(settingsAck())
const protocolError = connectionError('PROTOCOL_ERROR')
const flowControlError = connectionError('FLOW_CONTROL_ERROR')

/** SETTINGS with these entries in this order; one may come twice. */
function ordered(...entries: readonly (readonly [number, number])[]): Frame {
  const payload = entries.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id]), uint32(value)]))
  return raw(SETTINGS, 0, 0, Buffer.concat(payload))
}

section('RFC 9113 §6.5: SETTINGS', [
  { rule: 'on a stream', frames: [raw(SETTINGS, 0, 1)], outcome: protocolError },
  { rule: 'an acknowledgement on a stream', frames: [raw(SETTINGS, 1, 1)], outcome: protocolError },
  {
    rule: 'of 5 bytes',
    frames: [raw(SETTINGS, 0, 0, 'abcde')],
    outcome: connectionError('FRAME_SIZE_ERROR'),
  },
  {
    rule: 'of 7 bytes',
    frames: [raw(SETTINGS, 0, 0, 'abcdefg')],
    outcome: connectionError('FRAME_SIZE_ERROR'),
  },
  {
    rule: 'an acknowledgement with a payload',
    frames: [raw(SETTINGS, 1, 0, 'abcdef')],
    outcome: connectionError('FRAME_SIZE_ERROR'),
  },
  { rule: 'an acknowledgement is not acknowledged', frames: [settingsAck()], outcome: sends() },
  { rule: 'without entries', frames: [settings()], outcome: acknowledged },
])

section('RFC 9113 §6.5.2: values', [
  { rule: 'ENABLE_PUSH 0', frames: [settings({ [ENABLE_PUSH]: 0 })], outcome: acknowledged },
  {
    rule: 'ENABLE_PUSH 1 from a client',
    role: 'server',
    frames: [settings({ [ENABLE_PUSH]: 1 })],
    outcome: acknowledged,
  },
  {
    rule: 'ENABLE_PUSH 1 from a server',
    role: 'client',
    frames: [settings({ [ENABLE_PUSH]: 1 })],
    outcome: protocolError,
  },
  { rule: 'ENABLE_PUSH 2', frames: [settings({ [ENABLE_PUSH]: 2 })], outcome: protocolError },
  { rule: 'INITIAL_WINDOW_SIZE 0', frames: [settings({ [INITIAL_WINDOW_SIZE]: 0 })], outcome: acknowledged },
  {
    rule: 'INITIAL_WINDOW_SIZE 2^31-1',
    frames: [settings({ [INITIAL_WINDOW_SIZE]: 2 ** 31 - 1 })],
    outcome: acknowledged,
  },
  {
    rule: 'INITIAL_WINDOW_SIZE 2^31',
    frames: [settings({ [INITIAL_WINDOW_SIZE]: 2 ** 31 })],
    outcome: flowControlError,
  },
  {
    rule: 'INITIAL_WINDOW_SIZE 2^32-1',
    frames: [settings({ [INITIAL_WINDOW_SIZE]: 2 ** 32 - 1 })],
    outcome: flowControlError,
  },
  { rule: 'MAX_FRAME_SIZE 16384', frames: [settings({ [MAX_FRAME_SIZE]: 16384 })], outcome: acknowledged },
  {
    rule: 'MAX_FRAME_SIZE 2^24-1',
    frames: [settings({ [MAX_FRAME_SIZE]: 2 ** 24 - 1 })],
    outcome: acknowledged,
  },
  { rule: 'MAX_FRAME_SIZE 16383', frames: [settings({ [MAX_FRAME_SIZE]: 16383 })], outcome: protocolError },
  { rule: 'MAX_FRAME_SIZE 2^24', frames: [settings({ [MAX_FRAME_SIZE]: 2 ** 24 })], outcome: protocolError },
  {
    rule: 'HEADER_TABLE_SIZE may be anything',
    frames: [settings({ [HEADER_TABLE_SIZE]: 2 ** 32 - 1 }), settings({ [HEADER_TABLE_SIZE]: 0 })],
    outcome: sends(settingsAck(), settingsAck()),
  },
  {
    rule: 'MAX_HEADER_LIST_SIZE may be anything, being advice',
    frames: [settings({ [MAX_HEADER_LIST_SIZE]: 0 })],
    outcome: acknowledged,
  },
  {
    rule: 'MAX_CONCURRENT_STREAMS of a client is about pushes',
    role: 'server',
    frames: [settings({ [MAX_CONCURRENT_STREAMS]: 0 })],
    outcome: acknowledged,
  },
  {
    rule: 'settings that are not known are ignored',
    frames: [ordered([0, 1], [99, 2 ** 32 - 1], [0xffff, 0])],
    outcome: acknowledged,
  },
])

section('RFC 8441 §3: ENABLE_CONNECT_PROTOCOL', [
  {
    rule: '0, then 1',
    frames: [ordered([ENABLE_CONNECT_PROTOCOL, 0], [ENABLE_CONNECT_PROTOCOL, 1])],
    outcome: acknowledged,
  },
  { rule: '2', frames: [settings({ [ENABLE_CONNECT_PROTOCOL]: 2 })], outcome: protocolError },
  {
    rule: '1, and taken back',
    frames: [settings({ [ENABLE_CONNECT_PROTOCOL]: 1 }), settings({ [ENABLE_CONNECT_PROTOCOL]: 0 })],
    outcome: protocolError,
  },
])

section('RFC 9113 §6.5.3: settings synchronization', [
  {
    rule: 'each SETTINGS is acknowledged, in order with everything else',
    frames: [settings(), raw(6, 0, 0, '12345678'), settings()],
    outcome: sends(settingsAck(), { type: 'PING_ACK', payload: '12345678' }, settingsAck()),
  },
  {
    rule: 'a wrong value is no less wrong between good ones',
    frames: [ordered([MAX_FRAME_SIZE, 20000], [ENABLE_PUSH, 7], [MAX_FRAME_SIZE, 16384])],
    outcome: protocolError,
  },
  {
    rule: 'the last of several values holds',
    frames: [ordered([MAX_FRAME_SIZE, 20000], [MAX_FRAME_SIZE, 16384])],
    outcome: acknowledged,
  },
])

/** Ends of both roles whose peer reads stream 1: response at the server, request at the client. */
function sending(): readonly { readonly end: End; readonly role: string }[] {
  return (['server', 'client'] as const).map((role) => ({ end: makeEnd(role, 'open'), role }))
}

/** Sends `bytes` bytes of body on stream 1 of our end. */
function body(end: End, bytes: number, last = false): void {
  const stream = end instanceof ServerEnd ? end.bench.accepted[0]?.stream : (end.first?.stream as never)
  ;(stream as { data(chunk: Buffer, from: number, to: number, end: boolean): void }).data(
    Buffer.alloc(bytes, 'x'),
    0,
    bytes,
    last,
  )
}

t.test(
  'RFC 9113 §6.5.3: values hold before they are acknowledged, and what they allow comes behind',
  async (t) => {
    for (const { end, role } of sending()) {
      end.send(settings({ [INITIAL_WINDOW_SIZE]: 10 }))
      body(end, 65535)
      end.take()
      end.send(settings({ [INITIAL_WINDOW_SIZE]: 10 + 20 }))
      t.strictSame(end.take(), [settingsAck(), data(1, 'x'.repeat(20))], role)
    }
  },
)

t.test(
  'RFC 9113 §6.9.2: a new initial window moves the windows of open streams, also below zero',
  async (t) => {
    for (const { end, role } of sending()) {
      body(end, 65530)
      end.take()
      end.send(settings({ [INITIAL_WINDOW_SIZE]: 65525 }))
      body(end, 20)
      t.strictSame(end.take(), [settingsAck()], `${role}: at -5 nothing goes`)
      end.send(windowUpdate(0, 1000), windowUpdate(1, 5))
      t.strictSame(end.take(), [], 'nor at 0')
      end.send(windowUpdate(1, 2))
      t.strictSame(end.take(), [data(1, 'xx')])
      end.send(settings({ [INITIAL_WINDOW_SIZE]: 65525 + 3 }))
      t.strictSame(end.take(), [settingsAck(), data(1, 'xxx')])
      end.send(settings({ [INITIAL_WINDOW_SIZE]: 2 ** 31 - 1 }))
      t.strictSame(end.take(), [settingsAck(), data(1, 'x'.repeat(15))])
    }
  },
)

t.test(
  'RFC 9113 §6.9.2: an initial window changes the windows of streams, not that of the connection',
  async (t) => {
    for (const { end, role } of sending()) {
      end.send(settings({ [INITIAL_WINDOW_SIZE]: 1_000_000 }))
      end.take()
      body(end, 70_000)
      const sent = end.take().reduce((sum, frame) => sum + (frame.type === 'DATA' ? frame.data.length : 0), 0)
      t.equal(sent, 65535, role)
    }
  },
)

section('RFC 9113 §6.9.2: a new initial window that makes a window overflow', [
  {
    rule: 'of any stream',
    frames: [windowUpdate(1, 2 ** 31 - 1 - 65535), settings({ [INITIAL_WINDOW_SIZE]: 65536 })],
    outcome: flowControlError,
  },
  {
    rule: 'by the largest value there is',
    frames: [windowUpdate(1, 1), settings({ [INITIAL_WINDOW_SIZE]: 2 ** 31 - 1 })],
    outcome: flowControlError,
  },
])

t.test('RFC 9113 §6.9.2: windows of new streams start with the value of the time', async (t) => {
  const server = new ServerEnd()
  server.send(settings({ [INITIAL_WINDOW_SIZE]: 3 }), headers(1, GET, END_STREAM))
  server.bench.accepted[0]?.stream.head(Head.response(200), null, false)
  server.take()
  body(server, 5)
  t.strictSame(server.take(), [data(1, 'xxx')])
  const client = new ClientEnd()
  client.send(settings({ [INITIAL_WINDOW_SIZE]: 3 }))
  client.request(Head.request('POST', 'http', 'a.test', '/'), false)
  client.take()
  body(client, 5)
  t.strictSame(client.take(), [data(1, 'xxx')])
})

/** Sizes of the frames that our end has written. */
function sizes({ bench }: End): number[] {
  bench.transport.flush()
  const written = Buffer.concat(bench.socket.written)
  const out: number[] = []
  for (let at = 0; at < written.length; at += 9 + written.readUIntBE(at, 3))
    out.push(written.readUIntBE(at, 3))
  bench.take()
  return out
}

t.test('RFC 9113 §4.2: no frame is larger than the peer’s MAX_FRAME_SIZE, and it may change', async (t) => {
  for (const { end, role } of sending()) {
    body(end, 20_000)
    t.strictSame(sizes(end), [16384, 3616], role)
    end.send(settings({ [MAX_FRAME_SIZE]: 18_000 }))
    end.take()
    body(end, 20_000)
    t.strictSame(sizes(end), [18_000, 2000])
    end.send(settings({ [MAX_FRAME_SIZE]: 16_384 }))
    end.take()
    body(end, 20_000)
    t.strictSame(sizes(end), [16_384, 3616])
  }
})

t.test('RFC 9113 §4.2, §6.10: heads and trailers are cut to the peer’s MAX_FRAME_SIZE', async (t) => {
  const large = Fields.of({ 'x-large': 'v'.repeat(40_000) })
  const server = new ServerEnd()
  server.send(headers(1, GET, END_STREAM))
  const stream = server.bench.accepted[0]?.stream
  stream?.head(Head.response(200, large), null, false)
  t.strictSame(sizes(server).slice(0, 2), [16384, 16384])
  stream?.trailers(large)
  t.strictSame(sizes(server).slice(0, 2), [16384, 16384])
  const client = new ClientEnd()
  client.send(settings({ [MAX_FRAME_SIZE]: 17_000 }))
  client.take()
  client.request(Head.request('GET', 'http', 'a.test', '/', large), true)
  t.strictSame(sizes(client).slice(0, 2), [17_000, 17_000])
})

/** First bytes of the next header block that our end sends. */
function nextBlock(end: End): Buffer {
  end.take()
  if (end instanceof ServerEnd) {
    const id = 2001 + end.begun * 2
    end.send(headers(id, GET, END_STREAM))
    end.bench.accepted.at(-1)?.stream.head(Head.response(200, Fields.of({ 'x-a': 'same' })), null, true)
  } else if (end instanceof ClientEnd) {
    end.request(Head.request('GET', 'http', 'a.test', '/', Fields.of({ 'x-a': 'same' })), true)
  }
  end.bench.transport.flush()
  const written = Buffer.concat(end.bench.socket.written)
  // Read by the peer, too: its table has to follow.
  const frames = end.take()
  t.ok(frames.every(({ type }) => type === 'HEADERS'))
  return written.subarray(9)
}

/** The size updates that a block begins with. */
function updates(block: Buffer): number[] {
  const out: number[] = []
  for (let at = 0; ((block[at] as number) & 0xe0) === 0x20; ) {
    let value = (block[at] as number) & 0x1f
    at += 1
    for (let shift = 0, more = value === 31; more; shift += 7, at += 1) {
      value += ((block[at] as number) & 0x7f) << shift
      more = (block[at] as number) >= 0x80
    }
    out.push(value)
  }
  return out
}

t.test(
  'RFC 7541 §4.2: the encoder tells the peer’s new table size at the start of its next block',
  async (t) => {
    for (const role of ['server', 'client'] as const) {
      const end = makeEnd(role, 'idle')
      const change = (...frames: Frame[]): number[] => {
        end.send(...frames)
        const block = nextBlock(end)
        t.strictSame(updates(nextBlock(end)), [], 'once')
        return updates(block)
      }
      const size = (value: number): Frame => settings({ [HEADER_TABLE_SIZE]: value })
      for (let i = 0; i < 4; i++) t.strictSame(updates(nextBlock(end)), [])
      t.strictSame(change(size(100)), [100], `${role}: down`)
      t.strictSame(change(size(200)), [200], 'up')
      t.strictSame(change(size(200)), [], 'no change')
      t.strictSame(change(size(0)), [0], 'none at all')
      t.strictSame(change(size(4096)), [4096], 'and again')
      t.strictSame(change(size(0), size(4096)), [0, 4096], 'the smallest and the last')
      t.strictSame(change(size(3000), size(50), size(1000), size(2000)), [50, 2000])
      t.strictSame(change(size(4096)), [4096])
      t.strictSame(
        change(ordered([HEADER_TABLE_SIZE, 0], [HEADER_TABLE_SIZE, 4096])),
        [0, 4096],
        'within one frame',
      )
      t.strictSame(change(size(2 ** 32 - 1)), [], 'more than 4096 is not used')
      t.strictSame(change(size(4097)), [])
      t.strictSame(change(size(10)), [10])
    }
  },
)

t.test('RFC 7541 §4.2: trailers begin with the size update when they come next', async (t) => {
  const end = makeEnd('server', 'open') as ServerEnd
  end.send(settings({ [HEADER_TABLE_SIZE]: 64 }))
  end.take()
  end.bench.accepted[0]?.stream.trailers(Fields.of({ 'x-a': 'b' }))
  end.bench.transport.flush()
  t.strictSame(updates(Buffer.concat(end.bench.socket.written).subarray(9)), [64])
})

/** A bench of either role, SETTINGS exchanged but ours not acknowledged, and the next block that its peer may send. */
function unacknowledged(
  role: 'server' | 'client',
  options: ConstructorParameters<typeof ServerBench>[0] = {},
) {
  const bench = role === 'server' ? new ServerBench(options, false) : new ClientBench(options, false)
  if (bench instanceof ServerBench) {
    bench.onRequest = (accepted) => {
      accepted.autoCredit = true
    }
    bench.sendBytes(PREFACE)
    bench.take()
  } else {
    bench.transport.flush()
    bench.socket.written = []
  }
  bench.send(settings())
  bench.take()
  let next = 1
  return {
    bench,
    /** The peer begins a message in a block of these bytes. */
    block(make: (fields: { name: string; value: string }[]) => Buffer): number {
      const id = next
      next += 2
      if (bench instanceof ClientBench) bench.request(Head.request('POST', 'http', 'a.test', '/'), false)
      const fields = (role === 'server' ? POST : OK).map(([name, value]) => ({ name, value }))
      bench.send(raw(1, 4, id, make(fields)))
      return id
    },
    code(): string {
      const frames = bench.take()
      const goaway = frames.find(({ type }) => type === 'GOAWAY')
      return goaway?.type === 'GOAWAY' ? goaway.code : ''
    },
  }
}

t.test('RFC 7541 §4.2: our decoder holds the peer to the table size that it has acknowledged', async (t) => {
  for (const role of ['server', 'client'] as const) {
    const encoder = new NaiveEncoder()
    const plain = (fields: { name: string; value: string }[]) => encoder.encode(fields)
    const updating = (bytes: number) => (fields: { name: string; value: string }[]) =>
      Buffer.concat([encoder.resize(bytes), encoder.encode(fields)])

    const early = unacknowledged(role, { headerTableSize: 1000 })
    early.block(plain)
    early.block(updating(4096))
    t.equal(early.code(), '', `${role}: until then it is 4096`)

    const missing = unacknowledged(role, { headerTableSize: 1000 })
    for (let i = 0; i < 4; i++) missing.block(plain)
    missing.bench.send(settingsAck())
    missing.block(plain)
    t.equal(missing.code(), 'COMPRESSION_ERROR', 'the update is missing, also before a block that is known')

    const larger = unacknowledged(role, { headerTableSize: 1000 })
    larger.bench.send(settingsAck())
    larger.block(updating(1001))
    t.equal(larger.code(), 'COMPRESSION_ERROR', 'the update is too large')

    const good = unacknowledged(role, { headerTableSize: 1000 })
    good.bench.send(settingsAck())
    good.block(updating(1000))
    good.block(plain)
    good.bench.send(settingsAck())
    good.block(plain)
    t.equal(good.code(), '', 'once is enough')

    const small = unacknowledged(role, { headerTableSize: 1000 })
    small.block(updating(500))
    small.bench.send(settingsAck())
    small.block(plain)
    t.equal(small.code(), '', 'a table that is small enough needs none')

    const large = unacknowledged(role, { headerTableSize: 8192 })
    large.bench.send(settingsAck())
    large.block(plain)
    large.block(updating(8192))
    t.equal(large.code(), '', 'more than 4096 may be used, not must')
    large.block(updating(8193))
    t.equal(large.code(), 'COMPRESSION_ERROR')
  }
})

t.test(
  'RFC 9113 §6.5.3: a head above MAX_HEADER_LIST_SIZE is answered the same before its acknowledgement',
  async (t) => {
    // The setting is advice (§6.5.2), and 431 or a stream error leave the connection alone.
    const large = { name: 'x-a', value: 'v'.repeat(1000) }
    const block = (fields: { name: string; value: string }[]) => new NaiveEncoder().encode([...fields, large])
    for (const acknowledged of [false, true]) {
      const server = unacknowledged('server', { maxHeadBytes: 1000 })
      if (acknowledged) server.bench.send(settingsAck())
      server.block(block)
      t.match(server.bench.take(), [
        { type: 'HEADERS', stream: 1, fields: [[':status', '431']], end: true },
        rstStream(1, 'NO_ERROR'),
      ])
      const client = unacknowledged('client', { maxHeadBytes: 1000 })
      if (acknowledged) client.bench.send(settingsAck())
      client.block(block)
      t.match(client.bench.take().slice(-1), [rstStream(1, 'PROTOCOL_ERROR')])
      for (const { bench } of [server, client]) t.equal(bench.transport.closing, false)
    }
  },
)

t.test('RFC 9113 §6.9.2, §6.5.3: a stream window below 65,535 holds once it is acknowledged', async (t) => {
  const options = { streamWindow: 1000, maxStreamWindow: 1000 }
  for (const role of ['server', 'client'] as const) {
    const plain = (fields: { name: string; value: string }[]) => new NaiveEncoder().encode(fields)
    const early = unacknowledged(role, options)
    const id = early.block(plain)
    for (let i = 0; i < 3; i++) early.bench.send(data(id, 'x'.repeat(16384)))
    early.bench.send(data(id, 'x'.repeat(16383)))
    t.notOk(
      early.bench.take().some(({ type }) => type === 'RST_STREAM' || type === 'GOAWAY'),
      `${role}: a peer that has not heard of it may send 65,535 bytes`,
    )
    const later = unacknowledged(role, options)
    const first = later.block(plain)
    later.bench.send(settingsAck(), data(first, 'x'.repeat(1000)))
    t.notOk(later.bench.take().some(({ type }) => type === 'RST_STREAM'))
    const second = later.block(plain)
    later.bench.send(data(second, 'x'.repeat(1001)))
    t.strictSame(
      later.bench.take().filter(({ type }) => type === 'RST_STREAM'),
      [rstStream(second, 'FLOW_CONTROL_ERROR')],
      'one that has may not',
    )
    const open = unacknowledged(role, options)
    const crossing = open.block(plain)
    open.bench.send(settingsAck(), data(crossing, 'x'.repeat(1001)))
    t.match(
      open.bench.take().filter(({ type }) => type === 'RST_STREAM'),
      [rstStream(crossing, 'FLOW_CONTROL_ERROR')],
      'nor on streams that were open',
    )
  }
})

t.test(
  'RFC 9113 §6.5.2: our client allows no pushes, and announces nothing that only servers may',
  async (t) => {
    const client = new ClientBench({ headerTableSize: 1000 }, false)
    client.transport.flush()
    const [own] = client.coder.read(Buffer.concat(client.socket.written).subarray(PREFACE.length))
    t.strictSame(
      own,
      settings({ 1: 1000, [ENABLE_PUSH]: 0, [INITIAL_WINDOW_SIZE]: 65536, [MAX_HEADER_LIST_SIZE]: 65536 }),
    )
    const server = new ServerBench({ headerTableSize: 1000 }, false)
    t.strictSame(
      server.take()[0],
      settings({
        1: 1000,
        [MAX_CONCURRENT_STREAMS]: 100,
        [ENABLE_CONNECT_PROTOCOL]: 1,
        [INITIAL_WINDOW_SIZE]: 65536,
        [MAX_HEADER_LIST_SIZE]: 65536,
      }),
    )
  },
)
