import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { NO_TIMES, RouteTarget } from '../../../proxy/exchange/route-target.ts'
import { NO_TUNNELS } from '../../../proxy/policy/tunnels.ts'
import { ExchangeBench } from './exchange-bench.ts'

t.test('destinations are drawn by their weights', async (t) => {
  const bench = new ExchangeBench()
  const destination = { cluster: bench.cluster, stats: bench.stats }
  const target = new RouteTarget(
    'split',
    [
      { ...destination, upTo: 90 },
      { ...destination, upTo: 99 },
      { ...destination, upTo: 100 },
    ],
    NO_TIMES,
    null,
    NO_TUNNELS,
    new SeededRandom(5),
  )
  const drawn = [0, 0, 0]
  for (let i = 0; i < 20_000; i++) drawn[target.choose()] += 1
  const shares = drawn.map((count) => count / 20_000)
  t.ok(Math.abs((shares[0] as number) - 0.9) < 0.01, shares.join(' '))
  t.ok(Math.abs((shares[1] as number) - 0.09) < 0.01)
  t.ok(Math.abs((shares[2] as number) - 0.01) < 0.004)
})

t.test('the budget of retries: a few always, a share of what is in flight, and what was saved', async (t) => {
  const { cluster } = new ExchangeBench({ retryBudget: 0.2 })
  const take = (): number => {
    let count = 0
    while (cluster.spendRetry()) count += 1
    return count
  }
  t.equal(take(), 3)
  cluster.active = 50
  t.equal(take(), 7, 'ten in all')
  for (let i = 0; i < 10; i++) {
    cluster.active += 1
    cluster.requestEnded(true)
  }
  t.equal(cluster.retrying, 0)
  for (let i = 0; i < 40; i++) cluster.requestEnded(false)
  t.equal(cluster.active, 10)
  t.equal(take(), 3 + 8, 'forty requests without a retry saved up eight')
})
