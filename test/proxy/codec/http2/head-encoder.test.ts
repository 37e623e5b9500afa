import type { Socket } from 'node:net'
import t from 'tap'
import { SeededRandom } from '../../../../proxy/base/random.ts'
import { HeadEncoder } from '../../../../proxy/codec/http2/head-encoder.ts'
import { Transport } from '../../../../proxy/codec/transport.ts'
import { Added } from '../../../../proxy/message/added.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head, TUNNEL_CONNECT } from '../../../../proxy/message/head.ts'
import { formatRequestId, nextRequestId } from '../../../../proxy/message/request-id.ts'
import { type Frame, FrameCoder, headers } from '../../../support/frames.ts'
import { WireSocket } from '../../../support/http2-bench.ts'

class Bench {
  readonly socket = new WireSocket()
  readonly transport = new Transport(this.socket as unknown as Socket)
  readonly encoder = new HeadEncoder()
  readonly coder = new FrameCoder()
  /** Bytes that the last `take` saw. */
  bytes = 0

  take(): Frame[] {
    this.transport.flush()
    const written = Buffer.concat(this.socket.written)
    this.socket.written = []
    this.bytes = written.length
    return this.coder.read(written)
  }
}

function expected(id: number, head: Head, added: Added | null, end: boolean): Frame {
  const { names, values } = head.fields
  const fields: [string, string][] =
    head.status > 0
      ? [[':status', String(head.status)]]
      : [
          [':method', head.method],
          [':scheme', head.scheme],
          [':path', head.path],
          [':authority', head.authority],
        ]
  for (let i = 0; i < names.length; i++) fields.push([names[i] as string, values[i] as string])
  return headers(id, fields.concat(addedPairs(added)), end)
}

function addedPairs(added: Added | null): [string, string][] {
  const pairs: [string, string][] = []
  if (added === null) return pairs
  if (added.requestId > 0) pairs.push(['x-request-id', formatRequestId(added.requestId)])
  added.fields?.names.forEach((name, i) => {
    pairs.push([name, added.fields?.values[i] as string])
  })
  return pairs
}

t.test('heads, interned or not, with what is added, as tables change', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed)
    const pick = (count: number): number => Math.floor(random.next() * count)
    const bench = new Bench()
    const stock = Array.from({ length: 12 }, (_, i) => {
      const fields = new Fields(['x-a', `x-${i}`], [String(i % 3), 'v'.repeat(pick(100))])
      return i % 3 === 0
        ? Head.response(200 + i, fields)
        : Head.request('GET', 'http', `${i}.test`, i === 1 ? '/' : `/${i}`, fields)
    })
    const added = new Added()
    for (let i = 0; i < 300; i++) {
      if (random.next() < 0.03) bench.encoder.setPeerTableSize([0, 100, 4096][pick(3)] as number)
      const fresh = random.next() < 0.2
      const head = fresh
        ? Head.request('POST', 'https', 'fresh.test', `/${pick(1e9)}`, Fields.of({ 'x-a': String(pick(3)) }))
        : (stock[pick(stock.length)] as Head)
      added.requestId = random.next() < 0.5 ? nextRequestId() : 0
      added.fields =
        random.next() < 0.3
          ? Fields.of({ traceparent: String(pick(1e9)), 'x-new': 'n'.repeat(pick(50)) })
          : null
      const none = random.next() < 0.3
      const end = random.next() < 0.5
      bench.encoder.write(bench.transport, i * 2 + 1, head, none ? null : added, end)
      t.strictSame(bench.take(), [expected(i * 2 + 1, head, none ? null : added, end)])
      if (random.next() < 0.2) {
        const fields = Fields.of({ 'grpc-status': String(pick(3)), 'grpc-message': 'm'.repeat(pick(3)) })
        bench.encoder.trailers(bench.transport, i * 2 + 1, fields)
        t.strictSame(bench.take(), [
          headers(
            i * 2 + 1,
            fields.names.map((name, n) => [name, fields.values[n] as string] as const),
            true,
          ),
        ])
      }
    }
  }
})

