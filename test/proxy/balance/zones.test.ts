import t from 'tap'
import { createBalancer } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint, EndpointOptions } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { after, endpoint, FIRST } from './endpoints.ts'

const inZone = (number: number, zone: string | null, priority = 0): EndpointOptions => ({
  ...endpoint(number, 1, priority),
  zone,
})

/** Ten endpoints in `a`, ten in `b`, and two of a second priority, one in each. */
const LIST = [
  ...Array.from({ length: 10 }, (_, i) => inZone(i, 'a')),
  ...Array.from({ length: 10 }, (_, i) => inZone(10 + i, 'b')),
  inZone(20, 'a', 1),
  inZone(21, 'b', 1),
]

/** Share of the requests by priority and zone. */
function shares(set: EndpointSet): Record<string, number> {
  const balancer = createBalancer({ policy: 'random' }, set, new SeededRandom(12))
  const counts: Record<string, number> = {}
  for (let i = 0; i < 20_000; i++) {
    const { priority, zone } = balancer.pick(FIRST) as Endpoint
    counts[`${priority}${zone}`] = (counts[`${priority}${zone}`] ?? 0) + 1
  }
  return Object.fromEntries(Object.entries(counts).map(([key, n]) => [key, Math.round(n / 200) / 100]))
}

function down(set: EndpointSet, from: number, to: number): void {
  for (const one of set.endpoints.slice(from, to)) set.setHealth(one, 'unhealthy', 'test')
}

t.test('the own zone gets everything while it can carry it, then spills over', async (t) => {
  const set = new EndpointSet(LIST, { zone: 'b', panicBelow: 0 })
  t.same(shares(set), { '0b': 1 })
  down(set, 10, 12)
  t.same(shares(set), { '0b': 1 }, '80 % usable')
  down(set, 12, 15)
  t.same(shares(set), { '0b': 0.7, '0a': 0.3 }, '50 % usable')
  down(set, 15, 20)
  t.same(shares(set), { '0a': 1 }, 'another zone rather than another priority')
  down(set, 0, 10)
  t.same(shares(set), { '1b': 1 }, 'and there the own zone first again')
})

t.test('the spare capacity that is counted on can be set', async (t) => {
  const set = new EndpointSet(LIST, { zone: 'b', panicBelow: 0, overprovision: 1 })
  down(set, 10, 12)
  t.same(shares(set), { '0b': 0.8, '0a': 0.2 })
  t.throws(
    () => new EndpointSet(LIST, { overprovision: 0.9 }),
    /overprovision 0.9 is not a factor of 1 or more/,
  )
})

t.test('a retry goes on to another zone when the own one is used up', async (t) => {
  const set = new EndpointSet([inZone(0, 'a'), inZone(1, 'b')], { zone: 'a' })
  const [a, b] = set.endpoints as [Endpoint, Endpoint]
  const balancer = createBalancer({ policy: 'least-request' }, set, new SeededRandom(1))
  t.equal(balancer.pick(FIRST), a)
  t.equal(balancer.pick(after(a)), b)
})

t.test('without a zone of our own, or with nobody in it, zones make no difference', async (t) => {
  for (const zone of [null, 'c']) {
    const all = shares(new EndpointSet(LIST, { zone }))
    t.ok(Math.abs((all['0a'] as number) - 0.5) < 0.02)
    t.ok(Math.abs((all['0b'] as number) - 0.5) < 0.02)
  }
  const nowhere = new EndpointSet([inZone(0, null), inZone(1, null)], { zone: null })
  t.equal(nowhere.tiers.length, 1)
})

t.test('zones come and go with updates', async (t) => {
  const set = new EndpointSet([inZone(0, 'a'), inZone(1, 'b')], { zone: 'b', panicBelow: 0 })
  const balancer = createBalancer({ policy: 'ring-hash' }, set, new SeededRandom(1))
  t.equal(balancer.pick(FIRST)?.zone, 'b')
  set.update([inZone(0, 'a')])
  t.equal(balancer.pick(FIRST)?.zone, 'a')
  set.update([inZone(0, 'b'), inZone(1, 'a')])
  t.equal(balancer.pick(FIRST)?.zone, 'b')
})
