import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { RouteTarget } from '../../../proxy/exchange/route-target.ts'
import { NO_TUNNELS } from '../../../proxy/policy/tunnels.ts'
import { ExchangeBench } from './exchange-bench.ts'

t.test('destinations are drawn by their weights', async (t) => {
  const bench = new ExchangeBench()
  const destination = { cluster: bench.cluster, stats: bench.stats }
  const target = new RouteTarget({
    name: 'split',
    destinations: [
      { ...destination, upTo: 90 },
      { ...destination, upTo: 99 },
      { ...destination, upTo: 100 },
    ],
    tunnels: NO_TUNNELS,
    random: new SeededRandom(5),
  })
  const drawn = [0, 0, 0]
  for (let i = 0; i < 20_000; i++) drawn[target.choose()] += 1
  const shares = drawn.map((count) => count / 20_000)
  t.ok(Math.abs((shares[0] as number) - 0.9) < 0.01, shares.join(' '))
  t.ok(Math.abs((shares[1] as number) - 0.09) < 0.01)
  t.ok(Math.abs((shares[2] as number) - 0.01) < 0.004)
})
