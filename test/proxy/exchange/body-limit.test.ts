import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { ProxyBench, settle } from '../../support/proxy-bench.ts'
import { ExchangeBench, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

const LIMIT = 1000
const OK = Head.response(200)
const POST = Head.request('POST', 'http', 'a', '/')
const GRPC = Head.request('POST', 'http', 'a', '/a.B/C', Fields.of({ 'content-type': 'application/grpc' }))

function declared(bytes: number): Head {
  return Head.request('POST', 'http', 'a', '/', Fields.of({ 'content-length': String(bytes) }))
}

function limited(): ExchangeBench {
  return new ExchangeBench({ maxBodyBytes: LIMIT, retry: { on: ['5xx'] } })
}

t.test('a length that is too large is refused at once', async (t) => {
  const bench = limited()
  const down = bench.request(declared(LIMIT + 1), false)
  t.match(down.heads, [{ status: 413 }])
  t.match(down.body, 'the body of the request is too large: more than 1000 bytes')
  t.equal(bench.upstream.length, 0, 'no endpoint hears of it')
  t.match(bench.records, [{ code: 413, flags: 'body-too-large' }])
  t.equal(bench.listener.limits.get('limits.bodyBytes'), 1)
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('equal heads are refused and counted each time', async (t) => {
  const bench = limited()
  const head = declared(LIMIT + 1)
  bench.request(head, false)
  bench.request(head, false)
  t.equal(bench.listener.limits.get('limits.bodyBytes'), 2)
})

t.test('an unknown length is refused when it passes the limit, and the try is cancelled', async (t) => {
  const bench = limited()
  const down = bench.request(POST, false)
  down.receive('x'.repeat(LIMIT))
  t.strictSame(down.heads, [])
  down.receive('x')
  const [up] = bench.upstream as [FakeStream]
  t.equal(up.body.length, LIMIT, 'nothing beyond reaches the endpoint')
  t.match(up.cancels, [{ code: 'body-too-large', http2: 8 }])
  t.match(down.heads, [{ status: 413 }])
  t.equal(bench.upstream.length, 1, 'and there is no second try')
  t.strictSame(bench.results, [], 'the endpoint is not to blame')
  t.equal(down.credited, LIMIT + 1, 'the connection gets all of its window back')
  down.receive('rest', true)
  t.equal(down.credited, LIMIT + 5)
  t.equal(bench.listener.limits.get('limits.bodyBytes'), 1)
  t.match(bench.records, [{ code: 413, flags: 'body-too-large' }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('the piece that ends the body may be the one too much', async (t) => {
  const bench = limited()
  const down = bench.request(POST, false)
  down.receive('x'.repeat(LIMIT + 1), true)
  t.match(down.heads, [{ status: 413 }])
  t.match(bench.upstream[0]?.cancels, [{ code: 'body-too-large' }])
  t.equal(bench.upstream[0]?.ended, false)
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('while no connection is there', async (t) => {
  const bench = limited()
  for (const pool of bench.pools) pool.connected = false
  const down = bench.request(POST, false)
  down.receive('x'.repeat(LIMIT + 1))
  t.match(down.heads, [{ status: 413 }])
  for (const pool of bench.pools) pool.connect()
  t.equal(bench.upstream.length, 0)
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('a response that has begun is broken off', async (t) => {
  const bench = limited()
  const down = bench.request(POST, false)
  bench.upstream[0]?.receiver?.head(OK, null, false)
  down.receive('x'.repeat(LIMIT + 1))
  t.match(down.cancels, [{ code: 'body-too-large' }])
  t.match(bench.upstream[0]?.cancels, [{ code: 'body-too-large' }])
  t.match(bench.records, [{ code: 200, flags: 'body-too-large' }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('a response that is complete stays so', async (t) => {
  const bench = limited()
  const down = bench.request(POST, false)
  bench.upstream[0]?.receiver?.head(OK, null, true)
  down.receive('x'.repeat(LIMIT + 1))
  t.match(bench.upstream[0]?.cancels, [{ code: 'body-too-large' }])
  t.strictSame(down.cancels, [])
  t.equal(down.credited, LIMIT + 1)
  t.equal(bench.records.length, 1)
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('gRPC: all messages together, answered RESOURCE_EXHAUSTED', async (t) => {
  for (const begun of [false, true]) {
    const bench = limited()
    const down = bench.request(GRPC, false)
    if (begun) bench.upstream[0]?.receiver?.head(OK, null, false)
    for (let i = 0; i < 11; i++) down.receive('x'.repeat(100))
    t.equal((begun ? down.fields : down.heads[0]?.fields)?.get('grpc-status'), '8')
    t.match(bench.records, [{ grpcStatus: 8, flags: 'body-too-large' }])
    t.strictSame(bench.held, NOTHING_HELD)
  }
})

t.test('a body of exactly the limit passes, declared or not, as do the responses', async (t) => {
  for (const head of [declared(LIMIT), POST, GRPC]) {
    const bench = limited()
    const down = bench.request(head, false)
    down.receive('x'.repeat(LIMIT), true)
    const [up] = bench.upstream as [FakeStream]
    t.equal(up.body.length, LIMIT)
    t.equal(up.ended, true)
    up.receiver?.head(OK, null, false)
    up.receive('y'.repeat(LIMIT * 10), true)
    t.equal(down.body.length, LIMIT * 10)
    t.equal(bench.listener.limits.get('limits.bodyBytes'), 0)
  }
})

t.test('without the limit any body passes', async (t) => {
  const bench = new ExchangeBench()
  const down = bench.request(POST, false)
  for (let i = 0; i < 100; i++) down.receive('x'.repeat(100_000))
  t.equal(bench.upstream[0]?.body.length, 10_000_000)
})

t.test('a target that is too long is 414, whatever the protocol', async (t) => {
  const bench = new ExchangeBench({ maxUriBytes: 100 })
  const long = Head.request('GET', 'http', 'a', `/${'a'.repeat(100)}`)
  for (let i = 1; i < 3; i++) {
    const down = bench.request(long)
    t.match(down.heads, [{ status: 414 }])
    t.match(down.body, 'more than 100 bytes')
    t.equal(bench.listener.limits.get('limits.uriBytes'), i)
  }
  t.equal(bench.upstream.length, 0)
  bench.request(Head.request('GET', 'http', 'a', `/${'a'.repeat(99)}`))
  t.equal(bench.upstream.length, 1)
})

t.test('a session that gives up for the endpoint’s sake blames it; for the caller’s sake not', async (t) => {
  for (const [reason, results] of [
    [reasons.timeout, ['0 failed']],
    [reasons.upstreamProtocol, ['0 failed']],
    [reasons.requestTimeout, []],
    [reasons.writeTimeout, []],
  ] as const) {
    const bench = new ExchangeBench()
    const down = bench.request(POST, false)
    down.receiver?.reset(reason)
    t.strictSame(bench.results, results, reason.code)
    t.match(bench.upstream[0]?.cancels, [{ code: reason.code }])
    t.match(bench.records, [{ code: reason.status, flags: reason.code }])
    t.strictSame(bench.held, NOTHING_HELD)
  }
})

t.test('over HTTP/1.1 the caller is told when the connection will not read on', async (t) => {
  for (const bytes of [10_000, 100_000]) {
    const bench = await new ProxyBench('http1', 'http1', { maxBodyBytes: LIMIT }).startRaw()
    t.teardown(() => bench.close())
    bench.callerSocket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`)
    await settle()
    t.match(bench.received, /^HTTP\/1\.1 413 /)
    t.equal(/\r\nconnection: close\r\n/.test(bench.received), bytes === 100_000)
    bench.callerSocket.write('x'.repeat(bytes))
    bench.callerSocket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await settle()
    t.equal(
      bench.accepted.length,
      bytes === 100_000 ? 0 : 1,
      'a small rest is read, and the connection goes on',
    )
  }
})
