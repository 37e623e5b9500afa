import t, { type Test } from 'tap'
import type { BalancePolicy } from '../../../config/types/upstream.ts'
import { AliasTable } from '../../../proxy/balance/alias-table.ts'
import type { Balancer } from '../../../proxy/balance/balancer.ts'
import { type BalanceOptions, createBalancer } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint, EndpointOptions } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { chiSquare } from './chi-square.ts'
import { after, endpoint, endpoints, FIRST, weighted } from './endpoints.ts'

const POLICIES: readonly BalancePolicy[] = [
  'round-robin',
  'weighted',
  'random',
  'least-request',
  'ewma',
  'ring-hash',
  'maglev',
]

/** A ring's points are thrown like dice, where the others divide exactly. */
const tolerance = (policy: BalancePolicy) => (policy === 'ring-hash' ? 0.04 : 0.01)

function setUp(
  options: BalanceOptions,
  list: readonly EndpointOptions[],
  seed = 1,
): { set: EndpointSet; balancer: Balancer } {
  const set = new EndpointSet(list)
  return { set, balancer: createBalancer(options, set, new SeededRandom(seed)) }
}

/** Picks by endpoint; nothing stays in flight. */
function shares(set: EndpointSet, balancer: Balancer, picks: number): number[] {
  const counts = set.endpoints.map(() => 0)
  for (let i = 0; i < picks; i++) {
    const picked = balancer.pick(FIRST) as Endpoint
    counts[picked.index] = (counts[picked.index] as number) + 1
  }
  return counts.map((count) => count / picks)
}

function near(t: Test, actual: readonly number[], expected: readonly number[], tolerance: number): void {
  const worst = Math.max(...actual.map((share, i) => Math.abs(share - (expected[i] as number))))
  t.ok(worst <= tolerance, `shares ${actual.join()} are near ${expected.join()}`)
}

t.test('idle endpoints of the same weight get the same share', async (t) => {
  for (const policy of POLICIES) {
    const { set, balancer } = setUp({ policy }, endpoints(5))
    near(t, shares(set, balancer, 50_000), [0.2, 0.2, 0.2, 0.2, 0.2], tolerance(policy))
  }
})

t.test('idle endpoints of different weights get shares by weight', async (t) => {
  for (const policy of POLICIES) {
    const { set, balancer } = setUp({ policy }, weighted(6, 3, 1))
    near(t, shares(set, balancer, 50_000), [0.6, 0.3, 0.1], tolerance(policy))
  }
})

t.test('draws are fair: chi-square of the counts', async (t) => {
  for (const policy of ['random', 'least-request', 'ewma', 'maglev'] as const) {
    for (const weights of [[1, 1, 1, 1, 1, 1, 1], [1, 2, 3, 4, 50], Array.from({ length: 100 }, () => 3)]) {
      const { set, balancer } = setUp({ policy }, weighted(...weights), 77)
      const counts = shares(set, balancer, 40_000).map((share) => Math.round(share * 40_000))
      const { value, limit } = chiSquare(counts, weights)
      t.ok(value < limit, `${policy}, ${weights.length} endpoints: ${value.toFixed(1)} < ${limit.toFixed(1)}`)
    }
  }
})

t.test('10,000 endpoints: all are used', async (t) => {
  for (const policy of POLICIES) {
    const { set, balancer } = setUp({ policy }, endpoints(10_000))
    const seen = new Set<Endpoint | null>()
    for (let i = 0; i < 150_000; i++) seen.add(balancer.pick(FIRST))
    t.ok(seen.size > 9_990 && !seen.has(null), `${policy}: ${seen.size} of ${set.endpoints.length}`)
  }
})

t.test('tried endpoints are passed over while another is left', async (t) => {
  for (const policy of POLICIES) {
    for (const list of [endpoints(3), weighted(500, 1, 1), weighted(1, 500, 20)]) {
      const { set, balancer } = setUp({ policy }, list)
      const [a, b, c] = set.endpoints as [Endpoint, Endpoint, Endpoint]
      let wrong = 0
      for (let i = 0; i < 200; i++) {
        for (const one of [a, b, c]) if (balancer.pick(after(one)) === one) wrong += 1
        if (balancer.pick(after(c, a)) !== b) wrong += 1
        if (balancer.pick(after(a, b, c)) !== null) wrong += 1
      }
      t.equal(wrong, 0, `${policy}, weights ${list.map((one) => one.weight).join()}`)
    }
  }
})

t.test('retries spread over the others', async (t) => {
  for (const policy of POLICIES) {
    const { set, balancer } = setUp({ policy }, endpoints(5))
    const tried = [set.endpoints[2] as Endpoint]
    const seen = new Set<number | undefined>()
    for (let i = 0; i < 200; i++) seen.add(balancer.pick(after(...tried))?.index)
    t.same([...seen].sort(), [0, 1, 3, 4], policy)
  }
})

t.test('nobody to choose: null; one to choose: that one', async (t) => {
  for (const policy of POLICIES) {
    const none = setUp({ policy }, [])
    t.equal(none.balancer.pick(FIRST), null)
    t.equal(none.balancer.pick(after(new EndpointSet(endpoints(1)).endpoints[0] as Endpoint)), null)
    const one = setUp({ policy }, endpoints(1))
    t.equal(one.balancer.pick(FIRST), one.set.endpoints[0])
    t.equal(one.balancer.pick(after(one.set.endpoints[0] as Endpoint)), null)
  }
})

