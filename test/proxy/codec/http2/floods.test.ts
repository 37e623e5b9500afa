import t from 'tap'
import { Head } from '../../../../proxy/message/head.ts'
import {
  data,
  END_STREAM,
  type Frame,
  GET,
  headers,
  POST,
  ping,
  priority,
  raw,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../../../support/frames.ts'
import { ClientBench, ServerBench } from '../../../support/http2-bench.ts'

/** Sends what `step` gives until the connection ends or `limit` steps are done; returns the steps it took. */
function flood(bench: ServerBench | ClientBench, limit: number, step: (i: number) => Frame[]): number {
  for (let i = 0; i < limit; i++) {
    bench.send(...step(i))
    if (bench.transport.closing) return i + 1
  }
  return limit
}

interface Flood {
  readonly name: string
  /** Steps that must pass, and steps by which the connection must have ended. */
  readonly atLeast: number
  readonly atMost: number
  readonly step: (i: number) => Frame[]
}

const floods: Flood[] = [
  {
    name: 'rapid reset',
    atLeast: 500,
    atMost: 1001,
    step: (i) => [headers(i * 2 + 1, GET, END_STREAM), rstStream(i * 2 + 1, 'CANCEL')],
  },
  {
    name: 'resets that we are made to send',
    atLeast: 500,
    atMost: 1001,
    step: (i) => [headers(i * 2 + 1, POST), windowUpdate(i * 2 + 1, 0)],
  },
  {
    name: 'malformed requests',
    atLeast: 500,
    atMost: 1001,
    step: (i) => [headers(i * 2 + 1, { ':method': 'GET' }, END_STREAM)],
  },
  { name: 'settings', atLeast: 500, atMost: 1001, step: () => [settings({ 4: 1000 })] },
  { name: 'pings', atLeast: 10_000, atMost: 60_000, step: () => [ping()] },
  { name: 'unknown frames', atLeast: 1000, atMost: 6000, step: () => [raw(0xfa, 0, 0, 'x')] },
  { name: 'priorities', atLeast: 1000, atMost: 6000, step: (i) => [priority(i * 2 + 1)] },
  { name: 'window updates', atLeast: 1000, atMost: 10_000, step: () => [windowUpdate(0, 1)] },
  {
    name: 'empty DATA',
    atLeast: 500,
    atMost: 1002,
    step: (i) => (i === 0 ? [headers(1, POST)] : [data(1, '')]),
  },
  {
    name: 'DATA of padding only',
    atLeast: 500,
    atMost: 1002,
    step: (i) => (i === 0 ? [headers(1, POST)] : [data(1, '', false, 3)]),
  },
  {
    name: 'acknowledgements that nobody waits for',
    atLeast: 1000,
    atMost: 60_000,
    step: () => [settingsAck(), { type: 'PING_ACK', payload: '12345678' }],
  },
]

for (const { name, atLeast, atMost, step } of floods) {
  t.test(`a flood of ${name} ends the connection`, async (t) => {
    const bench = new ServerBench()
    bench.onRequest = (accepted) => {
      accepted.stream.head(Head.response(200), null, false)
    }
    const steps = flood(bench, atMost + 1, step)
    t.ok(steps >= atLeast, `${steps} are not too few`)
    t.ok(steps <= atMost, `${steps} are not too many`)
    const goaway = bench.take().find((frame) => frame.type === 'GOAWAY')
    t.match(goaway, { code: 'ENHANCE_YOUR_CALM', debug: /carry nothing/ })
    t.equal(bench.connection.active, 0)
  })
}

t.test('pings of a peer that does not read are charged in full', async (t) => {
  const bench = new ServerBench()
  bench.stall()
  t.ok(flood(bench, 1100, () => [ping()]) <= 1001)
})

t.test('ordinary load, however much, is no flood', async (t) => {
  const loads: Record<string, (i: number, bench: ServerBench) => Frame[]> = {
    requests: (i) => [headers(i * 2 + 1, GET, END_STREAM)],
    'small messages on one stream': (i) => (i === 0 ? [headers(1, POST)] : [data(1, 'x')]),
    'requests whose windows are set one by one': (i) => [
      headers(i * 2 + 1, GET, END_STREAM),
      windowUpdate(i * 2 + 1, 1000),
    ],
    'requests with trailers': (i) => [
      headers(i * 2 + 1, POST),
      data(i * 2 + 1, 'x'),
      headers(i * 2 + 1, { a: 'b' }, END_STREAM),
    ],
  }
  for (const [name, load] of Object.entries(loads)) {
    const bench = new ServerBench()
    bench.onRequest = ({ stream }) => {
      stream.head(Head.response(200), null, false)
      stream.data(Buffer.from('x'), 0, 1, true)
    }
    t.equal(
      flood(bench, 5000, (i) => load(i, bench)),
      5000,
      name,
    )
    t.equal(bench.take().filter((frame) => frame.type === 'GOAWAY').length, 0)
  }
})

t.test('a server may refuse as many requests as it is sent', async (t) => {
  const bench = new ClientBench()
  const request = Head.request('GET', 'http', 'a', '/')
  for (let i = 0; i < 3000; i++) {
    const { response } = bench.request(request)
    bench.send(rstStream(i * 2 + 1, 'REFUSED_STREAM'))
    if (response.resets.length !== 1) t.fail(`request ${i} was not told`)
  }
  t.equal(bench.transport.closing, false)
})

t.test('a peer that asks and never reads the answers is cut off, one that is slow is not', async (t) => {
  for (const [unread, code] of [
    [5 * 1024 * 1024, 'ENHANCE_YOUR_CALM'],
    [1024 * 1024, undefined],
  ] as const) {
    const bench = new ServerBench()
    bench.onRequest = ({ stream }) => stream.head(Head.response(204), null, true)
    bench.stall()
    bench.socket.writableLength = unread
    for (let i = 0; i < 2000 && !bench.transport.closing; i++) bench.send(headers(i * 2 + 1, GET, END_STREAM))
    const goaway = bench.take().find((frame) => frame.type === 'GOAWAY')
    t.equal(goaway?.type === 'GOAWAY' ? goaway.code : undefined, code)
  }
})

t.test('interim responses end after 32', async (t) => {
  const bench = new ClientBench()
  const { response } = bench.request(Head.request('GET', 'http', 'a', '/'))
  for (let i = 0; i < 32; i++) bench.send(headers(1, { ':status': '103' }))
  t.strictSame(response.resets, [])
  bench.send(headers(1, { ':status': '103' }))
  t.match(response.resets, [{ code: 'upstream-protocol', detail: /interim/ }])
  t.equal(bench.transport.closing, false, 'the connection goes on')
})
