// Each limit with what trips it, and the heaviest that it has to let pass.
import t from 'tap'
import { DEFAULT_LIMITS, type Http1Limits } from '../../../../proxy/codec/http1/limits.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { type Accepted, ClientBench, ServerBench, turn } from '../../../support/http1-peer.ts'

const HOST = 'Host: a\r\n'
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`
const CHUNKED = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`
const OK = 'HTTP/1.1 200 OK\r\n'
const OK_CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`

/** A head of exactly `bytes` bytes. */
function padded(start: string, bytes: number): string {
  return `${start}A: ${'b'.repeat(bytes - start.length - 7)}\r\n\r\n`
}

/** A trailer section of exactly `bytes` bytes, the empty line not counted. */
function trailers(bytes: number): string {
  return `0\r\nA: ${'b'.repeat(bytes - 5)}\r\n\r\n`
}

const REQUESTS: readonly {
  readonly key: string
  readonly limits?: Partial<Http1Limits>
  readonly trips: string
  readonly status: number
  readonly passes: string
}[] = [
  {
    key: 'limits.uriBytes',
    trips: `GET /${'a'.repeat(8192)} HTTP/1.1\r\n${HOST}\r\n`,
    status: 414,
    passes: `GET /${'a'.repeat(8191)} HTTP/1.1\r\n${HOST}\r\n`,
  },
  {
    key: 'limits.fields',
    trips: `GET / HTTP/1.1\r\n${HOST}${'A: b\r\n'.repeat(100)}\r\n`,
    status: 431,
    passes: `GET / HTTP/1.1\r\n${HOST}${'A: b\r\n'.repeat(99)}\r\n`,
  },
  {
    key: 'limits.fields',
    limits: { fields: 5000 },
    trips: `GET / HTTP/1.1\r\n${HOST}${'A: b\r\n'.repeat(5000)}\r\n`,
    status: 431,
    passes: `GET / HTTP/1.1\r\n${HOST}${'A: b\r\n'.repeat(4999)}\r\n`,
  },
  {
    key: 'limits.headBytes',
    trips: padded(`GET / HTTP/1.1\r\n${HOST}`, 65_537),
    status: 431,
    passes: padded(`GET / HTTP/1.1\r\n${HOST}`, 65_536),
  },
  {
    key: 'limits.trailerBytes',
    trips: CHUNKED + trailers(8193),
    status: 400,
    passes: CHUNKED + trailers(8192),
  },
  {
    key: 'limits.trailerBytes',
    limits: { trailerBytes: 0 },
    trips: `${CHUNKED}0\r\nA: b\r\n\r\n`,
    status: 400,
    passes: `${CHUNKED}0\r\n\r\n`,
  },
  {
    key: 'http1.chunkExtensionBytes',
    trips: `${CHUNKED}5;${'a'.repeat(256)}\r\nhello\r\n0\r\n\r\n`,
    status: 400,
    passes: `${CHUNKED}5;${'a'.repeat(255)}\r\nhello\r\n0\r\n\r\n`,
  },
  {
    key: 'http1.bodyExtensionBytes',
    trips: `${CHUNKED}${`1;${'a'.repeat(199)}\r\nx\r\n`.repeat(82)}0\r\n\r\n`,
    status: 400,
    passes: `${CHUNKED}${`1;${'a'.repeat(199)}\r\nx\r\n`.repeat(81)}0\r\n\r\n`,
  },
]

t.test('requests', async (t) => {
  for (const { key, limits, trips, status, passes } of REQUESTS) {
    await t.test(`${key} ${limits === undefined ? '' : JSON.stringify(limits)}`, async (t) => {
      const options = { limits: { ...DEFAULT_LIMITS, ...limits } }
      for (const size of [trips.length, 1000, 7]) {
        const bench = new ServerBench(options)
        bench.receive(trips, size)
        t.match(await bench.sent(), new RegExp(`^HTTP/1\\.1 ${status} `))
        t.strictSame(bench.limits, [key], 'counted once')
        t.ok(bench.socket.ended)
        bench.dispose()
      }
      for (const size of [passes.length, 1000, 7]) {
        const bench = new ServerBench(options)
        bench.receive(passes, size)
        t.match(bench.accepted[0]?.events.join(), /end|trailers/, 'the largest that is allowed passes')
        t.strictSame(bench.limits, [])
        bench.dispose()
      }
    })
  }
})

const RESPONSES: readonly {
  readonly key: string
  readonly limits?: Partial<Http1Limits>
  readonly trips: string
  readonly passes: string
}[] = [
  {
    key: 'limits.headBytes',
    trips: padded(OK, 65_537),
    passes: padded(`${OK}Content-Length: 0\r\n`, 65_536),
  },
  {
    key: 'limits.fields',
    trips: `${OK}${'A: b\r\n'.repeat(101)}\r\n`,
    passes: `${OK}Content-Length: 0\r\n${'A: b\r\n'.repeat(99)}\r\n`,
  },
  { key: 'limits.trailerBytes', trips: OK_CHUNKED + trailers(8193), passes: OK_CHUNKED + trailers(8192) },
  {
    key: 'http1.interimHeads',
    trips: 'HTTP/1.1 102 x\r\n\r\n'.repeat(33),
    passes: `${'HTTP/1.1 102 x\r\n\r\n'.repeat(32)}${OK}Content-Length: 0\r\n\r\n`,
  },
  {
    key: 'http1.chunkExtensionBytes',
    limits: { chunkExtensionBytes: 0 },
    trips: `${OK_CHUNKED}5;a\r\n`,
    passes: `${OK_CHUNKED}5\r\nhello\r\n0\r\n\r\n`,
  },
]

t.test('responses', async (t) => {
  for (const { key, limits, trips, passes } of RESPONSES) {
    await t.test(key, async (t) => {
      const options = { limits: { ...DEFAULT_LIMITS, ...limits } }
      for (const size of [trips.length, 7]) {
        for (const [text, good] of [
          [trips, false],
          [passes, true],
        ] as const) {
          const bench = new ClientBench(options)
          const { recorder, stream } = bench.open()
          stream.head(Head.request('GET', 'http', 'a', '/'), null, true)
          bench.receive(text, size)
          t.strictSame(bench.limits, good ? [] : [key])
          if (good) t.match(recorder.events.at(-1), /end|trailers/)
          else t.equal(recorder.reason?.code, 'upstream-protocol')
          t.equal(bench.socket.destroyed, !good)
          bench.dispose()
        }
      }
    })
  }
})

t.test('http1.requests of a listener: the last response says that it closes', async (t) => {
  const bench = new ServerBench({ limits: { ...DEFAULT_LIMITS, requests: 100 } })
  bench.onRequest = ({ stream }) => stream.head(Head.response(204), null, true)
  bench.receive(GET.repeat(99))
  t.notMatch(await bench.sent(), /close/)
  t.strictSame(bench.limits, [])
  bench.receive(GET.repeat(2))
  t.match(await bench.sent(), /^HTTP\/1\.1 204 No Content\r\nconnection: close\r\n\r\n$/)
  t.ok(bench.socket.ended)
  t.strictSame(bench.limits, ['http1.requests'])
  t.equal(bench.accepted.length, 100, 'what was pipelined behind it is not served')
  bench.dispose()
})

t.test('http1.requests of an upstream: the connection closes behind the last', async (t) => {
  const bench = new ClientBench({ limits: { ...DEFAULT_LIMITS, requests: 2 } })
  for (const more of [true, false]) {
    const { recorder, stream } = bench.open()
    stream.head(Head.request('GET', 'http', 'a', '/'), null, true)
    bench.receive(`${OK}Content-Length: 5\r\n\r\nhello`)
    t.strictSame(recorder.events, ['head 200', 'end'])
    t.equal(bench.connection.capacity, more ? 1 : 0)
    t.equal(bench.socket.destroyed, !more)
  }
  t.strictSame(bench.events, ['capacity', 'retired'])
  t.strictSame(bench.limits, ['http1.requests'])
  await turn()
})

t.test('http1.drainBytes: the rest of an answered request', async (t) => {
  const limits = { ...DEFAULT_LIMITS, drainBytes: 100 }
  for (const rest of [100, 101]) {
    for (const framing of [`Content-Length: ${rest}`, 'Transfer-Encoding: chunked']) {
      const bench = new ServerBench({ limits })
      bench.onRequest = ({ stream }) => stream.head(Head.response(403), null, true)
      bench.receive(`POST / HTTP/1.1\r\n${HOST}${framing}\r\n\r\n`)
      const text = 'x'.repeat(rest)
      bench.receive(framing.startsWith('C') ? text : `${rest.toString(16)}\r\n${text}\r\n0\r\n\r\n`)
      await turn()
      bench.receive(GET)
      t.equal(bench.accepted.length, rest === 100 ? 2 : 1, `${framing}, ${rest} bytes`)
      t.equal(bench.socket.ended, rest > 100)
      t.strictSame(bench.limits, rest > 100 ? ['http1.drainBytes'] : [])
      bench.dispose()
    }
  }
})

t.test(
  'http1.pipelineBytes: what is pipelined waits, and a hundred requests are answered in order',
  async (t) => {
    const bench = new ServerBench()
    bench.receive(
      Array.from(
        { length: 100 },
        (_, i) => `GET /${i} HTTP/1.1\r\n${HOST}X: ${'y'.repeat(1000)}\r\n\r\n`,
      ).join(''),
    )
    t.ok(bench.socket.paused, 'reading pauses beyond the limit')
    for (let i = 0; i < 100; i++) {
      const accepted = bench.accepted[i] as Accepted
      t.equal(accepted.request.path, `/${i}`)
      accepted.stream.head(Head.response(200, Fields.of({ n: String(i) })), null, true)
      t.match(await bench.sent(), `\r\nn: ${i}\r\n`)
    }
    t.notOk(bench.socket.paused)
    t.strictSame(bench.limits, [])
    bench.dispose()
  },
)
