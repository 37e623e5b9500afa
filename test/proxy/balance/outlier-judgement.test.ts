import t from 'tap'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { findOutliers, type JudgementOptions } from '../../../proxy/balance/outlier-judgement.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { endpoints } from './endpoints.ts'

/** As the documentation words it, step by step. */
function naive(all: readonly Endpoint[], options: JudgementOptions): Map<number, string> {
  const judged = all.filter((one) => one.usable && one.intervalResults >= options.minRequests)
  const found = new Map<number, string>()
  if (judged.length < options.minEndpoints) return found
  const rates = judged.map((one) => (one.intervalResults - one.intervalFailures) / one.intervalResults)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length
  for (const [i, one] of judged.entries()) {
    const rate = rates[i] as number
    const below = (limit: number): boolean => rate < limit - 1e-9
    if (
      options.successRate !== null &&
      below(mean - options.successRate * Math.sqrt(variance)) &&
      below(mean - 0.05)
    ) {
      found.set(one.index, 'success-rate')
    } else if (
      options.failureShare !== null &&
      one.intervalFailures / one.intervalResults >= options.failureShare
    ) {
      found.set(one.index, 'failure-share')
    }
  }
  return found
}

t.test('the same outliers as a naive reading finds', async (t) => {
  const random = new SeededRandom(20_260_101)
  const upTo = (n: number): number => Math.floor(random.next() * n)
  let outliers = 0
  for (let round = 0; round < 500; round++) {
    const set = new EndpointSet(endpoints(1 + upTo(40)))
    const usual = random.next() * 0.3
    for (const one of set.endpoints) {
      const bad = random.next() < 0.15
      one.intervalResults = upTo(400)
      for (let i = 0; i < one.intervalResults; i++) {
        if (random.next() < (bad ? 0.2 + 0.8 * random.next() : usual)) one.intervalFailures += 1
      }
      if (random.next() < 0.1) set.setHealth(one, 'unhealthy', 'test')
    }
    const options = {
      successRate: random.next() < 0.2 ? null : 1 + random.next() * 2,
      failureShare: random.next() < 0.5 ? null : 0.3 + random.next() * 0.5,
      minEndpoints: 1 + upTo(6),
      minRequests: 1 + upTo(150),
    }
    const found = findOutliers(set.endpoints, options)
    const expected = naive(set.endpoints, options)
    outliers += expected.size
    t.same(
      new Map(
        found
          .map(({ endpoint, cause }) => [endpoint.index, cause])
          .sort((a, b) => Number(a[0]) - Number(b[0])) as [number, string][],
      ),
      new Map([...expected].sort((a, b) => a[0] - b[0])),
    )
  }
  t.ok(outliers > 200, `${outliers} in all`)
})

t.test('10,000 endpoints', async (t) => {
  const set = new EndpointSet(endpoints(10_000))
  for (const one of set.endpoints) {
    one.intervalResults = 200
    one.intervalFailures = one.index % 500 === 0 ? 120 : one.index % 3
  }
  const options = { successRate: 1.9, failureShare: null, minEndpoints: 5, minRequests: 100 }
  const found = findOutliers(set.endpoints, options)
  t.equal(found.length, 20)
  t.ok(found.every(({ endpoint }) => endpoint.index % 500 === 0))
})