t.test('changes of the set are followed', async (t) => {
  for (const policy of POLICIES) {
    const { set, balancer } = setUp({ policy }, endpoints(4))
    balancer.pick(FIRST)
    const [a] = set.endpoints as [Endpoint]
    set.setHealth(a, 'unhealthy', 'test')
    near(t, shares(set, balancer, 3000), [0, 1 / 3, 1 / 3, 1 / 3], 0.05)
    set.setHealth(a, 'healthy', 'test')
    near(t, shares(set, balancer, 4000), [0.25, 0.25, 0.25, 0.25], 0.05)
    // To ewma an endpoint is slow until it has answered, or long enough not.
    if (policy === 'ewma') continue
    set.update([endpoint(1, 3), endpoint(9, 1)])
    const indexes = set.endpoints.map((one) => one.index)
    const counts = [0, 0]
    for (let i = 0; i < 4000; i++) {
      const at = indexes.indexOf((balancer.pick(FIRST) as Endpoint).index)
      counts[at] = (counts[at] as number) + 1
    }
    near(
      t,
      counts.map((count) => count / 4000),
      [0.75, 0.25],
      0.05,
    )
  }
})

t.test('round-robin goes from one to the next and starts anywhere', async (t) => {
  const { balancer } = setUp({ policy: 'round-robin' }, endpoints(7))
  const picks = Array.from({ length: 21 }, () => (balancer.pick(FIRST) as Endpoint).index)
  t.ok(picks.every((index, i) => i === 0 || index === ((picks[i - 1] as number) + 1) % 7))
  const starts = new Set<number>()
  for (let seed = 1; seed < 60; seed++) {
    const other = setUp({ policy: 'round-robin' }, endpoints(4), seed * 7919)
    starts.add((other.balancer.pick(FIRST) as Endpoint).index)
  }
  t.equal(starts.size, 4)
})

t.test('least-request keeps requests in flight even, where random does not', async (t) => {
  const spread = (policy: BalancePolicy): number => {
    const { set, balancer } = setUp({ policy }, endpoints(50))
    for (let i = 0; i < 5000; i++) (balancer.pick(FIRST) as Endpoint).active += 1
    const active = set.endpoints.map((one) => one.active)
    return Math.max(...active) - Math.min(...active)
  }
  t.ok(spread('least-request') <= 8)
  t.ok(spread('random') > 20)
})

t.test('least-request avoids a slow endpoint', async (t) => {
  const { set, balancer } = setUp({ policy: 'least-request' }, endpoints(4))
  ;(set.endpoints[0] as Endpoint).active = 100
  near(t, shares(set, balancer, 12_000), [0, 1 / 3, 1 / 3, 1 / 3], 0.03)
})

t.test('least-request with more choices is more even, and one of all is exact', async (t) => {
  const spread = (choices: number): number => {
    const { set, balancer } = setUp({ policy: 'least-request', choices }, endpoints(40))
    for (let i = 0; i < 4000; i++) (balancer.pick(FIRST) as Endpoint).active += 1
    const active = set.endpoints.map((one) => one.active)
    return Math.max(...active) - Math.min(...active)
  }
  const [two, five, many] = [spread(2), spread(5), spread(100)] as const
  t.ok(two >= five && five >= many && many <= 2, `${two}, ${five}, ${many}`)
})

t.test('least-request: the bias decides what requests in flight count against weight', async (t) => {
  const share = (bias: number): number => {
    const { set, balancer } = setUp({ policy: 'least-request', bias }, weighted(3, 1))
    const [heavy, light] = set.endpoints as [Endpoint, Endpoint]
    heavy.active = 4
    light.active = 1
    return shares(set, balancer, 20_000)[0] as number
  }
  near(t, [share(0)], [0.75], 0.01)
  t.ok(share(0.5) > 0.9, 'the square root of 4 is less than 3 times 1: the heavy one, whenever it is drawn')
  t.ok(share(2) < 0.4, '16 is more than 3 times 1: the light one')
})

t.test('least-request shares requests in flight by weight', async (t) => {
  const { set, balancer } = setUp({ policy: 'least-request' }, weighted(3, 1, 2))
  const inFlight: Endpoint[] = []
  const random = new SeededRandom(11)
  for (let i = 0; i < 30_000; i++) {
    const picked = balancer.pick(FIRST) as Endpoint
    picked.active += 1
    inFlight.push(picked)
    if (inFlight.length <= 120) continue
    const [gone] = inFlight.splice(Math.floor(random.next() * inFlight.length), 1) as [Endpoint]
    gone.active -= 1
  }
  near(
    t,
    set.endpoints.map((one) => one.active / 120),
    [3 / 6, 1 / 6, 2 / 6],
    0.06,
  )
})

t.test('the alias table draws by weight', async (t) => {
  const random = new SeededRandom(7919)
  for (const weights of [[1], [1, 1], [9, 1], [1, 2, 3, 4, 90], [7, 0.5, 0.25, 7]]) {
    const table = new AliasTable(weights)
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const counts = weights.map(() => 0)
    for (let i = 0; i < 60_000; i++) {
      const index = table.draw(random.next())
      counts[index] = (counts[index] as number) + 1
    }
    near(
      t,
      counts.map((count) => count / 60_000),
      weights.map((weight) => weight / total),
      0.01,
    )
    if (weights.length === 1) continue
    const { value, limit } = chiSquare(counts, weights)
    t.ok(value < limit, `${value} < ${limit}`)
  }
})
