import t, { type Test } from 'tap'
import { MAX_WINDOW } from '../../../../proxy/codec/http2/constants.ts'
import { type Glitch, glitches } from '../../../../proxy/codec/http2/glitches.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import {
  data,
  END_STREAM,
  type Frame,
  GET,
  headers,
  POST,
  ping,
  pingAck,
  priority,
  raw,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../../../support/frames.ts'
import { ClientBench, ServerBench } from '../../../support/http2-bench.ts'

interface Flood {
  readonly name: string
  /** What each step costs, and how the GOAWAY names it. */
  readonly glitch: Glitch
  /** Steps at the start that cost nothing. */
  readonly free?: number
  readonly answer?: 'head' | 'whole'
  readonly step: (i: number) => Frame[]
}

const floods: Flood[] = [
  {
    name: 'rapid reset',
    glitch: glitches.reset,
    answer: 'head',
    step: (i) => [headers(i * 2 + 1, GET, END_STREAM), rstStream(i * 2 + 1, 'CANCEL')],
  },
  {
    name: 'resets of streams that are over',
    glitch: glitches.lateReset,
    free: 1,
    answer: 'whole',
    step: (i) => [i === 0 ? headers(1, GET, END_STREAM) : rstStream(1, 'CANCEL')],
  },
  {
    name: 'WINDOW_UPDATE by 0, which makes us reset',
    glitch: glitches.streamError,
    step: (i) => [headers(i * 2 + 1, POST), windowUpdate(i * 2 + 1, 0)],
  },
  {
    name: 'stream windows that overflow, which makes us reset',
    glitch: glitches.streamError,
    step: (i) => [headers(i * 2 + 1, POST), windowUpdate(i * 2 + 1, MAX_WINDOW)],
  },
  {
    name: 'DATA after END_STREAM, which makes us reset',
    glitch: glitches.streamError,
    step: (i) => [headers(i * 2 + 1, POST, END_STREAM), data(i * 2 + 1, 'x')],
  },
  {
    name: 'malformed requests',
    glitch: glitches.badHead,
    step: (i) => [headers(i * 2 + 1, { ':method': 'GET' }, END_STREAM)],
  },
  {
    name: 'DATA on closed streams',
    glitch: glitches.crossed,
    // The first DATA is answered with RST_STREAM, and costs 1; what follows may have been under way.
    free: 2 - glitches.closedStream.cost / glitches.crossed.cost,
    answer: 'whole',
    step: (i) => [i === 0 ? headers(1, POST, END_STREAM) : data(1, 'x')],
  },
  { name: 'SETTINGS', glitch: glitches.settings, step: () => [settings({ 4: 1000 })] },
  { name: 'PING', glitch: glitches.ping, step: () => [ping()] },
  { name: 'unknown frames', glitch: glitches.unknown, step: () => [raw(0xfa, 0, 0, 'x')] },
  { name: 'PRIORITY', glitch: glitches.priority, step: (i) => [priority(i * 2 + 1)] },
  { name: 'WINDOW_UPDATE', glitch: glitches.windowUpdate, free: 5, step: () => [windowUpdate(0, 1)] },
  { name: 'acknowledgements', glitch: glitches.acknowledgement, step: () => [settingsAck()] },
]

/** The SETTINGS and the acknowledgement that every bench begins with. */
const START = glitches.settings.cost + glitches.acknowledgement.cost

/** How the connection fares under `step`: when it parts with the peer, when it ends, and in which words. */
function run(bench: ServerBench | ClientBench, most: number, step: (i: number) => Frame[]) {
  const told = { partedAt: 0, parting: '', endedAt: 0, end: '' }
  for (let i = 0; i < most && told.endedAt === 0; i++) {
    bench.send(...step(i))
    for (const frame of bench.take()) {
      if (frame.type !== 'GOAWAY') continue
      if (frame.code === 'NO_ERROR') {
        told.partedAt = i + 1
        told.parting = frame.debug
      } else {
        told.endedAt = i + 1
        told.end = `${frame.code} ${frame.debug}`
      }
    }
  }
  return told
}

/** Steps until `budget` is used up, give or take one, as fractions do not add up exactly. */
function near(t: Test, steps: number, budget: number, { glitch, free = 0 }: Flood): void {
  const expected = free + (budget - START) / glitch.cost
  t.ok(Math.abs(steps - expected) <= 2, `${steps} steps, expected ${expected}`)
}

