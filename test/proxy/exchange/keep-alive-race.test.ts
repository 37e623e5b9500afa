import { createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Head } from '../../../proxy/message/head.ts'
import { PoolBench } from '../upstream/pool-bench.ts'
import { ExchangeBench, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

t.setTimeout(240_000)

/** In flight at a time. */
const WINDOW = 40
/** Responses after which a connection is closed, without a word. */
const EVERY = 50

type Manner = 'behind its last response' | 'when one more request comes'

/** An HTTP/1.1 server whose connections end after fifty responses; knows what it has processed how often. */
class Closing {
  readonly server = createServer((socket) => this.#connection(socket))
  readonly processed = new Map<string, number>()
  connections = 0
  readonly #manner: Manner

  constructor(manner: Manner) {
    this.#manner = manner
  }

  #connection(socket: Socket): void {
    this.connections += 1
    let input = ''
    let answered = 0
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      input += chunk.toString('latin1')
      for (let end = input.indexOf('\r\n\r\n'); end >= 0; end = input.indexOf('\r\n\r\n')) {
        const path = input.split(' ', 2)[1] ?? ''
        input = input.slice(end + 4)
        if (answered === EVERY) {
          socket.destroy()
          return
        }
        answered += 1
        this.processed.set(path, (this.processed.get(path) ?? 0) + 1)
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
        if (answered === EVERY && this.#manner === 'behind its last response') socket.end()
      }
    })
  }
}

async function start(t: Test, manner: Manner) {
  const upstream = new Closing(manner)
  await new Promise<void>((resolve) => {
    upstream.server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = upstream.server.address() as { port: number }
  const pool = new PoolBench({ port, protocol: 'http1', pending: 1000 }).pool
  t.teardown(() => {
    pool.drain()
    upstream.server.close()
  })
  return { upstream, bench: new ExchangeBench({ endpoints: 1, pool }) }
}

async function run(t: Test, manner: Manner, method: string, requests: number) {
  const { upstream, bench } = await start(t, manner)
  const open = new Set<FakeStream>()
  const statuses: Record<number, number> = {}
  for (let sent = 0, answered = 0; answered < requests; ) {
    for (; sent < requests && open.size < WINDOW; sent++)
      open.add(bench.request(Head.request(method, 'http', 'a.test', `/${sent}`)))
    await new Promise((resolve) => setImmediate(resolve))
    for (const stream of open) {
      if (!stream.ended && stream.cancels.length === 0) continue
      const status = stream.heads.at(-1)?.status ?? 0
      statuses[status] = (statuses[status] ?? 0) + 1
      open.delete(stream)
      answered += 1
    }
  }
  t.strictSame(bench.held, NOTHING_HELD)
  t.ok(upstream.connections >= requests / EVERY, `${upstream.connections} connections`)
  return { upstream, bench, statuses }
}

for (const manner of ['behind its last response', 'when one more request comes'] as const) {
  t.test(`10,000 requests, connections that close after 50 responses, ${manner}`, async (t) => {
    const { upstream, bench, statuses } = await run(t, manner, 'GET', 10_000)
    t.strictSame(statuses, { 200: 10_000 }, 'no request failed')
    t.equal(upstream.processed.size, 10_000)
    if (manner === 'when one more request comes') t.ok(bench.cluster.stats.retries >= 100)
    t.equal(bench.cluster.stats.retriesOverflow, 0, 'none of them out of the budget')
  })
}

t.test('a POST is not made twice: who sent it decides', async (t) => {
  const { upstream, bench, statuses } = await run(t, 'when one more request comes', 'POST', 2000)
  t.ok((statuses[503] ?? 0) > 0)
  t.strictSame(
    [...upstream.processed].filter(([, times]) => times !== 1),
    [],
  )
  t.equal(upstream.processed.size, statuses[200])
  t.ok(bench.records.every(({ code, flags }) => code === 200 || flags === 'upstream-closed-reused'))
})

t.test('where all idle connections are stale the second try has a new one', async (t) => {
  const { upstream, bench } = await start(t, 'when one more request comes')
  const answered = async (streams: FakeStream[]) => {
    while (!streams.every(({ ended }) => ended)) await new Promise((resolve) => setImmediate(resolve))
  }
  // Round by round, so that every connection has had its fifty.
  for (let i = 0; i < EVERY; i++) await answered(Array.from({ length: WINDOW }, () => bench.request()))
  t.equal(upstream.connections, WINDOW)
  const last = bench.request()
  await answered([last])
  t.match(last.heads, [{ status: 200 }])
  t.match(bench.records.at(-1), { attempts: 2 })
})