t.test('a head that comes again gets shorter', async (t) => {
  const bench = new Bench()
  const head = Head.request(
    'GET',
    'http',
    'a.test',
    '/a/long/path',
    Fields.of({ 'user-agent': 'the same as before' }),
  )
  const sizes = [1, 2, 3, 4].map((n) => {
    bench.encoder.write(bench.transport, n * 2 - 1, head, null, true)
    bench.take()
    return bench.bytes
  })
  t.ok((sizes[3] as number) < (sizes[0] as number) / 2, sizes.join(' '))
})

t.test('a new table size is told before the next head, also before one that is kept', async (t) => {
  const bench = new Bench()
  const head = Head.request('GET', 'http', 'a.test', '/x', Fields.of({ 'x-a': 'b' }))
  for (let i = 0; i < 5; i++) bench.encoder.write(bench.transport, i * 2 + 1, head, null, true)
  bench.take()
  bench.encoder.setPeerTableSize(0)
  bench.encoder.write(bench.transport, 11, head, null, true)
  t.strictSame(bench.take(), [expected(11, head, null, true)])
  t.equal(bench.coder.decoder.table.limit, 0)
  t.equal(bench.coder.decoder.table.size, 0)
})

t.test('what must not be indexed is sent on as such', async (t) => {
  const bench = new Bench()
  const fields = new Fields(['x-secret', 'x-open'], ['a', 'b'], ['x-secret'])
  const head = Head.request('GET', 'http', 'a.test', '/', fields)
  const seen: (boolean | undefined)[] = []
  const decode = bench.coder.decoder.decode.bind(bench.coder.decoder)
  bench.coder.decoder.decode = (block) => {
    const lines = decode(block)
    seen.push(lines.find(({ name }) => name === 'x-secret')?.never)
    return lines
  }
  for (let i = 0; i < 5; i++) bench.encoder.write(bench.transport, i * 2 + 1, head, null, true)
  bench.take()
  t.strictSame(seen, [true, true, true, true, true])
  t.notOk(bench.coder.decoder.table.entries.some(({ name }) => name === 'x-secret'))
})

t.test('CONNECT has neither :scheme nor :path (RFC 9113 §8.5)', async (t) => {
  const bench = new Bench()
  bench.encoder.write(bench.transport, 1, Head.tunnel(TUNNEL_CONNECT, '', 'a:1', ''), null, false)
  t.strictSame(bench.take(), [headers(1, { ':method': 'CONNECT', ':authority': 'a:1' })])
})

t.test('an upgrade goes as extended CONNECT, with :scheme and :path (RFC 8441 §4)', async (t) => {
  const bench = new Bench()
  bench.encoder.write(bench.transport, 1, Head.tunnel('websocket', 'https', 'a', '/chat'), null, false)
  t.strictSame(bench.take(), [
    headers(1, {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':path': '/chat',
      ':authority': 'a',
    }),
  ])
})

t.test('blocks longer than a frame continue', async (t) => {
  const bench = new Bench()
  const head = Head.request('GET', 'http', 'a.test', '/', Fields.of({ 'x-a': 'v'.repeat(16_384 * 3) }))
  for (let i = 0; i < 3; i++) {
    bench.encoder.write(bench.transport, i * 2 + 1, head, null, true)
    t.strictSame(bench.take(), [expected(i * 2 + 1, head, null, true)])
  }
  // Just below and above the limit, where what is added tips it over.
  for (let size = 16_384 - 140; size < 16_390; size += 3) {
    const near = Head.request('GET', 'http', 'a.test', '/', Fields.of({ 'x-a': 'v'.repeat(size) }))
    const added = new Added()
    added.requestId = nextRequestId()
    for (let i = 0; i < 3; i++) {
      bench.encoder.write(bench.transport, 1, near, added, true)
      const sent = bench.take()
      if (JSON.stringify(sent) !== JSON.stringify([expected(1, near, added, true)])) t.fail(`${size}`)
    }
  }
  bench.encoder.trailers(bench.transport, 1, Fields.of({ 'x-a': 'v'.repeat(20_000) }))
  t.strictSame(bench.take(), [headers(1, { 'x-a': 'v'.repeat(20_000) }, true)])
})