for (const flood of floods) {
  t.test(`${flood.name}: forgiven, then parted with, then cut off`, async (t) => {
    const bench = new ServerBench()
    bench.onRequest = ({ stream }) => {
      if (flood.answer !== undefined) stream.head(Head.response(200), null, flood.answer === 'whole')
    }
    const told = run(bench, 60_000, flood.step)
    near(t, told.partedAt, 750, flood)
    near(t, told.endedAt, 1000, flood)
    const { words } = flood.glitch
    const nothing = 'the connection spends its time on frames that carry nothing'
    t.equal(told.parting, `${nothing}: ${words}; three quarters of what is forgiven are used up`)
    t.equal(told.end, `ENHANCE_YOUR_CALM ${nothing}: ${words}`)
    t.strictSame(bench.limits, ['http2.glitches', 'http2.glitches'])
    t.equal(bench.connection.active, 0)
    bench.hangUp()
    t.match(bench.closedFor, { code: 'flood', fault: 'downstream' })
  })
}

t.test('what is forgiven comes back with time', async (t) => {
  const bench = new ServerBench()
  const load = floods[0] as Flood
  for (let second = 0; second < 300; second++) {
    for (let i = 0; i < 33; i++) bench.send(...load.step(second * 33 + i))
    bench.clock.jump(1000)
  }
  t.strictSame(bench.limits, [])
})

t.test('the budget is set by the configuration', async (t) => {
  const bench = new ServerBench({ limits: { glitches: 100, glitchRefill: 10 } })
  const told = run(bench, 200, (i) => [headers(i * 2 + 1, POST), rstStream(i * 2 + 1, 'CANCEL')])
  t.equal(told.partedAt, 74)
  t.equal(told.endedAt, 99)
})

t.test('who is parted with takes leave in two steps, and what is under way ends in peace', async (t) => {
  const bench = new ServerBench({ limits: { glitches: 100, glitchRefill: 10 } })
  bench.send(headers(1, POST))
  for (let id = 3; bench.limits.length === 0; id += 2) bench.send(headers(id, POST), rstStream(id, 'CANCEL'))
  const [first, probe] = bench.take()
  t.match(first, { type: 'GOAWAY', last: MAX_WINDOW, code: 'NO_ERROR', debug: /requests that it resets/ })
  bench.send(pingAck((probe as { payload: string }).payload))
  t.match(bench.take(), [{ type: 'GOAWAY', code: 'NO_ERROR', debug: /requests that it resets/ }])
  bench.accepted[0]?.stream.head(Head.response(200), null, true)
  t.equal(bench.transport.closing, false)
  bench.send(data(1, 'x', END_STREAM))
  t.equal(bench.transport.closing, true)
  bench.hangUp()
  t.match(bench.closedFor, { code: 'flood' })
})

t.test('a client parts with a server, and its streams go on; then it cuts it off', async (t) => {
  const bench = new ClientBench({ limits: { glitches: 100, glitchRefill: 10 } })
  const { response } = bench.request(Head.request('GET', 'http', 'a', '/'))
  const told = run(bench, 1000, () => [ping(), raw(0xfa, 0, 0, 'x')])
  t.equal(told.partedAt, 0, 'a client needs no GOAWAY to open no more streams')
  t.equal(bench.events[0], 'retired')
  t.match(told.end, /ENHANCE_YOUR_CALM the endpoint broke the protocol: frames of unknown types/)
  t.match(response.resets, [{ code: 'upstream-protocol', status: 502 }])
  t.strictSame(bench.limits, ['http2.glitches', 'http2.glitches'])
})

t.test('a retired client session finishes its streams', async (t) => {
  const bench = new ClientBench({ limits: { glitches: 100, glitchRefill: 10 } })
  const { response } = bench.request(Head.request('GET', 'http', 'a', '/'))
  while (!bench.events.includes('retired')) bench.send(settings({ 4: 65535 }))
  t.equal(bench.connection.capacity, 0)
  bench.send(headers(1, { ':status': '200' }), data(1, 'x', END_STREAM))
  t.equal(response.body, 'x')
  t.equal(response.ended, true)
  t.equal(bench.transport.closing, true)
})

t.test('answers to a peer that does not read are cut off at 1000', async (t) => {
  for (const [name, step] of [
    ['PING', () => [ping()]],
    ['SETTINGS', () => [settings()]],
  ] as const) {
    for (const Bench of [ServerBench, ClientBench]) {
      const bench = new Bench({ limits: { glitches: 1_000_000 } })
      let sent = 0
      // Nothing is flushed in between, as to a socket that is busy.
      while (!bench.transport.closing && sent < 2000) {
        bench.send(...step())
        sent += 1
      }
      t.equal(sent, 1001, name)
      const last = bench.take().at(-1)
      t.match(last, { type: 'GOAWAY', code: 'ENHANCE_YOUR_CALM', debug: /answers to its PING, SETTINGS/ })
      t.strictSame(bench.limits, ['http2.controlFrames'])
    }
  }
})

