// The heaviest legitimate use of what floods.test.ts limits: none of it may reach a limit.
import t, { type Test } from 'tap'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import {
  data,
  END_STREAM,
  type Frame,
  GET,
  headers,
  OK,
  POST,
  ping,
  priority,
  raw,
  rstStream,
  settings,
  windowUpdate,
} from '../../../support/frames.ts'
import { ClientBench, ServerBench } from '../../../support/http2-bench.ts'

/** A minimal gRPC message: five bytes of prefix, one of content. */
const MESSAGE = '\0\0\0\0\x01x'

function well(t: Test, bench: ServerBench | ClientBench): void {
  t.strictSame(bench.limits, [], 'no limit was reached')
  t.equal(bench.transport.closing, false)
  t.notOk(
    bench.take().some((frame) => frame.type === 'GOAWAY'),
    'nobody is sent away',
  )
}

t.test('300 concurrent tiny responses a second, one in ten of them cancelled', async (t) => {
  const bench = new ServerBench({ maxStreams: 1024 })
  bench.onRequest = ({ stream }) => stream.head(Head.response(200), null, false)
  for (let second = 0; second < 120; second++) {
    const first = second * 600 + 1
    for (let i = 0; i < 300; i++) bench.send(headers(first + i * 2, GET, END_STREAM))
    for (const { stream } of bench.accepted) stream.data(Buffer.from('x'), 0, 1, false)
    for (let i = 0; i < 300; i++) {
      if (i % 10 === 0) bench.send(rstStream(first + i * 2, 'CANCEL'))
      else bench.accepted[i]?.stream.data(Buffer.alloc(0), 0, 0, true)
    }
    bench.accepted.length = 0
    bench.take()
    bench.clock.jump(1000)
  }
  t.equal(bench.connection.active, 0)
  well(t, bench)
})

t.test('a caller that cancels all its calls at once, and a minute later again', async (t) => {
  // As many streams as a listener of the mesh allows, and the budget that goes with them by default.
  const bench = new ServerBench({ maxStreams: 1024, limits: { glitches: 3 * 1024 } })
  for (let round = 0; round < 2; round++) {
    const first = round * 2048 + 1
    for (let i = 0; i < 1024; i++) bench.send(headers(first + i * 2, GET, END_STREAM))
    for (let i = 0; i < 1024; i++) bench.send(rstStream(first + i * 2, 'CANCEL'))
    t.equal(bench.connection.active, 0)
    bench.clock.jump(60_000)
  }
  well(t, bench)
})

t.test('300 concurrent tiny responses to a client of ours, cancelled now and then', async (t) => {
  const bench = new ClientBench({ maxStreams: 1000 })
  const request = Head.request('GET', 'http', 'a', '/')
  let next = 1
  for (let round = 0; round < 100; round++) {
    const calls = Array.from({ length: 300 }, () => bench.request(request))
    bench.take()
    const frames: Frame[] = []
    calls.forEach(({ stream }, i) => {
      const id = next + i * 2
      // The cancellation crosses the response.
      if (i % 10 === 0) stream.cancel(reasons.downstreamReset)
      frames.push(headers(id, OK), data(id, 'x', END_STREAM))
    })
    next += 600
    bench.send(...frames)
  }
  t.equal(bench.connection.active, 0)
  well(t, bench)
})

t.test('calls that the server ends first, which gRPC clients answer with RST_STREAM', async (t) => {
  const bench = new ServerBench()
  bench.onRequest = ({ stream }) => stream.head(Head.response(200), null, true)
  for (let i = 0; i < 10_000; i++) {
    bench.send(headers(i * 2 + 1, POST), rstStream(i * 2 + 1, 'NO_ERROR'))
    if (i % 500 === 0) bench.clock.jump(1000)
  }
  well(t, bench)
})

t.test('a gRPC stream of 100,000 one-byte messages in each direction', async (t) => {
  const bench = new ServerBench()
  bench.onRequest = (accepted) => {
    accepted.autoCredit = true
    accepted.stream.head(Head.response(200), null, false)
  }
  bench.send(headers(1, POST))
  const [accepted] = bench.accepted
  const message = Buffer.from(MESSAGE, 'latin1')
  const frame = bench.coder.write(data(1, MESSAGE))
  const grant = Buffer.concat([
    bench.coder.write(windowUpdate(1, message.length)),
    bench.coder.write(windowUpdate(0, message.length)),
  ])
  for (let i = 0; i < 100_000; i++) {
    bench.sendBytes(frame)
    accepted?.stream.data(message, 0, message.length, false)
    bench.sendBytes(grant)
    if (accepted !== undefined) accepted.body = ''
    if (i % 1000 === 0) bench.take()
  }
  t.equal(accepted?.credited, 600_000)
  well(t, bench)
})

t.test('the same towards an endpoint, whose server flushes an empty frame after each message', async (t) => {
  const bench = new ClientBench()
  const { stream, response } = bench.request(Head.request('POST', 'http', 'a', '/'), false)
  response.autoCredit = true
  bench.send(headers(1, OK))
  const frames = Buffer.concat([bench.coder.write(data(1, MESSAGE)), bench.coder.write(data(1, ''))])
  const message = Buffer.from(MESSAGE, 'latin1')
  for (let i = 0; i < 100_000; i++) {
    bench.sendBytes(frames)
    stream.data(message, 0, message.length, false)
    if (i % 1000 === 0) bench.send(windowUpdate(1, 6000), windowUpdate(0, 6000))
    response.body = ''
    if (i % 1000 === 0) bench.take()
  }
  well(t, bench)
})

