// Cancellation through the whole proxy for each pair of protocols, from either side: codecs, exchange and codecs again.
import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import type { Protocol } from '../../../proxy/message/session.ts'
import type { MessageStream } from '../../../proxy/message/stream.ts'
import type { Accepted, Recorder } from '../../support/http1-peer.ts'
import { PAIRS, ProxyBench, type ProxyBenchOptions, settle, text } from '../../support/proxy-bench.ts'
import { ExchangeBench, NOTHING_HELD } from './exchange-bench.ts'

const PLAIN = Head.request('POST', 'http', 'a.test', '/')
const GRPC_FIELDS = { 'content-type': 'application/grpc' }
const CALL = Head.request('POST', 'http', 'a.test', '/a.B/C', Fields.of(GRPC_FIELDS))
const OK = Head.response(200)
const GRPC_OK = Head.response(200, Fields.of(GRPC_FIELDS))

// HTTP/2 error codes (RFC 9113 §7).
const [INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM] = [2, 7, 8, 11]

interface Scene {
  readonly bench: ProxyBench
  readonly from: Protocol
  readonly to: Protocol
  readonly stream: MessageStream
  readonly got: Recorder
  readonly accepted: Accepted
}

type Body = (scene: Scene, t: Tap) => Promise<void>
type Tap = typeof t

/** The same test for the four pairs; the request has reached the endpoint. */
function forEachPair(
  name: string,
  head: Head,
  end: boolean,
  body: Body,
  options: ProxyBenchOptions = {},
): void {
  t.test(name, async (t) => {
    for (const [from, to] of PAIRS) {
      await t.test(`${from} -> ${to}`, async (t) => {
        const bench = await new ProxyBench(from, to, options).start()
        t.teardown(() => bench.close())
        const { stream, response: got } = await bench.request(head, end)
        const accepted = bench.accepted[0] as Accepted
        await body({ bench, from, to, stream, got, accepted }, t as Tap)
        t.equal(bench.cluster.active, 0, 'the request is over')
        t.equal(bench.cluster.set.endpoints[0]?.active, 0, 'and its endpoint free')
      })
    }
  })
}

/** What the endpoint has been told: over HTTP/2 a stream reset with CANCEL, over HTTP/1.1 a closed connection. */
function told({ to, accepted }: Scene, t: Tap): void {
  t.equal(accepted.reason?.fault, 'downstream')
  if (to === 'h2') t.match(accepted.reason, { code: 'downstream-reset', http2: CANCEL })
  else t.equal(accepted.reason?.code, 'downstream-closed')
}

for (const code of [CANCEL, INTERNAL_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM]) {
  forEachPair(`a caller cancels before the response, with code ${code}`, PLAIN, true, async (scene, t) => {
    scene.stream.cancel(reasons.downstreamReset.withHttp2(code, ''))
    await settle()
    told(scene, t)
    t.match(scene.bench.records, [{ code: 499, flags: /^downstream-/ }])
  })
}

forEachPair('a caller cancels within its request', PLAIN, false, async (scene, t) => {
  text(scene.stream, 'half', false)
  await settle()
  t.equal(scene.accepted.body, 'half')
  scene.stream.cancel(reasons.downstreamReset)
  await settle()
  told(scene, t)
})

forEachPair('a caller cancels within the response', PLAIN, true, async (scene, t) => {
  scene.accepted.stream.head(OK, null, false)
  text(scene.accepted.stream, 'half', false)
  await settle()
  t.equal(scene.got.body, 'half')
  scene.stream.cancel(reasons.downstreamReset)
  await settle()
  told(scene, t)
})

forEachPair('a caller whose connection is lost', CALL, false, async (scene, t) => {
  scene.accepted.stream.head(GRPC_OK, null, false)
  await settle()
  scene.bench.callerSocket.resetAndDestroy()
  await settle()
  told(scene, t)
})

forEachPair('this sidecar stops', PLAIN, true, async (scene, t) => {
  scene.bench.stop()
  await settle()
  // Not what it would be told of a stream that was refused: it may have done its work.
  told(scene, t)
})

