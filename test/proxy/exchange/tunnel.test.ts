import t from 'tap'
import { Head, TUNNEL_CONNECT, tunnelHead } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { ExchangeBench, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

const CHAT = Head.tunnel('websocket', 'http', 'a.test', '/chat')
const DATABASE = Head.tunnel(TUNNEL_CONNECT, '', 'db:5432', '')
const OPEN = tunnelHead(Head.response(200), 'websocket')
const IDLE = 60_000

function bench(options = {}): ExchangeBench {
  return new ExchangeBench({ tunnels: ['websocket', TUNNEL_CONNECT], tunnelIdleMs: IDLE, ...options })
}

/** A tunnel that is open. */
function open(): { proxy: ExchangeBench; down: FakeStream; up: FakeStream } {
  const proxy = bench()
  const down = proxy.request(CHAT, false)
  const up = proxy.upstream[0] as FakeStream
  up.receiver?.head(OPEN, null, false)
  return { proxy, down, up }
}

t.test('what the caller sends is held until the endpoint has accepted', async (t) => {
  const proxy = bench()
  const down = proxy.request(CHAT, false)
  const up = proxy.upstream[0] as FakeStream
  t.match(up.heads, [{ method: 'GET', tunnel: 'websocket', path: '/chat' }])
  t.equal(up.ended, false)
  down.receive('early, ')
  down.receive('earlier')
  t.equal(up.body, '')
  t.equal(down.credited, 0, 'so its window bounds what is held')
  up.receiver?.head(OPEN, null, false)
  t.match(down.heads, [{ status: 200, tunnel: 'websocket' }])
  t.equal(up.body, 'early, earlier')
  t.equal(down.credited, 14)
  down.receive('!')
  t.equal(up.body, 'early, earlier!')
  up.receive('answer')
  t.equal(down.body, 'answer')
  t.equal(up.credited, 6)
  t.equal(proxy.listener.tunnels, 1)
})

t.test('a caller that ends before the answer has ended its side of the tunnel', async (t) => {
  const proxy = bench()
  const down = proxy.request(CHAT, false)
  down.receive('all', true)
  const up = proxy.upstream[0] as FakeStream
  t.equal(up.ended, false)
  up.receiver?.head(OPEN, null, false)
  t.equal(up.body, 'all')
  t.equal(up.ended, true)
  up.receive('bye', true)
  t.equal(down.ended, true)
  t.strictSame(proxy.held, NOTHING_HELD)
})

t.test('it is over when both sides have ended', async (t) => {
  for (const first of ['caller', 'endpoint']) {
    const { proxy, down, up } = open()
    if (first === 'caller') down.receive('a', true)
    else up.receive('b', true)
    t.equal(proxy.records.length, 0)
    if (first === 'caller') {
      up.receive('b')
      up.receive('', true)
    } else {
      down.receive('a')
      down.receive('', true)
    }
    t.equal(down.body, 'b')
    t.equal(up.body, 'a')
    t.ok(down.ended && up.ended)
    t.match(proxy.records, [{ code: 200, requestBytes: 1, responseBytes: 1, flags: '' }])
    t.strictSame(proxy.held, NOTHING_HELD)
    t.equal(proxy.listener.tunnels, 0)
  }
})

t.test('a refusal is an ordinary answer', async (t) => {
  const proxy = bench()
  const down = proxy.request(CHAT, false)
  down.receive('as if it were open')
  const up = proxy.upstream[0] as FakeStream
  up.receiver?.head(Head.response(403), null, false)
  up.receive('no', true)
  t.match(down.heads, [{ status: 403, tunnel: '' }])
  t.equal(down.body, 'no')
  t.equal(up.body, '')
  t.ok(up.ended, 'the request to the endpoint is complete')
  t.equal(down.credited, 18, 'and thrown away')
  down.receive('more')
  t.equal(up.body, '')
  t.strictSame(proxy.held, NOTHING_HELD)
  t.equal(proxy.listener.tunnels, 0)
})

t.test('what the route does not open is refused here', async (t) => {
  for (const [head, kind] of [
    [CHAT, 'websocket'],
    [DATABASE, 'CONNECT'],
  ] as const) {
    const proxy = bench({ tunnels: [] })
    const down = proxy.request(head, false)
    t.match(down.heads, [{ status: 403 }])
    t.equal(down.heads[0]?.fields.get('x-pillion-reason'), 'tunnel-denied')
    t.match(down.body, new RegExp(`${kind} is not among the upgrades of route route`))
    t.strictSame(proxy.upstream, [])
    t.strictSame(proxy.held, NOTHING_HELD)
  }
})

t.test('no answer in time', async (t) => {
  const proxy = bench({ timeout: 1000, endpoints: 1 })
  const down = proxy.request(CHAT, false)
  proxy.clock.advance(1020)
  t.match(down.heads, [{ status: 504 }])
  t.equal(proxy.upstream[0]?.cancels.length, 1)
  t.strictSame(proxy.held, NOTHING_HELD)
  const opened = bench({ timeout: 1000 })
  const later = opened.request(CHAT, false)
  opened.upstream[0]?.receiver?.head(OPEN, null, false)
  opened.clock.advance(30_000)
  t.strictSame(later.cancels, [], 'once open it may last')
})

t.test('an endpoint that cannot take it is followed by another', async (t) => {
  const proxy = bench()
  const down = proxy.request(CHAT, false)
  down.receive('early')
  proxy.pools[0]?.streams[0]?.receiver?.reset(reasons.tunnelUnsupported)
  const second = proxy.pools[1]?.streams[0] as FakeStream
  second.receiver?.head(OPEN, null, false)
  t.equal(second.body, 'early')
  t.match(down.heads, [{ tunnel: 'websocket' }])
})

t.test('silence is bounded, in both directions together', async (t) => {
  const { proxy, down, up } = open()
  for (let i = 0; i < 20; i++) {
    proxy.clock.advance(IDLE / 2)
    if (i % 2 === 0) down.receive('ping')
    else up.receive('pong')
  }
  t.strictSame([down.cancels, up.cancels], [[], []], 'a message now and then keeps it open')
  proxy.clock.advance(IDLE * 2 + 20)
  t.match(down.cancels, [{ code: 'timeout' }])
  t.match(up.cancels, [{ code: 'timeout' }])
  t.match(proxy.records, [{ flags: 'timeout', detail: /nothing moved in the tunnel/ }])
  t.strictSame(proxy.held, NOTHING_HELD)

  const endless = bench({ tunnelIdleMs: 0 })
  const kept = endless.request(CHAT, false)
  endless.upstream[0]?.receiver?.head(OPEN, null, false)
  endless.clock.jump(100 * 3_600_000)
  t.strictSame(kept.cancels, [])
})

t.test('a half that stays open alone and silent is cut sooner', async (t) => {
  const proxy = bench({ tunnelIdleMs: 3_600_000 })
  const down = proxy.request(CHAT, false)
  const up = proxy.upstream[0] as FakeStream
  up.receiver?.head(OPEN, null, false)
  up.receive('', true)
  proxy.clock.advance(601_000)
  t.equal(down.cancels.length, 1)
  t.strictSame(proxy.held, NOTHING_HELD)
})

t.test('either side may break it', async (t) => {
  const first = open()
  first.down.receiver?.reset(reasons.downstreamClosed)
  t.match(first.up.cancels, [{ code: 'downstream-closed' }])
  t.strictSame(first.proxy.held, NOTHING_HELD)
  t.equal(first.proxy.listener.tunnels, 0)

  const second = open()
  second.up.receiver?.reset(reasons.upstreamClosed)
  t.match(second.down.cancels, [{ code: 'upstream-closed', http2: 8 }])
  t.equal(second.down.ended, false, 'never as if it had ended in order')
  t.match(second.proxy.records, [{ flags: 'upstream-closed' }])
  t.strictSame(second.proxy.held, NOTHING_HELD)
})

t.test('early bytes beyond what is kept for another try are held as well', async (t) => {
  const proxy = bench()
  const down = proxy.request(CHAT, false)
  const up = proxy.upstream[0] as FakeStream
  for (let i = 0; i < 10; i++) down.receive('x'.repeat(20_000))
  up.receiver?.head(OPEN, null, false)
  down.receive('tail')
  t.equal(up.body.length, 200_004, 'none is lost')
})

t.test('it is not over before what the caller sent has left', async (t) => {
  const { proxy, down, up } = open()
  up.crediting = false
  down.receive('last words', true)
  up.receive('', true)
  t.equal(proxy.records.length, 0)
  up.source?.credit(4)
  t.equal(proxy.records.length, 0)
  up.source?.credit(6)
  t.equal(proxy.records.length, 1)
  t.strictSame(proxy.held, NOTHING_HELD)

  const stuck = open()
  stuck.up.crediting = false
  stuck.down.receive('last words', true)
  stuck.up.receive('', true)
  stuck.proxy.clock.advance(IDLE * 2 + 20)
  t.match(stuck.up.cancels, [{ code: 'timeout' }], 'an endpoint that takes nothing is cut')
  t.strictSame(stuck.proxy.held, NOTHING_HELD)
})

t.test('a caller that ends before the answer leaves no deadline behind', async (t) => {
  const proxy = bench({ timeout: 1000 })
  const down = proxy.request(CHAT, false)
  down.receive('x', true)
  const [up] = proxy.upstream
  up?.receiver?.head(OPEN, null, false)
  up?.receive('y', true)
  t.strictSame(proxy.held, NOTHING_HELD)
})

t.test('a caller leaves while the answer that refuses its tunnel is under way', async (t) => {
  const proxy = bench()
  const down = proxy.request(CHAT, false)
  const [up] = proxy.upstream
  up?.receiver?.head(Head.response(200), null, false)
  up?.receive('without end')
  down.receiver?.reset(reasons.downstreamClosed)
  t.equal(up?.cancels.length, 1)
  t.match(proxy.records, [{ code: 499, flags: 'downstream-closed' }])
  t.strictSame(proxy.held, NOTHING_HELD)
})
