import t from 'tap'
import type { Http2ServerOptions } from '../../../../proxy/codec/http2/server-connection.ts'
import {
  data,
  END_STREAM,
  type Frame,
  GET,
  goaway,
  headers,
  POST,
  raw,
  rstStream,
  windowUpdate,
} from '../../../support/frames.ts'
import { ServerBench } from '../../../support/http2-bench.ts'

const HEADERS = 1
const SETTINGS = 4
const CONTINUATION = 9

// What breaks no rule of RFC 9113 but a limit of ours. The rules themselves: test/conformance.
const LIMITS: Record<string, { frames: (block: Buffer) => Frame[]; options?: Partial<Http2ServerOptions> }> =
  {
    'more than 32 settings in a frame': {
      frames: () => [raw(SETTINGS, 0, 0, Buffer.concat(Array(33).fill(Buffer.from([0, 99, 0, 0, 0, 0]))))],
    },
    'a ninth CONTINUATION': {
      frames: (block) => [raw(HEADERS, 0, 1, block), ...Array(9).fill(raw(CONTINUATION, 0, 1))],
    },
    'a header block of twice the allowed size': {
      frames: (block) => [
        raw(HEADERS, 0, 1, block),
        raw(CONTINUATION, 0, 1, Buffer.alloc(4000)),
        raw(CONTINUATION, 0, 1, Buffer.alloc(16000)),
      ],
      options: { maxHeadBytes: 8192 },
    },
  }

for (const [name, { frames, options }] of Object.entries(LIMITS)) {
  t.test(`${name}: ENHANCE_YOUR_CALM`, async (t) => {
    const bench = new ServerBench(options)
    const list = frames(bench.coder.block(GET))
    bench.send(...list.slice(0, -1))
    bench.expect()
    bench.send(...list.slice(-1))
    const sent = bench.take()
    t.match(sent, [{ type: 'GOAWAY', code: 'ENHANCE_YOUR_CALM' }])
    t.not((sent[0] as { debug: string }).debug, '', 'and says why')
    t.equal(bench.transport.closing, true)
  })
}

t.test('a stream above the limit is refused, and its DATA is credited to the connection', async (t) => {
  const bench = new ServerBench({ maxStreams: 1, connectionWindow: 65535 })
  bench.send(headers(1, POST), headers(3, POST))
  bench.expect(rstStream(3, 'REFUSED_STREAM'))
  bench.send(data(3, 'x'.repeat(5000), END_STREAM))
  bench.expect()
  t.equal(bench.connection.windowWithCredit, 65535)
  t.equal(bench.accepted.length, 1)
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
