// Messages through the whole proxy for each pair of protocols: codecs, exchange and codecs again.
import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { PAIRS, ProxyBench, type ProxyBenchOptions, settle, text } from '../../support/proxy-bench.ts'

function request(method: string, path = '/', fields: Record<string, string> = {}): Head {
  return Head.request(method, 'http', 'a.test', path, Fields.of(fields))
}

function response(status: number, fields: Record<string, string> = {}): Head {
  return Head.response(status, Fields.of(fields))
}

type Body = (bench: ProxyBench, t: Tap) => Promise<void>
type Tap = typeof t

/** The same test for the four pairs. */
function forEachPair(name: string, body: Body, options: ProxyBenchOptions = {}): void {
  t.test(name, async (t) => {
    for (const [from, to] of PAIRS) {
      await t.test(`${from} -> ${to}`, async (t) => {
        const bench = await new ProxyBench(from, to, options).start()
        t.teardown(() => bench.close())
        await body(bench, t as Tap)
      })
    }
  })
}

forEachPair('Expect: 100-continue waits for the endpoint’s word', async (bench, t) => {
  const head = request('POST', '/', { expect: '100-continue', 'content-length': '5' })
  const { stream, response: got } = await bench.request(head, false)
  const [accepted] = bench.accepted
  t.equal(accepted?.request.fields.get('expect'), '100-continue')
  t.equal(accepted?.request.contentLength, 5)
  t.strictSame(got.events, [], 'nobody answers in its place')
  accepted?.stream.head(response(100), null, false)
  await settle()
  t.strictSame(got.events, ['head 100'])
  text(stream, 'hello', true)
  await settle()
  t.equal(accepted?.body, 'hello')
  accepted?.stream.head(response(204), null, true)
  await settle()
  t.strictSame(got.events, ['head 100', 'head 204 end'])
})

forEachPair('Expect: 100-continue refused: the body is never asked for', async (bench, t) => {
  const head = request('POST', '/', { expect: '100-continue', 'content-length': '5' })
  const { response: got } = await bench.request(head, false)
  const [accepted] = bench.accepted
  accepted?.stream.head(response(403, { 'content-length': '2' }), null, false)
  if (accepted !== undefined) text(accepted.stream, 'no', true)
  await settle()
  // Behind it the caller's own codec may hear that the rest of its request goes nowhere.
  t.strictSame(got.events.slice(0, 2), ['head 403', 'end'])
  t.equal(got.body, 'no')
})

forEachPair('another expectation is 417, and no endpoint hears of it', async (bench, t) => {
  const { response: got } = await bench.request(request('POST', '/', { expect: '200-maybe' }), false)
  t.equal(got.head_?.status, 417)
  t.equal(got.head_?.fields.get('x-pillion-reason'), 'expectation-failed')
  t.equal(bench.accepted.length, 0)
})

forEachPair('HEAD, 204 and 304: no body, and the fields as they were', async (bench, t) => {
  for (const [method, status, fields, length] of [
    ['HEAD', 200, { 'content-length': '1000' }, '1000'],
    ['HEAD', 404, {}, null],
    ['GET', 304, { 'content-length': '1000', etag: '"x"' }, '1000'],
    ['GET', 304, {}, null],
    ['GET', 204, {}, null],
    ['DELETE', 204, {}, null],
  ] as const) {
    bench.onRequest = ({ stream }) => stream.head(response(status, fields), null, true)
    const { response: got } = await bench.request(request(method))
    t.strictSame(got.events, [`head ${status} end`], `${method} ${status}`)
    t.equal(got.head_?.fields.get('content-length') ?? null, length)
    t.equal(bench.accepted.at(-1)?.request.method, method)
  }
  t.equal(bench.endpointSockets.length, 1, 'the connection goes on being used')
})

