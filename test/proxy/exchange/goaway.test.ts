import t from 'tap'
import { Head } from '../../../proxy/message/head.ts'
import { EVERY, GoingAway } from '../../support/going-away.ts'
import { PoolBench } from '../upstream/pool-bench.ts'
import { ExchangeBench, type FakeStream, NOTHING_HELD } from './exchange-bench.ts'

t.setTimeout(240_000)

const REQUESTS = 10_000
/** In flight at a time. */
const WINDOW = 250

for (const manner of ['one step', 'two steps', 'one step, and closes behind the last answer'] as const) {
  t.test(`10,000 requests, a GOAWAY every 100 streams: ${manner}`, { timeout: 60_000 }, async (t) => {
    const upstream = new GoingAway(manner)
    const port = await upstream.server.listen()
    void upstream.serve()
    const pool = new PoolBench({ port, pending: 1000 }).pool
    t.teardown(() => {
      pool.drain()
      upstream.server.close()
    })
    const bench = new ExchangeBench({ endpoints: 1, pool })
    const open = new Set<FakeStream>()
    const statuses: Record<number, number> = {}
    for (let sent = 0, answered = 0; answered < REQUESTS; ) {
      // Not idempotent: nothing but the certainty that it was not processed allows another try.
      for (; sent < REQUESTS && open.size < WINDOW; sent++)
        open.add(bench.request(Head.request('POST', 'http', 'a.test', `/${sent}`)))
      await new Promise((resolve) => setImmediate(resolve))
      for (const stream of open) {
        if (!stream.ended && stream.cancels.length === 0) continue
        const status = stream.heads.at(-1)?.status ?? 0
        statuses[status] = (statuses[status] ?? 0) + 1
        open.delete(stream)
        answered += 1
      }
    }
    t.strictSame(statuses, { 200: REQUESTS }, 'no request failed')
    t.equal(upstream.processed.size, REQUESTS)
    t.strictSame(
      [...upstream.processed].filter(([, times]) => times !== 1),
      [],
      'none was processed twice',
    )
    t.ok(upstream.connections >= REQUESTS / (EVERY + WINDOW), `${upstream.connections} connections`)
    const { retries } = bench.cluster.stats
    t.equal(retries > 0, manner !== 'two steps', `${retries} were sent again`)
    t.strictSame(bench.held, NOTHING_HELD)
  })
}
