import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head, TUNNEL_CONNECT } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { ExchangeBench, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

const POST = Head.request('POST', 'http', 'a.test', '/')
const GRPC_FIELDS = Fields.of({ 'content-type': 'application/grpc' })
const GRPC = Head.request('POST', 'http', 'a.test', '/a.B/C', GRPC_FIELDS)
const OK = Head.response(200)

t.test('a request and its response pass through, byte for byte', async (t) => {
  const bench = new ExchangeBench()
  const down = bench.request(POST, false)
  down.receive('abc')
  const [up] = bench.upstream as [FakeStream]
  t.equal(up.heads[0]?.method, 'POST')
  t.equal(up.body, 'abc')
  down.receive('def', true)
  t.equal(up.body, 'abcdef')
  t.equal(up.ended, true)
  t.equal(down.credited, 6)
  up.receiver?.head(OK, null, false)
  up.receive('answer')
  up.receiver?.trailers(Fields.of({ 'x-sum': '1' }))
  t.strictSame(
    down.heads.map(({ status }) => status),
    [200],
  )
  t.equal(down.body, 'answer')
  t.strictSame(down.fields?.names, ['x-sum'])
  t.equal(up.credited, 6, 'what left for the caller is credited to the endpoint')
  t.strictSame(bench.held, NOTHING_HELD)
  t.match(bench.records, [
    { code: 200, requestBytes: 6, responseBytes: 6, attempts: 1, flags: '', upstream: 'shop' },
  ])
  t.strictSame(bench.results, ['0 good'])
})

t.test('a caller that does not read holds the endpoint up', async (t) => {
  const bench = new ExchangeBench()
  const down = bench.request()
  down.crediting = false
  const [up] = bench.upstream as [FakeStream]
  up.receiver?.head(OK, null, false)
  up.receive('answer')
  t.equal(up.credited, 0)
  down.source?.credit(4)
  t.equal(up.credited, 4)
})

t.test('an endpoint that does not read holds the caller up', async (t) => {
  const bench = new ExchangeBench()
  for (const pool of bench.pools) pool.crediting = false
  const down = bench.request(POST, false)
  down.receive('abcdef')
  t.equal(down.credited, 0)
  bench.upstream[0]?.source?.credit(2)
  t.equal(down.credited, 2)
})

t.test('trailers of the request, with and without a body, are passed on', async (t) => {
  for (const body of ['', 'abc']) {
    for (const late of [false, true]) {
      const bench = new ExchangeBench({ endpoints: 1 })
      const pool = bench.pools[0]
      if (pool === undefined) return
      pool.connected = !late
      const down = bench.request(POST, false)
      if (body !== '') down.receive(body)
      down.receiver?.trailers(Fields.of({ 'x-a': 'b' }))
      pool.connect()
      t.match(pool.streams, [{ body, ended: true, fields: { names: ['x-a'] } }])
      t.equal(down.credited, body.length)
    }
  }
})

t.test('while no connection is there the request gathers, then goes as it came', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1 })
  const [pool] = bench.pools
  if (pool === undefined) return
  pool.connected = false
  const down = bench.request(POST, false)
  down.receive('abc')
  down.receive('', false)
  down.receive('def')
  t.equal(down.credited, 0)
  pool.connect()
  t.equal(pool.streams[0]?.body, 'abcdef')
  t.equal(down.credited, 6)
  down.receive('', true)
  t.equal(pool.streams[0]?.ended, true)
})

t.test('interim responses pass, and do not commit', async (t) => {
  const bench = new ExchangeBench({ retry: { on: ['5xx'] } })
  const down = bench.request()
  bench.upstream[0]?.receiver?.head(Head.response(103), null, false)
  bench.upstream[0]?.receiver?.head(Head.response(503), null, true)
  bench.upstream[1]?.receiver?.head(OK, null, true)
  t.strictSame(
    down.heads.map(({ status }) => status),
    [103, 200],
  )
})