forEachPair('the end of a request without a body travels with its head', async (bench, t) => {
  bench.onRequest = ({ stream }) => stream.head(response(204), null, true)
  for (const [method, fields] of [
    ['GET', {}],
    ['DELETE', {}],
    ['POST', {}],
    ['POST', { 'content-length': '0' }],
    ['PUT', {}],
  ] as const) {
    await bench.request(request(method, '/', fields))
    t.strictSame(bench.accepted.at(-1)?.events, [`request ${method} / end`])
  }
})

forEachPair('bodies of declared and of unknown length, both ways', async (bench, t) => {
  for (const length of ['11', null]) {
    const declared = length === null ? {} : { 'content-length': length }
    const { stream, response: got } = await bench.request(request('POST', '/', declared), false)
    const accepted = bench.accepted.at(-1)
    t.equal(accepted?.request.contentLength, length === null ? -1 : 11)
    text(stream, 'hello ', false)
    await settle()
    t.equal(accepted?.body, 'hello ', 'a piece does not wait for the next')
    text(stream, 'world', true)
    await settle()
    t.equal(accepted?.body, 'hello world')
    t.equal(accepted?.events.at(-1), 'end')
    accepted?.stream.head(response(200, declared), null, false)
    if (accepted !== undefined) {
      text(accepted.stream, 'HELLO ', false)
      text(accepted.stream, 'WORLD', true)
    }
    await settle()
    t.equal(got.body, 'HELLO WORLD')
    t.equal(got.events.at(-1), 'end')
    t.equal(got.head_?.contentLength, length === null ? -1 : 11)
  }
})

for (const body of ['hell', '', 'hello!']) {
  forEachPair(`a response of ${body.length} bytes that declares 5 never looks complete`, async (bench, t) => {
    bench.onRequest = ({ stream }) => {
      stream.head(response(200, { 'content-length': '5' }), null, false)
      text(stream, body, true)
    }
    const { response: got } = await bench.request(request('GET'))
    t.notOk(got.head_?.status === 200 && got.events.includes('end'), got.events.join())
    t.ok(got.reason !== null || got.head_?.status === 502 || got.head_?.status === 503, got.events.join())
  })
}

forEachPair('a request that contradicts its own length never looks complete', async (bench, t) => {
  const { stream } = await bench.request(request('POST', '/', { 'content-length': '5' }), false)
  text(stream, 'hell', true)
  await settle()
  t.notOk(bench.accepted[0]?.events.includes('end'))
})

forEachPair('a server-sent event arrives while the response is open, without a delay', async (bench, t) => {
  bench.onRequest = ({ stream }) =>
    stream.head(response(200, { 'content-type': 'text/event-stream' }), null, false)
  const { response: got } = await bench.request(request('GET', '/events'))
  t.equal(got.head_?.status, 200, 'the head does not wait for the first event')
  const [accepted] = bench.accepted
  for (let i = 0; i < 20; i++) {
    if (accepted !== undefined) text(accepted.stream, `data: ${i}\n\n`, false)
    await settle()
    t.ok(got.body.endsWith(`data: ${i}\n\n`), `event ${i}, and no time has passed`)
    await bench.pass(1000)
  }
  t.notOk(got.events.includes('end'))
})

forEachPair('a stream of events that is silent for four minutes at a time goes on', async (bench, t) => {
  bench.onRequest = ({ stream }) =>
    stream.head(response(200, { 'content-type': 'text/event-stream' }), null, false)
  const { response: got } = await bench.request(request('GET', '/events'))
  for (let i = 0; i < 5; i++) {
    await bench.pass(240_000)
    const accepted = bench.accepted[0]
    if (accepted !== undefined) text(accepted.stream, 'data: x\n\n', false)
    await settle()
  }
  t.equal(got.body, 'data: x\n\n'.repeat(5))
  t.equal(got.reason, null)
})

