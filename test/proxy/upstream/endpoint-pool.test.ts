import t, { type Test } from 'tap'
import { LONGEST_TURN_MS, TimerWheel } from '../../../proxy/base/timer-wheel.ts'
import { END_STREAM, type Frame, goaway, headers, OK, ping, settings } from '../../support/frames.ts'
import { type RawPeer, RawServer } from '../../support/raw-peers.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { PoolBench, type PoolBenchOptions, type PooledRequest } from './pool-bench.ts'

const MAX_CONCURRENT_STREAMS = 3

interface Bench {
  readonly bench: PoolBench
  readonly server: RawServer
}

async function start(t: Test, options: Omit<PoolBenchOptions, 'port'> = {}): Promise<Bench> {
  const server = new RawServer()
  const bench = new PoolBench({ ...options, port: await server.listen() })
  t.teardown(() => {
    bench.pool.drain()
    server.close()
  })
  return { bench, server }
}

/** The next frame of this type. */
async function next(peer: RawPeer, type: Frame['type']): Promise<Frame> {
  for (;;) {
    const frame = await peer.next()
    if (frame === null) throw new Error(`the connection ended instead of a ${type} frame`)
    if (frame.type === type) return frame
  }
}

/** Until everything sent before has been read by the pool. */
async function settle(peer: RawPeer): Promise<void> {
  peer.send(ping())
  await next(peer, 'PING_ACK')
}

function counts(requests: readonly PooledRequest[]): Record<string, number> {
  return {
    sent: requests.filter(({ sent }) => sent !== null).length,
    waiting: requests.filter(({ waiting }) => waiting).length,
    failed: requests.filter(({ failure }) => failure !== null).length,
    answered: requests.filter(({ ended }) => ended).length,
  }
}

t.test('no more streams than the server allows; the others wait their turn', async (t) => {
  const { bench, server } = await start(t, { connections: 1 })
  const requests = [0, 1, 2, 3, 4].map(() => bench.request())
  const peer = await server.accept()
  peer.send(settings({ [MAX_CONCURRENT_STREAMS]: 2 }))
  // The server's first SETTINGS, without a limit, have come before these.
  await settle(peer)
  t.strictSame(counts(requests), { sent: 5, waiting: 0, failed: 0, answered: 0 })
  const more = [0, 1, 2].map(() => bench.request())
  t.strictSame(
    counts(more),
    { sent: 0, waiting: 3, failed: 0, answered: 0 },
    'five are open, two allowed by now',
  )
  t.equal(bench.limits.pending, 3)
  for (const [id, waiting] of [
    [1, 3],
    [3, 3],
    [5, 3],
    [7, 2],
    [9, 1],
    [11, 0],
  ] as const) {
    peer.send(headers(id, OK, END_STREAM))
    await settle(peer)
    t.equal(counts(more)['waiting'], waiting, `stream ${id} has ended`)
  }
  t.equal(bench.limits.pending, 0)
})

t.test('more connections where one does not do', async (t) => {
  const server = new RawServer({ [MAX_CONCURRENT_STREAMS]: 2 })
  const bench = new PoolBench({ port: await server.listen(), connections: 3 })
  t.teardown(() => {
    bench.pool.drain()
    server.close()
  })
  const requests = Array.from({ length: 7 }, () => bench.request())
  const peers = [await server.accept(), await server.accept(), await server.accept()]
  for (const peer of peers) await settle(peer)
  t.strictSame(counts(requests), { sent: 6, waiting: 1, failed: 0, answered: 0 })
  t.equal(bench.limits.connections, 3, 'and no more than the limit')
  peers[1]?.send(headers(1, OK, END_STREAM))
  await settle(peers[1] as RawPeer)
  t.strictSame(counts(requests), { sent: 7, waiting: 0, failed: 0, answered: 1 })
})

t.test('the queue is bounded', async (t) => {
  const { bench, server } = await start(t, { connections: 1, pending: 2 })
  const requests = [0, 1, 2, 3].map(() => bench.request())
  t.strictSame(counts(requests), { sent: 0, waiting: 2, failed: 2, answered: 0 })
  t.match(requests[3]?.failure, {
    code: 'overflow',
    unprocessed: true,
    detail: 'limits.pending of upstream shop, 2 waiting for a connection; raise it, or limits.connections',
  })
  t.same(bench.reached, ['limits.pending', 'limits.pending'])
  await settle(await server.accept())
  t.strictSame(counts(requests), { sent: 2, waiting: 0, failed: 2, answered: 0 })
})