t.test('what waits of an answered request is not waited for: its stream is free for others', async (t) => {
  // The response is complete behind the request, or before its end: an endpoint may never open its window again.
  for (const first of ['request', 'response']) {
    const bench = new ExchangeBench()
    for (const pool of bench.pools) pool.crediting = false
    const down = bench.request(POST, false)
    const [up] = bench.upstream as [FakeStream]
    if (first === 'request') down.receive('abcdef', true)
    else down.receive('abc')
    up.source?.credit(2)
    up.receiver?.head(OK, null, true)
    if (first === 'response') {
      t.strictSame(up.cancels, [], 'the caller still sends')
      down.receive('def', true)
    }
    t.match(up.cancels, [{ http2: 8 }])
    t.equal(down.credited, 6, 'and the window of the caller is full again')
    t.equal(down.ended, true)
    t.match(bench.records, [{ code: 200, flags: '' }])
    t.strictSame(bench.held, NOTHING_HELD)
  }
})

t.test('a response that ends before the request: the rest still goes to the endpoint', async (t) => {
  const bench = new ExchangeBench()
  const down = bench.request(POST, false)
  const [up] = bench.upstream as [FakeStream]
  down.receive('abc')
  up.receiver?.head(OK, null, true)
  t.equal(down.ended, true)
  t.strictSame(bench.held, NOTHING_HELD, 'the request is counted as over')
  down.receive('def', true)
  t.equal(up.body, 'abcdef')
  t.equal(down.credited, 6)
  t.equal(bench.records.length, 1)
})

t.test(
  'an endpoint that has answered and wants no more: the rest is thrown away, credited and bounded',
  async (t) => {
    const bench = new ExchangeBench()
    const down = bench.request(POST, false)
    const [up] = bench.upstream as [FakeStream]
    up.receiver?.head(OK, null, true)
    up.receiver?.reset(reasons.upstreamReset.withHttp2(0, 'NO_ERROR'))
    down.receive('x'.repeat(60_000))
    t.strictSame(down.stops, [])
    t.equal(down.credited, 60_000)
    down.receive('x'.repeat(60_000))
    t.match(down.stops, [{ http2: 0 }])
    t.equal(down.credited, 60_000)
    t.strictSame(down.cancels, [])
    t.equal(bench.records.length, 1)
  },
)

t.test('an endpoint that has answered and goes: what it had not taken is credited', async (t) => {
  const bench = new ExchangeBench()
  for (const pool of bench.pools) pool.crediting = false
  const down = bench.request(POST, false)
  const [up] = bench.upstream as [FakeStream]
  down.receive('x'.repeat(100))
  up.source?.credit(30)
  up.receiver?.head(OK, null, true)
  up.receiver?.reset(reasons.upstreamClosed)
  t.equal(down.credited, 100)
  down.receive('x'.repeat(5), true)
  t.equal(down.credited, 105)
})

t.test('a caller that goes away', async (t) => {
  for (const when of ['waiting', 'sent', 'answered'] as const) {
    const bench = new ExchangeBench({ endpoints: 1, timeout: 1000, retry: { perTryTimeout: 500 } })
    const [pool] = bench.pools
    if (pool === undefined) return
    pool.connected = when !== 'waiting'
    const down = bench.request()
    if (when === 'answered') pool.streams[0]?.receiver?.head(OK, null, false)
    down.receiver?.reset(reasons.downstreamReset)
    t.strictSame(bench.held, NOTHING_HELD, when)
    t.match(
      pool.streams.map(({ cancels }) => cancels),
      when === 'waiting' ? [] : [[{ code: 'downstream-reset' }]],
    )
    t.match(bench.records, [{ code: 499, flags: 'downstream-reset' }])
    t.strictSame(bench.results, [], 'the endpoint is not to blame')
    bench.clock.advance(3000)
    t.equal(bench.records.length, 1)
  }
})

