import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { ExchangeBench, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

const GRPC_FIELDS = Fields.of({ 'content-type': 'application/grpc' })
const GRPC = Head.request('POST', 'http', 'a.test', '/a.B/C', GRPC_FIELDS)
const HEAD = Head.response(200, GRPC_FIELDS)
const OK = Fields.of({ 'grpc-status': '0' })
const UNAVAILABLE = Fields.of({ 'grpc-status': '14', 'grpc-message': 'leaving' })

/** A message with its prefix, as the bytes of a string. */
function message(length: number, letter = 'm'): string {
  const bytes = [0, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255]
  return String.fromCharCode(...bytes) + letter.repeat(length)
}

function begin(options: ConstructorParameters<typeof ExchangeBench>[0] = {}) {
  const bench = new ExchangeBench({ retry: { on: ['unavailable'] }, ...options })
  const down = bench.request(GRPC)
  const first = bench.pools[0]?.streams[0] as FakeStream
  return { bench, down, first, second: () => bench.pools[1]?.streams[0] as FakeStream }
}

t.test('trailers that say unavailable, behind a head alone: another endpoint answers', async (t) => {
  const { bench, down, first, second } = begin()
  first.receiver?.head(HEAD, null, false)
  t.strictSame(down.heads, [], 'nothing has gone to the caller')
  first.receiver?.trailers(UNAVAILABLE)
  second().receiver?.head(HEAD, null, false)
  second().receive(message(3))
  second().receiver?.trailers(OK)
  t.equal(down.heads.length, 1)
  t.equal(down.body, message(3))
  t.equal(down.fields?.get('grpc-status'), '0')
  t.match(bench.records, [{ grpcStatus: 0, attempts: 2, responseBytes: 8 }])
  t.strictSame(bench.results, ['0 failed', '1 good'])
  t.strictSame(bench.held, NOTHING_HELD)
  t.strictSame(first.cancels, [], 'its stream was complete')
})

t.test('a message and trailers: what was held is credited, so that the connection goes on', async (t) => {
  const { down, first, second, bench } = begin()
  first.receiver?.head(HEAD, null, false)
  first.receive(message(100).slice(0, 3))
  first.receive(message(100).slice(3))
  first.receiver?.trailers(UNAVAILABLE)
  t.strictSame(down.heads, [])
  t.equal(first.credited, 105)
  second().receiver?.head(HEAD, null, false)
  second().receive(message(1, 'x'))
  second().receiver?.trailers(OK)
  t.equal(down.body, message(1, 'x'))
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('an endpoint that is lost between message and trailers loses no call', async (t) => {
  for (const on of ['unavailable', 'reset'] as const) {
    const { bench, down, first, second } = begin({ retry: { on: [on] } })
    first.receiver?.head(HEAD, null, false)
    first.receive(message(10))
    first.receiver?.reset(reasons.upstreamClosed)
    t.strictSame(down.heads, [])
    second().receiver?.head(HEAD, null, false)
    second().receive(message(10))
    second().receiver?.trailers(OK)
    t.equal(down.body, message(10))
    t.equal(down.fields?.get('grpc-status'), '0')
    t.strictSame(bench.held, NOTHING_HELD)
  }
})

t.test('a status that is no reason passes, whole and in order', async (t) => {
  const { bench, down, first } = begin()
  first.receiver?.head(HEAD, null, false)
  first.receive(message(4))
  first.receiver?.trailers(Fields.of({ 'grpc-status': '5' }))
  t.strictSame(down.heads, [HEAD])
  t.equal(down.body, message(4))
  t.equal(down.fields?.get('grpc-status'), '5')
  t.equal(first.credited, 9, 'credited as the caller took it')
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('what ends the wait', async (t) => {
  await t.test('a second message', async (t) => {
    const { down, first, bench } = begin()
    first.receiver?.head(HEAD, null, false)
    first.receive(message(4))
    t.equal(down.body, '')
    first.receive(message(2).slice(0, 1))
    t.equal(down.body, message(4) + message(2).slice(0, 1))
    t.equal(bench.clock.timers.armed, 0)
    first.receiver?.trailers(UNAVAILABLE)
    t.equal(down.fields?.get('grpc-status'), '14', 'too late for another try')
    t.strictSame(bench.held, NOTHING_HELD)
  })
  await t.test('a second message in the same piece', async (t) => {
    const { down, first } = begin()
    first.receiver?.head(HEAD, null, false)
    first.receive(message(4) + message(0))
    t.equal(down.body, message(4) + message(0))
  })
  await t.test('64 KiB', async (t) => {
    const { down, first } = begin()
    first.receiver?.head(HEAD, null, false)
    first.receive(message(70_000).slice(0, 65_536))
    t.equal(down.body, '')
    first.receive('m')
    t.equal(down.body.length, 65_537)
  })
  await t.test('a length beyond 2 GiB is no negative one', async (t) => {
    const { down, first } = begin()
    first.receiver?.head(HEAD, null, false)
    first.receive(`\0\xff\xff\xff\xff${'m'.repeat(10)}`)
    t.equal(down.body, '')
  })
  await t.test('20 milliseconds, with a message and without', async (t) => {
    for (const body of ['', message(4)]) {
      const { down, first, bench } = begin()
      first.receiver?.head(HEAD, null, false)
      if (body !== '') first.receive(body)
      bench.clock.advance(10)
      t.strictSame(down.heads, [])
      bench.clock.advance(20)
      t.strictSame(down.heads, [HEAD])
      t.equal(down.body, body)
      first.receive(message(1))
      t.equal(down.body, body + message(1))
      first.receiver?.reset(reasons.upstreamReset)
      t.equal(bench.upstream.length, 1)
      t.strictSame(bench.held, NOTHING_HELD)
    }
  })
  await t.test('a stall of ours is no such wait: what came meanwhile is read first', async (t) => {
    const { down, first, bench, second } = begin()
    first.receiver?.head(HEAD, null, false)
    bench.clock.jump(500)
    t.strictSame(down.heads, [])
    first.receiver?.trailers(UNAVAILABLE)
    t.ok(second(), 'the other endpoint is asked')
  })
  await t.test('an end without trailers', async (t) => {
    const { down, first, bench } = begin()
    first.receiver?.head(HEAD, null, false)
    first.receive(message(4), true)
    t.equal(down.body, message(4))
    t.equal(down.ended, true)
    t.strictSame(bench.held, NOTHING_HELD)
  })
})

t.test('where nothing is held back', async (t) => {
  const plain = Head.request('GET', 'http', 'a.test', '/')
  const cases: [string, ConstructorParameters<typeof ExchangeBench>[0], Head, boolean][] = [
    ['no policy', { retry: null }, GRPC, true],
    ['a policy without such a condition', { retry: { on: ['connect-failure', '5xx'] } }, GRPC, true],
    ['the last attempt', { retry: { on: ['unavailable'], attempts: 1 } }, GRPC, true],
    ['no gRPC', { retry: { on: ['reset', 'unavailable'] } }, plain, true],
    ['a caller that still sends', { retry: { on: ['unavailable'] } }, GRPC, false],
  ]
  for (const [name, options, head, end] of cases) {
    const bench = new ExchangeBench(options)
    const down = bench.request(head, end)
    bench.upstream[0]?.receiver?.head(HEAD, null, false)
    t.equal(down.heads.length, 1, name)
    bench.upstream[0]?.receive(message(4))
    t.equal(down.body, message(4), name)
  }
})

t.test('the caller leaves while a response is held', async (t) => {
  const { bench, down, first } = begin()
  first.receiver?.head(HEAD, null, false)
  down.receiver?.reset(reasons.downstreamReset)
  t.equal(first.cancels.length, 1)
  bench.clock.advance(100)
  t.strictSame(down.heads, [])
  t.strictSame(bench.held, NOTHING_HELD)
})

t.test('a response that began in time is not late for being held', async (t) => {
  for (const options of [{ timeout: 100 }, { retry: { on: ['unavailable'], perTryTimeout: 100 } as const }]) {
    const { bench, down, first } = begin(options)
    bench.clock.advance(90)
    first.receiver?.head(HEAD, null, false)
    bench.clock.advance(200)
    t.strictSame(down.heads, [HEAD])
    t.strictSame(first.cancels, [])
    t.equal(bench.clock.timers.armed, 0)
    first.receiver?.trailers(OK)
    t.equal(down.fields?.get('grpc-status'), '0')
    t.strictSame(bench.held, NOTHING_HELD)
  }
})

t.test('when the budget of retries is used up the answer is passed on', async (t) => {
  const { bench, down, first } = begin({ endpoints: 1 })
  while (bench.cluster.spendRetry(bench.clock.now()));
  first.receiver?.head(HEAD, null, false)
  first.receive(message(4))
  first.receiver?.trailers(UNAVAILABLE)
  t.equal(down.body, message(4))
  t.equal(down.fields?.get('grpc-message'), 'leaving')
  t.match(bench.records, [{ grpcStatus: 14, attempts: 1 }])
  t.strictSame(bench.held, NOTHING_HELD)
})