t.test('tiny frames that wait for a stalled receiver, as many as the window allows', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST))
  const frame = bench.coder.write(data(1, 'x'))
  for (let i = 0; i < 65_536; i++) bench.sendBytes(frame)
  t.equal(bench.accepted[0]?.body.length, 65_536)
  well(t, bench)
})

t.test(
  'a client that sends WINDOW_UPDATE for each DATA frame, on the stream and on the connection',
  async (t) => {
    const bench = new ServerBench()
    bench.send(headers(1, GET, END_STREAM))
    const [accepted] = bench.accepted
    accepted?.stream.head(Head.response(200), null, false)
    const chunk = Buffer.alloc(100)
    for (let i = 0; i < 20_000; i++) {
      accepted?.stream.data(chunk, 0, chunk.length, false)
      bench.send(windowUpdate(1, chunk.length), windowUpdate(0, chunk.length))
      if (i % 1000 === 0) bench.take()
    }
    well(t, bench)
  },
)

t.test('a client that sets the window of each stream, and pings every second, for hours', async (t) => {
  const bench = new ServerBench()
  bench.onRequest = ({ stream }) => stream.head(Head.response(204), null, true)
  for (let second = 0; second < 4 * 3600; second++) {
    const id = second * 2 + 1
    bench.send(ping(), headers(id, GET, END_STREAM), windowUpdate(id, 1000))
    bench.clock.jump(1000)
    if (second % 100 === 0) bench.take()
  }
  well(t, bench)
})

t.test('a client that measures its bandwidth: a ping for each round trip of a busy hour', async (t) => {
  const bench = new ServerBench()
  // A thousand a second while much is sent, and a new window as the estimate doubles.
  for (let i = 0; i < 100_000; i++) {
    bench.send(ping())
    if (i % 10 === 0) bench.take()
    bench.clock.jump(1)
  }
  for (let window = 65_536; window < 2 ** 24; window *= 2) bench.send(settings({ 4: window }))
  well(t, bench)
})

t.test('a browser: priorities for each request, and unknown frames', async (t) => {
  const bench = new ServerBench()
  bench.onRequest = ({ stream }) => stream.head(Head.response(204), null, true)
  // A page of 300 things, their priorities changed twice, and a new page every ten seconds.
  for (let page = 0; page < 50; page++) {
    for (let i = 0; i < 300; i++) {
      const id = (page * 300 + i) * 2 + 1
      bench.send(headers(id, GET, END_STREAM), priority(id), priority(id), raw(0x10, 0, 0, '\0\0\0\x01u=1'))
    }
    bench.clock.jump(10_000)
    bench.take()
  }
  well(t, bench)
})

t.test('1000 streams in one burst, each with an empty DATA frame before its body', async (t) => {
  const bench = new ServerBench({ maxStreams: 1024 })
  const frames: Frame[] = []
  for (let i = 0; i < 1000; i++) frames.push(headers(i * 2 + 1, POST), data(i * 2 + 1, ''))
  bench.send(...frames)
  for (let i = 0; i < 1000; i++) bench.send(data(i * 2 + 1, 'x', END_STREAM))
  t.equal(bench.accepted.filter(({ ended }) => ended).length, 1000)
  well(t, bench)
})

t.test('700 streams too many before our SETTINGS are known', async (t) => {
  const bench = new ServerBench({ maxStreams: 100 }, false)
  bench.sendBytes(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'))
  bench.send(settings())
  for (let i = 0; i < 800; i++) bench.send(headers(i * 2 + 1, POST))
  t.equal(bench.take().filter((frame) => frame.type === 'RST_STREAM').length, 700)
  t.strictSame([...new Set(bench.limits)], ['limits.streams'], 'which is all that is counted')
  t.equal(bench.transport.closing, false)
})

t.test('an upload of small frames that we cut short: what crosses our reset', async (t) => {
  const bench = new ServerBench()
  bench.send(headers(1, POST))
  bench.accepted[0]?.stream.cancel(reasons.downstreamReset)
  const frame = bench.coder.write(data(1, 'xxxxxx'))
  for (let i = 0; i < 10_000; i++) bench.sendBytes(frame)
  t.equal(bench.connection.windowWithCredit, bench.connection.windowSize, 'all of it is credited')
  well(t, bench)
})

t.test('ordinary load, however much', async (t) => {
  const loads: Record<string, (i: number) => Frame[]> = {
    requests: (i) => [headers(i * 2 + 1, GET, END_STREAM)],
    'requests with trailers': (i) => [
      headers(i * 2 + 1, POST),
      data(i * 2 + 1, 'x'),
      headers(i * 2 + 1, { a: 'b' }, END_STREAM),
    ],
  }
  for (const load of Object.values(loads)) {
    const bench = new ServerBench()
    bench.onRequest = ({ stream }) => {
      stream.head(Head.response(200), null, false)
      stream.data(Buffer.from('x'), 0, 1, false)
      stream.trailers(Fields.of({ a: 'b' }))
    }
    for (let i = 0; i < 5000; i++) {
      bench.send(...load(i), windowUpdate(0, 1))
      bench.take()
    }
    well(t, bench)
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
  well(t, bench)
})

t.test('a peer that is slow to read answers', async (t) => {
  const bench = new ServerBench()
  bench.onRequest = ({ stream }) => stream.head(Head.response(204), null, true)
  bench.stall()
  bench.socket.writableLength = 1024 * 1024
  for (let i = 0; i < 1000; i++) bench.send(headers(i * 2 + 1, GET, END_STREAM))
  t.equal(bench.accepted.length, 1000)
  well(t, bench)
})