t.test('an endpoint that dies within its response: nothing cut off looks complete', async (t) => {
  const bench = new ExchangeBench({ retry: { on: ['reset', '5xx'] } })
  const down = bench.request()
  const [up] = bench.upstream as [FakeStream]
  up.receiver?.head(OK, null, false)
  up.receive('half')
  up.receiver?.reset(reasons.upstreamClosed)
  t.equal(down.ended, false)
  t.match(down.cancels, [{ code: 'upstream-closed' }])
  t.equal(bench.upstream.length, 1, 'and there is no second try')
  t.match(bench.records, [{ code: 200, flags: 'upstream-closed' }])
  t.strictSame(bench.held, NOTHING_HELD)
  t.strictSame(bench.results, ['0 failed'])
})

t.test('a gRPC call whose endpoint dies within the response gets its status', async (t) => {
  const bench = new ExchangeBench()
  const down = bench.request(GRPC, false)
  down.receive('request')
  const [up] = bench.upstream as [FakeStream]
  up.receiver?.head(Head.response(200, GRPC_FIELDS), null, false)
  up.receive('half')
  up.receiver?.reset(reasons.upstreamClosed)
  t.equal(down.fields?.get('grpc-status'), '14')
  t.match(bench.records, [{ code: 200, grpcStatus: 14 }])
  down.receive('more')
  t.equal(down.credited, 11)
})