t.test('a server that takes no streams for a while', async (t) => {
  const server = new RawServer({ [MAX_CONCURRENT_STREAMS]: 0 })
  const bench = new PoolBench({ port: await server.listen(), pending: 20 })
  t.teardown(() => {
    bench.pool.drain()
    server.close()
  })
  const requests = [bench.request()]
  const peer = await server.accept()
  await settle(peer)
  for (let i = 0; i < 25; i++) requests.push(bench.request())
  await settle(peer)
  t.strictSame(counts(requests), { sent: 0, waiting: 20, failed: 6, answered: 0 })
  t.equal(bench.limits.connections, 1, 'it is not asked again over every connection that could be opened')
  peer.send(settings({ [MAX_CONCURRENT_STREAMS]: 3 }))
  await settle(peer)
  t.equal(counts(requests)['sent'], 3)
  peer.send(settings({ [MAX_CONCURRENT_STREAMS]: 100 }))
  await settle(peer)
  t.strictSame(counts(requests), { sent: 20, waiting: 0, failed: 6, answered: 0 })
  t.equal(bench.limits.pending, 0)
})

t.test('a server that takes no streams and goes away: those that wait move on', async (t) => {
  const server = new RawServer({ [MAX_CONCURRENT_STREAMS]: 0 })
  const bench = new PoolBench({ port: await server.listen() })
  t.teardown(() => {
    bench.pool.drain()
    server.close()
  })
  const requests = [bench.request(), bench.request()]
  const first = await server.accept()
  await settle(first)
  first.send(goaway(0, 'NO_ERROR'))
  const second = await server.accept()
  second.send(settings({ [MAX_CONCURRENT_STREAMS]: 5 }))
  await settle(second)
  t.strictSame(counts(requests), { sent: 2, waiting: 0, failed: 0, answered: 0 })
})

t.test('a connection that ends while requests wait for it: another takes them', async (t) => {
  for (const end of ['close', 'break'] as const) {
    const { bench, server } = await start(t, { connections: 2 })
    const open = bench.request()
    const first = await server.accept()
    first.send(settings({ [MAX_CONCURRENT_STREAMS]: 0 }))
    await settle(first)
    const waiting = bench.request()
    t.ok(waiting.waiting)
    if (end === 'close') first.close()
    else first.send({ type: 'WINDOW_UPDATE', stream: 0, increment: 0 })
    const second = await server.accept()
    await settle(second)
    t.ok(waiting.sent, end)
    t.match(open.resets, [
      { code: end === 'close' ? 'upstream-closed' : 'upstream-protocol', unprocessed: false },
    ])
  }
})

t.test('a server that breaks the protocol with its first frame is not dialled for ever', async (t) => {
  const { bench, server } = await start(t)
  const request = bench.request()
  const peer = await server.accept()
  // Behind the SETTINGS that the server sends by itself nothing has come yet.
  t.ok(peer)
  await settle(peer)
  t.ok(request.sent)
  const broken = new RawServer(null)
  t.teardown(() => broken.close())
  const other = new PoolBench({ port: await broken.listen() })
  t.teardown(() => other.pool.drain())
  const failing = [other.request(), other.request()]
  const bad = await broken.accept()
  bad.send(ping())
  await next(bad, 'GOAWAY')
  bad.close()
  while (failing.some(({ failure }) => failure === null))
    await new Promise((resolve) => setImmediate(resolve))
  t.match(
    failing.map(({ failure }) => failure),
    [{ code: 'upstream-protocol', unprocessed: true }, { code: 'upstream-protocol' }],
  )
  t.equal(other.stats.connectionsOpened, 1)
  t.equal(other.limits.pending, 0)
})

t.test('who has waited for too long waits no longer; the others do', async (t) => {
  const clock = new VirtualClock()
  const { bench, server } = await start(t, { connections: 1, pendingMs: 5000, timers: clock.timers })
  const open = bench.request()
  const peer = await server.accept()
  peer.send(settings({ [MAX_CONCURRENT_STREAMS]: 1 }))
  await settle(peer)
  t.not(open.sent, null)
  const early = bench.request()
  clock.advance(2000)
  const late = bench.request()
  clock.advance(2900)
  t.equal(early.waiting, true, 'just below the limit')
  clock.advance(150)
  t.match(early.failure, {
    code: 'overflow',
    detail: /^limits\.pendingTimeout of upstream shop, no connection was free within 5000 ms; raise it/,
  })
  t.equal(late.waiting, true)
  t.equal(bench.limits.pending, 1)
  peer.send(headers(1, OK, END_STREAM))
  await settle(peer)
  t.not(late.sent, null, 'served before its time is over')
  clock.advance(10_000)
  t.equal(late.failure, null)
  const third = bench.request()
  bench.pool.leave(third)
  t.same(bench.reached, ['limits.pendingTimeout'])
  t.equal(bench.limits.pending, 0)
})

