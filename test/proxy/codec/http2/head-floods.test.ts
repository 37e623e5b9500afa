import t from 'tap'
import { Head } from '../../../../proxy/message/head.ts'
import { END_STREAM, type FieldsOf, GET, headers, POST, raw, rstStream } from '../../../support/frames.ts'
import { ClientBench, ServerBench } from '../../../support/http2-bench.ts'

const HEADERS = 1
const CONTINUATION = 9
const END_HEADERS = 4

/** HEADERS without END_HEADERS, then `pieces` CONTINUATION frames, the last of which ends the block if `ends`. */
function continued(bench: ServerBench, id: number, block: Buffer, pieces: number, ends = true): Buffer {
  const first = block.subarray(0, 1)
  const size = Math.ceil((block.length - 1) / pieces)
  const frames = [bench.coder.write(raw(HEADERS, 1, id, first))]
  for (let i = 0; i < pieces; i++) {
    const flags = ends && i === pieces - 1 ? END_HEADERS : 0
    frames.push(
      bench.coder.write(raw(CONTINUATION, flags, id, block.subarray(1 + i * size, 1 + (i + 1) * size))),
    )
  }
  return Buffer.concat(frames)
}

/** `count` fields called by `name`, each of `size` bytes as the limits count them (RFC 9113 §6.5.2). */
function many(count: number, size: number, name = 'x'): [string, string][] {
  return Array.from({ length: count }, () => [name, 'v'.repeat(size - 32 - name.length)])
}

t.test('eight CONTINUATION frames are enough for the largest head, more are a flood', async (t) => {
  const bench = new ServerBench()
  const large: FieldsOf = [...GET, ...many(15, 4096)]
  bench.sendBytes(continued(bench, 1, bench.coder.block(large), 8))
  t.equal(bench.accepted.length, 1, 'a head of 60 KiB')
  t.strictSame(bench.limits, [])
  bench.sendBytes(continued(bench, 3, bench.coder.block(GET), 9))
  t.match(bench.take(), [
    {
      type: 'GOAWAY',
      code: 'ENHANCE_YOUR_CALM',
      debug: /more than 8 CONTINUATION frames of one header block/,
    },
  ])
  t.strictSame(bench.limits, ['http2.continuations'])
})

t.test('empty CONTINUATION frames count like others', async (t) => {
  const bench = new ServerBench()
  bench.sendBytes(continued(bench, 1, bench.coder.block(GET).subarray(0, 1), 9, false))
  t.match(bench.take(), [{ type: 'GOAWAY', code: 'ENHANCE_YOUR_CALM' }])
  t.strictSame(bench.limits, ['http2.continuations'])
})

t.test('a header block longer than any head may be', async (t) => {
  const bench = new ServerBench({ maxHeadBytes: 8192 })
  const block = bench.coder.block([...GET, ...many(6, 4096)])
  bench.sendBytes(continued(bench, 1, block, 4))
  t.match(bench.take(), [{ type: 'GOAWAY', code: 'ENHANCE_YOUR_CALM', debug: /more than 16384 bytes/ }])
  t.strictSame(bench.limits, ['limits.headBytes'])
})

t.test('a head that does not end within its time, at a byte now and then', async (t) => {
  for (const start of [5, 12]) {
    const bench = new ServerBench({ headMs: 10_000 })
    const frame = bench.coder.write(headers(1, GET, END_STREAM))
    bench.sendBytes(frame.subarray(0, start))
    for (let i = start; i < frame.length - 1 && !bench.transport.closing; i++) {
      bench.clock.advance(900)
      bench.sendBytes(frame.subarray(i, i + 1))
    }
    t.match(bench.take(), [{ type: 'GOAWAY', code: 'NO_ERROR', debug: /no complete/ }])
    t.strictSame(bench.limits, ['timeouts.head'])
  }
})

t.test('a head that takes most of its time', async (t) => {
  const bench = new ServerBench({ headMs: 10_000 })
  for (let id = 1; id < 20; id += 2) {
    const frame = bench.coder.write(headers(id, GET, END_STREAM))
    bench.sendBytes(frame.subarray(0, 12))
    bench.clock.advance(9000)
    bench.sendBytes(frame.subarray(12))
  }
  t.equal(bench.accepted.length, 10)
  t.strictSame(bench.limits, [])
})