t.test('over HTTP/1 it is cut off like any other: a status in trailers might not arrive', async (t) => {
  const bench = new ExchangeBench({ protocol: 'http1' })
  const down = bench.request(GRPC)
  const [up] = bench.upstream as [FakeStream]
  up.receiver?.head(OK, null, false)
  up.receive('abc')
  up.receiver?.reset(reasons.upstreamClosed)
  t.equal(down.fields, null)
  t.match(down.cancels, [{ code: 'upstream-closed' }])
  t.match(bench.records, [{ code: 200, grpcStatus: 14 }])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('gRPC status is recorded from head or trailers', async (t) => {
  for (const trailersOnly of [false, true]) {
    const bench = new ExchangeBench()
    bench.request(GRPC)
    const [up] = bench.upstream as [FakeStream]
    const status = Fields.of({ 'content-type': 'application/grpc', 'grpc-status': '5' })
    if (trailersOnly) up.receiver?.head(Head.response(200, status), null, true)
    else {
      up.receiver?.head(Head.response(200, GRPC_FIELDS), null, false)
      up.receiver?.trailers(status)
    }
    t.match(bench.records, [{ code: 200, grpcStatus: 5 }])
  }
})

t.test('the answers of the proxy itself', async (t) => {
  const cases: [string, () => { bench: ExchangeBench; down: FakeStream }, string, number, number][] = [
    [
      'no route',
      () =>
        asked(new ExchangeBench({ match: { authority: 'other' } }), Head.request('GET', 'http', 'a', '/x')),
      'no-route',
      404,
      12,
    ],
    ['denied', () => asked(new ExchangeBench({ authorize: [{ ...DENY }] })), 'denied', 403, 7],
    [
      'CONNECT',
      () => asked(new ExchangeBench(), Head.tunnel(TUNNEL_CONNECT, '', 'a:1', '')),
      'tunnel-denied',
      403,
      7,
    ],
    ['too many requests', () => asked(new ExchangeBench({ maxRequests: 0 })), 'overflow', 503, 14],
    [
      'no endpoint',
      () => {
        const bench = new ExchangeBench({ endpoints: 1 })
        bench.cluster.set.update([])
        return asked(bench)
      },
      'no-healthy-upstream',
      503,
      14,
    ],
    [
      'a pool that is full',
      () => {
        const bench = new ExchangeBench()
        for (const pool of bench.pools) {
          pool.connected = false
          pool.refusal = reasons.overflow.with('full')
        }
        return asked(bench)
      },
      'overflow',
      503,
      14,
    ],
  ]
  for (const [name, make, code, status] of cases) {
    const { bench, down } = make()
    t.equal(down.heads[0]?.status, status, name)
    t.equal(down.heads[0]?.fields.get('x-pillion-reason'), code, name)
    t.match(down.body, /^[a-z].*\n$/)
    t.equal(down.heads[0]?.contentLength, down.body.length)
    t.equal(down.ended, true)
    t.match(bench.records, [{ code: status, flags: code }])
    t.strictSame(bench.held, NOTHING_HELD, name)
  }
})

const DENY = { action: 'deny', principals: null, methods: null, paths: null } as const

function asked(bench: ExchangeBench, head?: Head): { bench: ExchangeBench; down: FakeStream } {
  return { bench, down: bench.request(head) }
}

t.test('gRPC callers are answered with a status alone', async (t) => {
  const bench = new ExchangeBench({ match: { authority: 'other' } })
  const down = bench.request(GRPC, false)
  t.equal(down.ended, true)
  t.equal(down.body, '')
  t.match(down.heads, [{ status: 200, grpc: true }])
  t.equal(down.heads[0]?.fields.get('grpc-status'), '12')
  t.match(down.heads[0]?.fields.get('grpc-message'), 'no route of this listener matches the request')
  t.match(bench.records, [{ code: 200, grpcStatus: 12 }])
})

t.test('HEAD is answered without a body', async (t) => {
  const bench = new ExchangeBench({ match: { authority: 'other' } })
  const down = bench.request(Head.request('HEAD', 'http', 'a', '/'))
  t.match(down.heads, [{ status: 404 }])
  t.equal(down.body, '')
  t.equal(down.ended, true)
})

t.test('the body of a request that was answered is read to its end, within bounds', async (t) => {
  const bench = new ExchangeBench({ match: { authority: 'other' } })
  const down = bench.request(POST, false)
  down.receive('x'.repeat(1000))
  t.equal(down.credited, 1000)
  down.receive('x'.repeat(70_000))
  t.match(down.stops, [{ http2: 0 }])
  t.equal(down.credited, 1000, 'the window closes')
  down.receive('x'.repeat(10), true)
  t.equal(down.credited, 71_010, 'unless it ends after all')
})

t.test('a refused caller is told of once per request', async (t) => {
  const bench = new ExchangeBench({ authorize: [{ ...DENY }] })
  const head = Head.request('GET', 'http', 'a', '/')
  for (let i = 0; i < 3; i++) bench.request(head)
  t.equal(bench.refused.length, 3)
  t.equal(bench.listener.denied, 3)
})

t.test('requests get an id unless they bring one', async (t) => {
  const bench = new ExchangeBench()
  bench.request()
  bench.request(Head.request('GET', 'http', 'a', '/', Fields.of({ 'x-request-id': 'mine' })))
  const [first, second] = [bench.pools[0]?.streams[0], bench.pools[1]?.streams[0]]
  t.ok((first?.requestIds[0] ?? 0) > 0)
  t.strictSame(second?.requestIds, [0])
  t.equal(second?.heads[0]?.fields.get('x-request-id'), 'mine')
})

t.test('equal heads are judged once per connection', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1 })
  const head = Head.request('GET', 'http', 'a', '/')
  bench.request(head)
  bench.request(head)
  const [first, second] = bench.upstream as [FakeStream, FakeStream]
  t.equal(first.heads[0], second.heads[0])
  const other = new ExchangeBench({ endpoints: 1, caller: { address: '10.9.9.9' } })
  other.request(head)
  t.equal(other.upstream[0]?.heads[0]?.fields.get('x-forwarded-for'), '10.9.9.9')
})

t.test('a request that cannot be written says nothing of the endpoint', async (t) => {
  const bench = new ExchangeBench()
  const down = bench.request()
  bench.upstream[0]?.receiver?.reset(
    reasons.badRequest.with('the authority is no host with an optional port'),
  )
  t.match(down.heads, [{ status: 400 }])
  t.strictSame(bench.results, [], 'neither good nor failed')
  t.strictSame(bench.held, NOTHING_HELD)
})
