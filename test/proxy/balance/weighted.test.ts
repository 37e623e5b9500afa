import t from 'tap'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import type { Tier } from '../../../proxy/balance/tier.ts'
import { WeightedBalancer } from '../../../proxy/balance/weighted.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { after, endpoints, FIRST, weighted } from './endpoints.ts'

const ZERO = { next: () => 0 }

/** Smooth weighted round-robin as it is defined: indexes of the picks. */
function* naive(weights: readonly number[]): Generator<number, never> {
  const current = weights.map(() => 0)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  while (true) {
    let best = 0
    for (let i = 0; i < weights.length; i++) {
      current[i] = (current[i] as number) + (weights[i] as number)
      if ((current[i] as number) > (current[best] as number)) best = i
    }
    current[best] = (current[best] as number) - total
    yield best
  }
}

function balancerOf(weights: readonly number[]): { set: EndpointSet; balancer: WeightedBalancer } {
  const set = new EndpointSet(weighted(...weights))
  return { set, balancer: new WeightedBalancer(set.tiers[0] as Tier, ZERO) }
}

function picks(balancer: WeightedBalancer, count: number, tried: readonly Endpoint[] = []): number[] {
  return Array.from({ length: count }, () => balancer.pick(after(...tried))?.index ?? -1)
}

t.test('the classic sequence for weights 5, 1, 1', async (t) => {
  const { balancer } = balancerOf([5, 1, 1])
  t.same(picks(balancer, 14), [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0])
})

t.test('the sequence is that of the definition', async (t) => {
  const random = new SeededRandom(7)
  for (let round = 0; round < 300; round++) {
    const count = 1 + Math.floor(random.next() * 24)
    const largest = 1 + Math.floor(random.next() * (round % 3 === 0 ? 4 : 120))
    const weights = Array.from({ length: count }, () => 1 + Math.floor(random.next() * largest))
    const { balancer } = balancerOf(weights)
    const sequence = naive(weights)
    const turns = Math.min(3000, 2 * weights.reduce((sum, weight) => sum + weight, 0) + 5)
    const expected = Array.from({ length: turns }, () => sequence.next().value)
    const actual = picks(balancer, turns)
    if (actual.join() !== expected.join()) {
      t.same(actual, expected, `weights ${weights.join()}`)
      return
    }
  }
  t.pass('300 random lists of weights')
})

t.test('a common divisor and large weights change nothing', async (t) => {
  const weights = [65_535, 1, 30_000, 65_534, 65_535, 12]
  const { balancer } = balancerOf(weights)
  const sequence = naive(weights)
  const expected = Array.from({ length: 20_000 }, () => sequence.next().value)
  t.same(picks(balancer, 20_000), expected)
  t.same(picks(balancerOf([50, 10, 10]).balancer, 14), picks(balancerOf([5, 1, 1]).balancer, 14))
})

t.test('each endpoint gets exactly its share of every cycle', async (t) => {
  const weights = Array.from({ length: 500 }, (_, i) => 1 + (i % 7))
  const { balancer } = balancerOf(weights)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const counts = weights.map(() => 0)
  for (const index of picks(balancer, 3 * total)) counts[index] = (counts[index] as number) + 1
  t.same(
    counts,
    weights.map((weight) => 3 * weight),
  )
})

t.test('the list starts where the random number says', async (t) => {
  const set = new EndpointSet(endpoints(4))
  const balancer = new WeightedBalancer(set.tiers[0] as Tier, { next: () => 0.5 })
  t.same(picks(balancer, 5), [2, 3, 0, 1, 2])
})

t.test('tried endpoints are passed over, however heavy', async (t) => {
  const { set, balancer } = balancerOf([1000, 1, 1])
  const [heavy, light, other] = set.endpoints as [Endpoint, Endpoint, Endpoint]
  t.notOk(picks(balancer, 50, [heavy]).includes(heavy.index))
  t.equal(balancer.pick(after(heavy, other)), light)
  t.equal(balancer.pick(after(other, light, heavy)), null)
})

t.test('an unusable endpoint leaves the sequence, and comes back', async (t) => {
  const { set, balancer } = balancerOf([2, 1, 1])
  picks(balancer, 3)
  set.setHealth(set.endpoints[1] as Endpoint, 'unhealthy', 'test')
  t.same(picks(balancer, 6), [0, 2, 0, 0, 2, 0])
  set.setHealth(set.endpoints[1] as Endpoint, 'healthy', 'test')
  t.same(picks(balancer, 4), [0, 1, 2, 0])
})

t.test('an empty set gives nobody', async (t) => {
  const set = new EndpointSet(weighted(3))
  const balancer = new WeightedBalancer(set.tiers[0] as Tier, ZERO)
  ;(set.tiers[0] as Tier).replace([])
  t.equal(balancer.pick(FIRST), null)
})