forEachPair('an endpoint resets within the response', PLAIN, true, async ({ accepted, from, to, got }, t) => {
  accepted.stream.head(OK, null, false)
  text(accepted.stream, 'half', false)
  await settle()
  accepted.stream.cancel(reasons.internalError.withHttp2(ENHANCE_YOUR_CALM, ''))
  await settle()
  t.equal(got.body, 'half')
  if (from === 'http1') t.match(got.reason, { code: 'upstream-closed' }, 'no cut answer looks whole')
  else
    t.match(got.reason, { code: 'upstream-reset', http2: to === 'h2' ? ENHANCE_YOUR_CALM : INTERNAL_ERROR })
})

forEachPair('an endpoint resets a call within the response', CALL, true, async (scene, t) => {
  const { accepted, from, to, got } = scene
  accepted.stream.head(GRPC_OK, null, false)
  await settle()
  accepted.stream.cancel(reasons.internalError.withHttp2(ENHANCE_YOUR_CALM, ''))
  await settle()
  if (from === 'http1') t.match(got.reason, { code: 'upstream-closed' })
  else if (to === 'h2') t.match(got.reason, { code: 'upstream-reset', http2: ENHANCE_YOUR_CALM })
  else t.equal(got.trailers_?.get('grpc-status'), '14')
})

const SHORT = { times: { response: 1000, whole: 2000 } }

forEachPair(
  'the response is overdue',
  PLAIN,
  true,
  async (scene, t) => {
    await scene.bench.pass(1030)
    t.equal(scene.got.head_?.status, 504)
    told(scene, t)
  },
  SHORT,
)

forEachPair(
  'the whole request is overdue, within its body',
  PLAIN,
  false,
  async (scene, t) => {
    text(scene.stream, 'half', false)
    await scene.bench.pass(1900)
    t.equal(scene.got.head_, null)
    await scene.bench.pass(130)
    t.equal(scene.got.head_?.status, 504)
    t.equal(scene.got.head_?.fields.get('x-pillion-reason'), 'deadline-exceeded')
    told(scene, t)
  },
  SHORT,
)

forEachPair(
  'the whole request is overdue, within its response',
  PLAIN,
  true,
  async (scene, t) => {
    const { accepted, bench, from, got } = scene
    accepted.stream.head(OK, null, false)
    text(accepted.stream, 'half', false)
    await settle()
    await bench.pass(2030)
    t.equal(got.body, 'half')
    if (from === 'http1') t.match(got.reason, { code: 'upstream-closed' }, 'no cut answer looks whole')
    else t.match(got.reason, { code: 'upstream-reset', http2: CANCEL })
    told(scene, t)
  },
  SHORT,
)

forEachPair(
  'a call is overdue, within its response',
  Head.request('POST', 'http', 'a.test', '/a.B/C', Fields.of({ ...GRPC_FIELDS, 'grpc-timeout': '1500m' })),
  false,
  async (scene, t) => {
    const { accepted, bench, from, got } = scene
    t.equal(accepted.request.fields.joined('grpc-timeout'), '1500000u')
    accepted.stream.head(GRPC_OK, null, false)
    text(accepted.stream, 'half', false)
    await settle()
    await bench.pass(1530)
    t.equal(got.body, 'half')
    if (from === 'http1') t.match(got.reason, { code: 'upstream-closed' })
    else t.equal(got.trailers_?.get('grpc-status'), '4')
    told(scene, t)
    t.match(bench.records, [{ grpcStatus: 4, flags: 'deadline-exceeded' }])
  },
  SHORT,
)

t.test('a caller that cancels while its request waits for a connection, or for its turn', async (t) => {
  const bench = new ExchangeBench({
    timeout: 1000,
    maxDuration: 2000,
    retry: { on: ['5xx'], perTryTimeout: 500 },
  })
  for (const pool of bench.pools) pool.connected = false
  const down = bench.request()
  t.equal(bench.pools[0]?.waiting.length, 1)
  down.receiver?.reset(reasons.downstreamReset)
  t.strictSame(bench.held, NOTHING_HELD, 'in the same call')
  bench.pools[0]?.connect()
  t.strictSame(bench.upstream, [])
  t.strictSame(bench.results, [])
  t.match(bench.records, [{ code: 499, flags: 'downstream-reset' }])
})

t.test('what a caller cancels is cancelled in the same call', async (t) => {
  const bench = new ExchangeBench()
  const down = bench.request()
  down.receiver?.reset(reasons.downstreamClosed)
  t.match(bench.upstream[0]?.cancels, [{ code: 'downstream-closed', http2: CANCEL }])
  t.strictSame(bench.held, NOTHING_HELD)
})