forEachPair(
  'trailers cross, those that must not stand there are dropped, and none are merged',
  async (bench, t) => {
    const { stream, response: got } = await bench.request(request('POST', '/', { te: 'trailers' }), false)
    text(stream, 'hello', false)
    const trailers = Fields.of({
      'x-sum': '1',
      'content-length': '9',
      authorization: 'x',
      'x-forwarded-for': '1.1.1.1',
    })
    stream.trailers(trailers)
    await settle()
    const [accepted] = bench.accepted
    t.strictSame(accepted?.trailers_?.names, ['x-sum'])
    t.notOk(accepted?.request.fields.has('x-sum'))
    accepted?.stream.head(response(200), null, false)
    if (accepted !== undefined) text(accepted.stream, 'hello', false)
    accepted?.stream.trailers(Fields.of({ 'x-sum': '2', 'content-type': 'a/b', 'set-cookie': 'a=b' }))
    await settle()
    t.strictSame(got.trailers_?.names, ['x-sum'])
    t.notOk(got.head_?.fields.has('x-sum'))
  },
)

forEachPair(
  'limits.bodyBytes: 413 when the body passes it, and the endpoint’s work ends',
  async (bench, t) => {
    const { stream, response: got } = await bench.request(request('POST'), false)
    const accepted = bench.accepted.at(-1)
    text(stream, 'x'.repeat(1000), false)
    await settle()
    t.equal(accepted?.body.length, 1000)
    t.strictSame(got.events, [])
    text(stream, 'x', false)
    await settle()
    t.equal(got.head_?.status, 413)
    t.equal(got.head_?.fields.get('x-pillion-reason'), 'body-too-large')
    t.match(accepted?.events.at(-1), /^reset /)
    t.equal(bench.listener.limits.get('limits.bodyBytes'), 1)
  },
  { maxBodyBytes: 1000 },
)

forEachPair(
  'limits.bodyBytes: 413 at once where the length is declared',
  async (bench, t) => {
    const { response: got } = await bench.request(request('POST', '/', { 'content-length': '1001' }), false)
    t.equal(got.head_?.status, 413)
    t.equal(bench.accepted.length, 0)
    t.equal(bench.listener.limits.get('limits.bodyBytes'), 1)
  },
  { maxBodyBytes: 1000 },
)

forEachPair(
  'limits.bodyBytes: a body of the limit passes',
  async (bench, t) => {
    bench.onRequest = (accepted) => {
      accepted.onEnd = () => accepted.stream.head(response(204), null, true)
    }
    for (const fields of [{ 'content-length': '1000' }, {}] as const) {
      const { stream, response: got } = await bench.request(request('POST', '/', fields as never), false)
      text(stream, 'x'.repeat(1000), true)
      await settle()
      t.strictSame(got.events, ['head 204 end'])
    }
    t.equal(bench.listener.limits.get('limits.bodyBytes'), 0)
  },
  { maxBodyBytes: 1000 },
)

forEachPair('limits.uriBytes: 414, and a target of the limit passes', async (bench, t) => {
  bench.onRequest = ({ stream }) => stream.head(response(204), null, true)
  const good = await bench.request(request('GET', `/${'a'.repeat(8191)}`))
  t.equal(good.response.head_?.status, 204)
  t.equal(bench.accepted[0]?.request.path.length, 8192)
  const long = await bench.request(request('GET', `/${'a'.repeat(8192)}`))
  t.equal(long.response.head_?.status, 414)
  t.equal(long.response.head_?.fields.get('x-pillion-reason'), 'uri-too-long')
  t.equal(bench.listener.limits.get('limits.uriBytes'), 1)
  t.equal(bench.accepted.length, 1)
})

forEachPair('a caller that leaves ends the work behind it', async (bench, t) => {
  await bench.request(request('GET'))
  bench.callerSocket.resetAndDestroy()
  await settle()
  t.match(bench.accepted[0]?.events.at(-1), /^reset /)
  t.equal(bench.cluster.active, 0)
  t.match(bench.records, [{ code: 499, flags: 'downstream-closed' }])
})
