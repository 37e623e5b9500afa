import t from 'tap'
import { PREFACE } from '../../../proxy/codec/http2/constants.ts'
import {
  data,
  END_STREAM,
  type Frame,
  GET,
  goaway,
  headers,
  OK,
  ping,
  raw,
  settings,
  settingsAck,
  windowUpdate,
} from '../../support/frames.ts'
import { ClientBench, ServerBench } from '../../support/http2-bench.ts'

t.test('RFC 9113 §3.4: the first frame that either end sends is SETTINGS', async (t) => {
  const server = new ServerBench({}, false)
  t.equal(server.takeTypes()[0], 'SETTINGS', 'at once: a server need not wait for the client’s preface')
  const client = new ClientBench({}, false)
  client.transport.flush()
  const sent = Buffer.concat(client.socket.written)
  t.strictSame(sent.subarray(0, PREFACE.length), PREFACE)
  t.equal(client.coder.read(sent.subarray(PREFACE.length))[0]?.type, 'SETTINGS')
})

t.test('RFC 9113 §3.4: a server checks the whole preface', async (t) => {
  for (let at = 0; at < PREFACE.length; at++) {
    const bench = new ServerBench({}, false)
    bench.take()
    const wrong = Buffer.from(PREFACE)
    wrong[at] = 0x58
    bench.sendBytes(Buffer.concat([wrong, bench.coder.write(settings())]))
    bench.expect(goaway(0, 'PROTOCOL_ERROR'))
    t.equal(bench.transport.closing, true, `byte ${at}`)
  }
  const request = new ServerBench({}, false)
  request.take()
  request.sendBytes(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
  request.expect(goaway(0, 'PROTOCOL_ERROR'))
})

t.test('RFC 9113 §3.4: the preface may come byte by byte', async (t) => {
  const bench = new ServerBench({}, false)
  bench.take()
  for (const byte of PREFACE) bench.sendBytes(Buffer.from([byte]))
  bench.send(settings())
  bench.expect(settingsAck())
  t.equal(bench.transport.closing, false)
})

const NOT_SETTINGS: Record<string, Frame> = {
  HEADERS: headers(1, GET, END_STREAM),
  DATA: data(1, 'x'),
  PING: ping(),
  WINDOW_UPDATE: windowUpdate(0, 1),
  GOAWAY: goaway(0, 'NO_ERROR'),
  CONTINUATION: raw(9, 4, 1),
  'an unknown frame': raw(0xbb, 0, 0),
  'an acknowledgement of SETTINGS': settingsAck(),
  'SETTINGS on a stream': raw(4, 0, 1),
}

for (const [name, frame] of Object.entries(NOT_SETTINGS)) {
  t.test(`RFC 9113 §3.4: a peer that begins with ${name} -> connection error PROTOCOL_ERROR`, async (t) => {
    const server = new ServerBench({}, false)
    server.take()
    server.sendBytes(PREFACE)
    server.send(frame)
    server.expect(goaway(0, 'PROTOCOL_ERROR'))
    t.equal(server.transport.closing, true)
    t.equal(server.accepted.length, 0)
    const client = new ClientBench({}, false)
    client.transport.flush()
    client.socket.written = []
    client.send(frame)
    client.expect(goaway(0, 'PROTOCOL_ERROR'))
    t.equal(client.transport.closing, true)
    t.equal(client.connection.capacity, 0)
  })
}

t.test(
  'RFC 9113 §3.4: a client may send requests with its preface, before the server’s SETTINGS',
  async (t) => {
    const bench = new ServerBench({}, false)
    bench.sendBytes(
      Buffer.concat([PREFACE, bench.coder.write(settings()), bench.coder.write(headers(1, GET, END_STREAM))]),
    )
    t.equal(bench.accepted.length, 1)
  },
)

t.test('RFC 9113 §3.4: our client opens no stream before it knows how many it may', async (t) => {
  const bench = new ClientBench({}, false)
  t.equal(bench.connection.capacity, 0)
  bench.send(settings({ 3: 2 }))
  t.equal(bench.connection.capacity, 2)
  bench.send(headers(1, OK, END_STREAM))
  t.equal(bench.transport.closing, true, 'and a response without a request is a breach')
})
