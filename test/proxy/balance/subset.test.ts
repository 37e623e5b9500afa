import t from 'tap'
import type { BalancePolicy } from '../../../config/types/upstream.ts'
import type { Balancer } from '../../../proxy/balance/balancer.ts'
import { createBalancer } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint, EndpointOptions } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import type { Labels } from '../../../proxy/balance/labels.ts'
import { EndpointSubset, FallbackBalancer } from '../../../proxy/balance/subset.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { after, endpoint, FIRST } from './endpoints.ts'

const labelled = (number: number, labels: Labels, priority = 0): EndpointOptions => ({
  ...endpoint(number, 1, priority),
  labels,
})

/** Three of v1, two of v2; one of each is in the east. */
const LIST = [
  labelled(0, { version: 'v1', region: 'east' }),
  labelled(1, { version: 'v1' }),
  labelled(2, { version: 'v1' }),
  labelled(3, { version: 'v2', region: 'east' }),
  labelled(4, { version: 'v2' }),
]

function subsetOf(set: EndpointSet, labels: Labels, policy: BalancePolicy = 'round-robin', options = {}) {
  return createBalancer({ policy, ...options }, new EndpointSubset(set, labels), new SeededRandom(3))
}

function seen(balancer: Balancer): number[] {
  const indexes = new Set<number>()
  for (let i = 0; i < 400; i++) indexes.add(balancer.pick({ ...FIRST, hash: i * 10_000_000 })?.index ?? -1)
  return [...indexes].sort((a, b) => a - b)
}

t.test('only endpoints with all labels', async (t) => {
  const set = new EndpointSet(LIST)
  for (const policy of ['weighted', 'random', 'least-request', 'ewma', 'ring-hash', 'maglev'] as const) {
    t.same(seen(subsetOf(set, { version: 'v2' }, policy)), [3, 4], policy)
    t.same(seen(subsetOf(set, { version: 'v1', region: 'east' }, policy)), [0])
    t.same(seen(subsetOf(set, { version: 'v3' }, policy)), [-1])
  }
})

t.test('changes of the set are followed', async (t) => {
  const set = new EndpointSet(LIST, { panicBelow: 0 })
  const balancer = subsetOf(set, { version: 'v2' })
  t.same(seen(balancer), [3, 4])
  set.setHealth(set.endpoints[3] as Endpoint, 'unhealthy', 'test')
  t.same(seen(balancer), [4])
  set.update([...LIST.slice(0, 4), labelled(4, { version: 'v1' }), labelled(5, { version: 'v2' })])
  t.same(seen(balancer), [5], 'labels change, endpoints join')
  set.update([endpoint(4)])
  t.same(seen(balancer), [-1])
  set.update(LIST)
  t.same(seen(balancer).length, 2)
})

t.test('a change elsewhere leaves a subset as it is', async (t) => {
  const set = new EndpointSet(LIST)
  const subset = new EndpointSubset(set, { version: 'v2' })
  const [tier] = subset.tiers
  const version = tier?.version
  const structure = subset.structure
  set.setHealth(set.endpoints[0] as Endpoint, 'unhealthy', 'test')
  set.update(LIST.map((one, i) => (i === 1 ? { ...one, weight: 9 } : one)))
  t.equal(subset.tiers[0], tier)
  t.equal(tier?.version, version)
  t.equal(subset.structure, structure)
  set.update(LIST.map((one, i) => (i === 3 ? { ...one, weight: 9 } : one)))
  t.equal(subset.tiers[0], tier)
  t.not(tier?.version, version, 'a weight in it does not')
})

t.test('priorities and panic are those of the subset', async (t) => {
  const list = [
    ...LIST,
    labelled(5, { version: 'v2' }, 1),
    labelled(6, { version: 'v2' }, 1),
    labelled(7, { version: 'v1' }, 1),
  ]
  const set = new EndpointSet(list, { panicBelow: 0.5 })
  const balancer = subsetOf(set, { version: 'v2' }, 'random')
  t.same(seen(balancer), [3, 4])
  set.setHealth(set.endpoints[3] as Endpoint, 'unhealthy', 'test')
  t.same(seen(balancer), [4, 5, 6], '50 % usable: 30 % spill')
  for (const one of set.endpoints.slice(4)) set.setHealth(one, 'unhealthy', 'test')
  t.same(seen(balancer), [3, 4], 'nothing left: its first priority panics')
  t.same(seen(subsetOf(set, { version: 'v1' }, 'random')), [0, 1, 2])
})

t.test('the fallback is used when nobody of the subset is left', async (t) => {
  const set = new EndpointSet(LIST, { panicBelow: 0 })
  const whole = createBalancer({ policy: 'round-robin' }, set, new SeededRandom(3))
  const balancer = new FallbackBalancer(subsetOf(set, { version: 'v2' }), whole)
  t.same(seen(balancer), [3, 4])
  const [a, , , d, e] = set.endpoints as [Endpoint, Endpoint, Endpoint, Endpoint, Endpoint]
  t.equal(balancer.pick(after(d)), e)
  t.ok((balancer.pick(after(d, e)) as Endpoint).index < 3, 'a retry, too')
  set.setHealth(d, 'unhealthy', 'test')
  set.eject(e, 0, 'test')
  t.same(seen(balancer), [0, 1, 2])
  t.equal(balancer.pick(after(...set.endpoints)), null)
  t.ok(a.usable)
})

t.test('a bound counts what is in flight to the subset', async (t) => {
  const set = new EndpointSet(LIST)
  const balancer = subsetOf(set, { version: 'v1' }, 'maglev', { boundedLoad: 1.25 })
  ;(set.endpoints[3] as Endpoint).active = 1000
  for (let i = 0; i < 30; i++) (balancer.pick({ ...FIRST, hash: 42 }) as Endpoint).active += 1
  t.same(
    set.endpoints
      .slice(0, 3)
      .map(({ active }) => active)
      .sort((a, b) => a - b),
    [4, 13, 13],
  )
  set.update(LIST.map((one) => ({ ...one, labels: { version: 'v2' } })))
  t.equal(balancer.pick(FIRST), null)
  t.ok(set.endpoints.every(({ counters }) => counters.length === 0))
})