t.test('answers that are read are no backlog', async (t) => {
  const bench = new ServerBench({ limits: { glitches: 1_000_000 } })
  for (let i = 0; i < 5000; i++) {
    bench.send(ping())
    if (i % 900 === 0) bench.take()
  }
  t.strictSame(bench.limits, [])
})

t.test('settings beyond 32 in one frame', async (t) => {
  const many = (count: number) => raw(4, 0, 0, Buffer.from('000300000064'.repeat(count), 'hex'))
  const bench = new ServerBench()
  bench.send(many(32))
  bench.expect(settingsAck())
  bench.send(many(33))
  t.match(bench.take(), [{ type: 'GOAWAY', code: 'ENHANCE_YOUR_CALM', debug: /more than 32 settings/ }])
  t.strictSame(bench.limits, ['http2.settings'])
})

t.test('a table of 4 GiB for our heads: no more than 4 KiB of it is used', async (t) => {
  const bench = new ClientBench()
  bench.send(settings({ 1: 2 ** 32 - 1 }))
  bench.expect(settingsAck())
  // The bench's decoder throws at a table larger than 4 KiB.
  for (let i = 0; i < 200; i++) {
    const fields = Fields.of({ 'x-a': `${i % 100}`.padEnd(1000, 'x') })
    bench.request(Head.request('GET', 'http', 'a', '/', fields)).stream.cancel(reasons.downstreamReset)
  }
  t.equal(bench.take().filter((frame) => frame.type === 'HEADERS').length, 200)
})

t.test('windows that swing under many streams are paid by the stream', async (t) => {
  const bench = new ServerBench({ maxStreams: 1000 })
  for (let i = 0; i < 960; i++) bench.send(headers(i * 2 + 1, POST))
  const told = run(bench, 1000, (i) => [settings({ 4: 1000 + (i % 2) })])
  const cost = 1 + 960 / 64
  t.ok(Math.abs(told.endedAt - 1000 / cost) <= 2, `${told.endedAt} swings`)
  t.match(told.end, /SETTINGS that shift the windows of many streams|SETTINGS$/)
})

t.test(
  'DATA frames without data: 100, and one for each stream and each piece that was passed on',
  async (t) => {
    for (const padding of [undefined, 3]) {
      const bench = new ServerBench()
      bench.send(headers(1, POST))
      for (let i = 0; i < 101; i++) bench.send(data(1, '', false, padding))
      t.strictSame(bench.limits, [])
      bench.send(data(1, 'x'))
      bench.accepted[0]?.stream.credit(1)
      bench.send(data(1, '', false, padding))
      t.strictSame(bench.limits, [])
      bench.take()
      bench.send(data(1, '', false, padding))
      const goaway = bench.take().at(-1)
      t.match(goaway, { type: 'GOAWAY', code: 'ENHANCE_YOUR_CALM', debug: /DATA frames without data/ })
      t.strictSame(bench.limits, ['http2.emptyData'])
    }
  },
)

t.test('data that nobody passes on excuses nothing', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST))
  let sent = 0
  while (!bench.transport.closing && sent < 300) {
    bench.send(data(1, 'x'), data(1, ''))
    sent += 1
  }
  t.equal(sent, 102)
})

t.test('a peer that asks and never reads the answers is cut off', async (t) => {
  const bench = new ServerBench()
  bench.onRequest = ({ stream }) => stream.head(Head.response(204), null, true)
  bench.stall()
  bench.socket.writableLength = 5 * 1024 * 1024
  bench.send(headers(1, GET, END_STREAM))
  t.match(bench.take(), [{ type: 'GOAWAY', code: 'ENHANCE_YOUR_CALM', debug: /does not read the answers/ }])
  t.strictSame(bench.limits, ['http2.unread'])
})

t.test('interim responses to a caller that does not read are dropped, but for 100 (Continue)', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST))
  const stream = bench.accepted[0]?.stream
  bench.stall()
  for (const status of [103, 100, 103]) stream?.head(Head.response(status), null, false)
  stream?.head(Head.response(200), null, true)
  t.match(
    bench.take().map((frame) => (frame.type === 'HEADERS' ? frame.fields[0] : frame.type)),
    [
      [':status', '100'],
      [':status', '200'],
    ],
  )
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

t.test('stream ids do not run out: a client is sent to another connection well before', async (t) => {
  const bench = new ServerBench()
  const last = MAX_WINDOW - 2_000_000
  bench.send(headers(last, GET, END_STREAM))
  bench.expect()
  bench.send(headers(last + 2, GET, END_STREAM))
  const [first, probe] = bench.take()
  t.match(first, {
    type: 'GOAWAY',
    last: MAX_WINDOW,
    code: 'NO_ERROR',
    debug: /stream identifiers are running out/,
  })
  t.match(probe, { type: 'PING' })
  t.equal(bench.accepted.length, 2, 'requests that cross it are served')
})