t.test('thousands of references to one entry: the head is refused, and nothing of it is kept', async (t) => {
  const bench = new ServerBench()
  // One entry of 4 KiB, then a byte for each of 8000 uses of it: 32 MiB in 12 KiB.
  const entry = bench.coder.encoder.encode([{ name: 'x-a', value: 'v'.repeat(4000) }], () => 'incremental')
  const uses = Buffer.alloc(8000, 0x80 | 62)
  bench.sendBytes(bench.coder.write(raw(HEADERS, 5, 1, Buffer.concat([bench.coder.block(GET), entry, uses]))))
  t.match(bench.take(), [{ type: 'HEADERS', stream: 1, fields: [[':status', '431']], end: true }])
  t.strictSame(bench.limits, ['limits.headBytes'])
  t.equal(bench.connection.active, 0)
})

t.test('one field too many', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, [...GET, ...many(100, 40)], END_STREAM))
  t.equal(bench.accepted.length, 1)
  bench.send(headers(3, [...GET, ...many(101, 40)], END_STREAM))
  t.equal(bench.accepted.length, 1)
  t.strictSame(bench.limits, ['limits.fields'])
})

t.test('a browser’s cookie in 60 crumbs, and in 200, beside 100 other fields', async (t) => {
  for (const crumbs of [60, 200]) {
    const bench = new ServerBench()
    bench.send(headers(1, [...GET, ...many(crumbs, 60, 'cookie'), ...many(100, 40)], END_STREAM))
    t.equal(bench.accepted.length, 1)
    t.equal(bench.accepted[0]?.request.fields.names.filter((name) => name === 'cookie').length, crumbs)
    t.strictSame(bench.limits, [])
  }
})

t.test('one crumb too many', async (t) => {
  for (const [options, most] of [
    [{}, 200],
    [{ maxCookies: 10 }, 10],
  ] as const) {
    const bench = new ServerBench(options)
    bench.send(headers(1, [...GET, ...many(most + 1, 60, 'cookie')], END_STREAM))
    t.match(bench.take(), [{ type: 'HEADERS', stream: 1, fields: [[':status', '431']] }])
    t.strictSame(bench.limits, ['limits.cookies'])
  }
})

t.test('crumbs count among the bytes', async (t) => {
  const bench = new ServerBench()
  const block = bench.coder.block([...GET, ...many(150, 440, 'cookie')])
  bench.sendBytes(continued(bench, 1, block, 5))
  t.strictSame(bench.limits, ['limits.headBytes'])
})

t.test('trailers and responses are held to the same', async (t) => {
  const server = new ServerBench()
  server.send(headers(1, POST), headers(1, many(101, 40), END_STREAM))
  server.expect(rstStream(1, 'PROTOCOL_ERROR'))
  t.match(server.accepted[0]?.resets, [{ code: 'bad-request', detail: /more than 100 fields/ }])
  t.strictSame(server.limits, ['limits.fields'])
  const client = new ClientBench()
  const { response } = client.request(Head.request('GET', 'http', 'a', '/'))
  client.send(headers(1, [[':status', '200'], ...many(101, 40)]))
  t.match(response.resets, [{ code: 'upstream-protocol', detail: /more than 100 fields/ }])
  t.strictSame(client.limits, ['limits.fields'])
})

t.test('header bytes of open streams: beyond the limit streams are refused, to be sent again', async (t) => {
  const bench = new ServerBench({ limits: { headBytesHeld: 50_000 } })
  const large: FieldsOf = [...GET, ...many(5, 3000)]
  for (const id of [1, 3, 5]) bench.send(headers(id, large, END_STREAM))
  t.strictSame(bench.limits, [])
  bench.send(headers(7, large, END_STREAM))
  bench.expect(rstStream(7, 'REFUSED_STREAM'))
  t.strictSame(bench.limits, ['http2.headBytesHeld'])
  t.equal(bench.accepted.length, 3)
  // The same bytes a second time come from the memory of heads, and count as well.
  bench.accepted[0]?.stream.head(Head.response(200), null, true)
  bench.send(headers(9, large, END_STREAM))
  t.equal(bench.accepted.length, 4, 'a stream that ends makes room')
  bench.send(headers(11, GET, END_STREAM), rstStream(9, 'CANCEL'), headers(13, large, END_STREAM))
  t.equal(bench.accepted.length, 6)
  t.equal(bench.limits.length, 1)
})

t.test('1000 streams with a token of 2 KiB each', async (t) => {
  const bench = new ServerBench({ maxStreams: 1024 })
  for (let i = 0; i < 1000; i++) {
    bench.send(headers(i * 2 + 1, [...GET, ['authorization', `${i}`.repeat(10).padEnd(2048, 'x')]]))
  }
  t.equal(bench.accepted.length, 1000)
  t.strictSame(bench.limits, [])
})