t.test('no connection can be opened to this endpoint, because others have them all', async (t) => {
  const { bench } = await start(t, { connections: 1 })
  bench.limits.connections += 1
  t.match(bench.request().failure, {
    code: 'overflow',
    detail: 'limits.connections of upstream shop, 1 open and none to this endpoint; raise it',
  })
  t.same(bench.reached, ['limits.connections'])
})

t.test(
  'a pool that drains: streams under way finish, nobody waits, its connections count no more',
  async (t) => {
    const { bench, server } = await start(t, { connections: 1 })
    const under = bench.request()
    const peer = await server.accept()
    peer.send(settings({ [MAX_CONCURRENT_STREAMS]: 1 }))
    await settle(peer)
    const waiting = bench.request()
    t.strictSame(counts([under, waiting]), { sent: 1, waiting: 1, failed: 0, answered: 0 })
    bench.pool.drain()
    t.match(waiting.failure, { code: 'goaway', unprocessed: true })
    t.match(bench.request().failure, { code: 'goaway', unprocessed: true })
    t.equal(bench.limits.connections, 0, 'another endpoint may be connected to')
    t.equal(bench.limits.pending, 0)
    t.equal(bench.drained, 0)
    peer.send(headers(1, OK, END_STREAM))
    // To its end: the connection closes with its last stream.
    while ((await peer.next()) !== null);
    while (bench.pool.connections > 0) await new Promise((resolve) => setImmediate(resolve))
    t.strictSame(counts([under]), { sent: 1, waiting: 0, failed: 0, answered: 1 })
    t.equal(bench.pool.connections, 0)
    t.equal(bench.stats.connections, 0)
    t.equal(bench.limits.connections, 0)
    bench.pool.drain()
    t.equal(bench.drained, 1)
  },
)

t.test('a pool without connections has drained at once', async (t) => {
  const { bench } = await start(t)
  const dialling = bench.request()
  bench.pool.drain()
  t.match(dialling.failure, { code: 'goaway' })
  t.equal(bench.drained, 1)
  t.equal(bench.limits.connections, 0)
})

t.test(
  'more endpoints than connections: one that nobody uses makes room, one that is used does not',
  async (t) => {
    const one = await start(t, { connections: 1 })
    const two = await start(t, { limits: one.bench.limits })
    const first = one.bench.request()
    const peer = await one.server.accept()
    await settle(peer)
    t.not(first.sent, null)
    t.match(two.bench.request().failure, { code: 'overflow' }, 'while it is used')

    peer.send(headers(1, OK, END_STREAM))
    await settle(peer)
    const second = two.bench.request()
    t.equal(second.failure, null)
    t.equal(one.bench.limits.connections, 1, 'never more than allowed')
    const other = await two.server.accept()
    await settle(other)
    t.not(second.sent, null)
    while ((await peer.next()) !== null);
    t.pass('the idle one is closed')
    other.send(headers(1, OK, END_STREAM))
    await settle(other)

    const third = one.bench.request()
    await settle(await one.server.accept())
    t.not(third.sent, null, 'and back')
    t.equal(one.bench.limits.connections, 1)
  },
)

t.test('a stall of this process is no time that a request has waited', async (t) => {
  let now = 1000
  const timers = new TimerWheel(() => now, 10, LONGEST_TURN_MS)
  const { bench, server } = await start(t, { connections: 1, pendingMs: 1000, timers })
  bench.request()
  const peer = await server.accept()
  peer.send(settings({ [MAX_CONCURRENT_STREAMS]: 1 }))
  await settle(peer)
  const run = (ms: number): void => {
    for (const end = now + ms; now < end; ) {
      now += 10
      timers.advance()
    }
  }
  const early = bench.request()
  run(500)
  const late = bench.request()
  now += 60_000
  timers.advance()
  run(520)
  t.not(early.failure, null)
  t.equal(late.failure, null, 'it has waited for half of its time')
  run(510)
  t.not(late.failure, null)
})
