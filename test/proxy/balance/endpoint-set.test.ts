import t from 'tap'
import type { Balancer } from '../../../proxy/balance/balancer.ts'
import { createBalancer } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet, type EndpointSetOptions } from '../../../proxy/balance/endpoint-set.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { after, endpoint, endpoints, FIRST } from './endpoints.ts'

function seen(balancer: Balancer, picks = 300): number[] {
  const indexes = new Set<number>()
  for (let i = 0; i < picks; i++) {
    const picked = balancer.pick(FIRST)
    if (picked !== null) indexes.add(picked.index)
  }
  return [...indexes].sort((a, b) => a - b)
}

function setUp(count: number, options: EndpointSetOptions = {}): { set: EndpointSet; balancer: Balancer } {
  const set = new EndpointSet(endpoints(count), options)
  return { set, balancer: createBalancer({ policy: 'round-robin' }, set, new SeededRandom(3)) }
}

function down(set: EndpointSet, ...indexes: number[]): void {
  for (const index of indexes) set.setHealth(set.endpoints[index] as Endpoint, 'unhealthy', 'test')
}

function tierShares(set: EndpointSet): number[] {
  return set.tiers.map((tier) => Math.round(tier.load * 1000) / 1000)
}

t.test('endpoints without a result are used, unhealthy ones are not', async (t) => {
  const { set, balancer } = setUp(3)
  set.setHealth(set.endpoints[0] as Endpoint, 'healthy', 'test')
  down(set, 1)
  t.same(seen(balancer), [0, 2])
  t.same(set.counts(), {
    total: 3,
    usable: 2,
    healthy: 1,
    unhealthy: 1,
    unknown: 1,
    degraded: 0,
    ejected: 0,
    shut: 0,
    panic: false,
  })
})

t.test('panic: under half usable, all are used', async (t) => {
  const { set, balancer } = setUp(4)
  down(set, 0, 1)
  t.equal(set.panic, false, 'half is enough')
  t.same(seen(balancer), [2, 3])
  down(set, 2)
  t.equal(set.panic, true)
  t.same(seen(balancer), [0, 1, 2, 3])
  down(set, 3)
  t.same(seen(balancer), [0, 1, 2, 3])
  for (const one of set.endpoints.slice(0, 2)) set.setHealth(one, 'healthy', 'test')
  t.equal(set.panic, false)
  t.same(seen(balancer), [0, 1])
})

t.test('panic can be set, and switched off', async (t) => {
  const early = setUp(4, { panicBelow: 0.8 })
  down(early.set, 0, 1)
  t.same(seen(early.balancer), [0, 1, 2, 3])
  const never = setUp(4, { panicBelow: 0 })
  down(never.set, 0, 1, 2)
  t.same(seen(never.balancer), [3])
  down(never.set, 3)
  t.same(seen(never.balancer), [])
  t.equal(never.balancer.pick(FIRST), null)
  t.throws(() => new EndpointSet([], { panicBelow: 50 }), /panicBelow 50 is not a share from 0 to 1/)
})

t.test('the list of candidates is made again only after a change', async (t) => {
  const { set } = setUp(3)
  const tier = set.tiers[0]
  const candidates = tier?.candidates()
  const { version } = set
  t.equal(tier?.candidates(), candidates)
  set.setHealth(set.endpoints[0] as Endpoint, 'healthy', 'test')
  t.equal(set.version, version, 'unknown to healthy changes nothing for the picks')
  t.equal(tier?.candidates(), candidates)
  down(set, 0)
  t.ok(set.version > version)
  t.not(tier?.candidates(), candidates)
})

t.test('changes are told once, with their reason', async (t) => {
  const told: string[] = []
  const { set } = setUp(3, { onChange: (one, change, why) => told.push(`${one.index} ${change}: ${why}`) })
  const [a, b] = set.endpoints as [Endpoint, Endpoint]
  set.setHealth(a, 'healthy', 'status 200')
  set.setHealth(a, 'healthy', 'status 200')
  set.setHealth(a, 'unhealthy', 'status 500')
  set.eject(b, 5000, '5 requests failed')
  set.eject(b, 9000, '6 requests failed')
  set.restore(b, 4000, 'over')
  set.restore(b, 4000, 'over')
  t.same(told, [
    '0 healthy: status 200',
    '0 unhealthy: status 500',
    '1 ejected: 5 requests failed',
    '1 returned: over',
  ])
})

t.test('an endpoint is usable again only when nothing is against it', async (t) => {
  const { set } = setUp(4)
  const [a] = set.endpoints as [Endpoint]
  set.eject(a, 1, 'test')
  set.setHealth(a, 'unhealthy', 'test')
  set.restore(a, 0, 'test')
  t.equal(a.usable, false)
  set.setHealth(a, 'healthy', 'test')
  t.equal(a.usable, true)
  t.equal(set.counts().usable, 4)
})

t.test('an update keeps what stays, with its state', async (t) => {
  const { set, balancer } = setUp(4)
  const [a, b, c, d] = set.endpoints as [Endpoint, Endpoint, Endpoint, Endpoint]
  b.active = 7
  set.setHealth(b, 'unhealthy', 'test')
  set.eject(c, 1, 'test')
  const { added, removed } = set.update([endpoint(8), endpoint(1), endpoint(3)])
  t.same(removed, [a, c])
  t.equal(added.length, 1)
  t.same(set.endpoints, [added[0], b, d])
  t.equal(set.endpoints[1], b)
  t.equal(b.active, 7)
  t.equal(added[0]?.index, 0, 'the slot of a removed endpoint is used again')
  t.match(a, { removed: true, usable: false })
  t.match(set.counts(), { total: 3, usable: 2, unhealthy: 1, ejected: 0 })
  t.same(seen(balancer), [0, 3])
  set.setHealth(a, 'healthy', 'late result')
  set.restore(c, 0, 'late')
  t.match(set.counts(), { total: 3, usable: 2, healthy: 0 })
})

t.test('an update that changes nothing moves no tier', async (t) => {
  const { set } = setUp(3)
  const version = set.tiers[0]?.version
  set.update(endpoints(3))
  t.equal(set.tiers[0]?.version, version)
  set.update([endpoint(0, 5), endpoint(1), endpoint(2)])
  t.equal(set.endpoints[0]?.weight, 5)
  t.not(set.tiers[0]?.version, version)
})

t.test('what cannot be an endpoint is refused, and nothing changes', async (t) => {
  const { set } = setUp(2)
  t.throws(() => set.update([endpoint(5), endpoint(5)]), /endpoint 127.0.0.5:80 is given twice/)
  t.throws(() => set.update([endpoint(1, 0)]), /weight 0 is not an integer from 1 to 65535/)
  t.throws(() => set.update([endpoint(7, 1.5)]), /weight 1.5/)
  t.throws(() => set.update([endpoint(7, 1, -1)]), /priority -1 is not an integer of 0 or more/)
  t.equal(set.endpoints.length, 2)
  t.equal(set.usable, 2)
})

t.test('priorities: the first keeps everything down to 71.4 %, then the next gets the rest', async (t) => {
  const list = [...Array.from({ length: 10 }, (_, i) => endpoint(i)), endpoint(20, 1, 1), endpoint(21, 1, 1)]
  const set = new EndpointSet(list)
  t.same(tierShares(set), [1, 0])
  down(set, 0, 1)
  t.same(tierShares(set), [1, 0], '80 % usable')
  down(set, 2, 3, 4)
  t.same(tierShares(set), [0.7, 0.3], '50 % usable')
  down(set, 5, 6)
  t.same(tierShares(set), [0.42, 0.58], '30 % usable')
  t.equal(set.panic, false, 'the second can carry the rest')
  const balancer = createBalancer({ policy: 'random' }, set, new SeededRandom(9))
  let second = 0
  for (let i = 0; i < 20_000; i++) second += balancer.pick(FIRST)?.priority ?? 0
  t.ok(Math.abs(second / 20_000 - 0.58) < 0.02)
  down(set, 7, 8, 9)
  t.same(tierShares(set), [0, 1])
  t.same(seen(balancer), [10, 11])
  down(set, 10, 11)
  t.same(tierShares(set), [1, 0], 'nothing left: the first panics')
  t.same(seen(balancer), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

t.test('priorities: a retry goes on to the next tier when the first is used up', async (t) => {
  const set = new EndpointSet([endpoint(0), endpoint(1, 1, 5)])
  const [first, second] = set.endpoints as [Endpoint, Endpoint]
  const balancer = createBalancer({ policy: 'least-request' }, set, new SeededRandom(2))
  t.equal(balancer.pick(FIRST), first)
  t.equal(balancer.pick(after(first)), second)
  t.equal(balancer.pick(after(first, second)), null)
})

t.test('priorities come and go with updates', async (t) => {
  const set = new EndpointSet([endpoint(0, 1, 1)])
  const balancer = createBalancer({ policy: 'round-robin' }, set, new SeededRandom(2))
  t.equal(balancer.pick(FIRST)?.priority, 1)
  set.update([endpoint(0, 1, 1), endpoint(1, 1, 0)])
  t.equal(balancer.pick(FIRST)?.priority, 0)
  set.update([endpoint(0, 1, 1)])
  t.equal(balancer.pick(FIRST)?.priority, 1)
})

/** How many of `picks` go to each endpoint. */
function spread(balancer: Balancer, count: number, picks = 10_000): number[] {
  const seen = new Array<number>(count).fill(0)
  for (let i = 0; i < picks; i++) {
    const index = (balancer.pick(FIRST) as Endpoint).index
    seen[index] = (seen[index] as number) + 1
  }
  return seen.map((times) => Math.round((100 * times) / picks))
}

t.test('degraded endpoints are used only for what the others cannot carry', async (t) => {
  const { set, balancer } = setUp(5, { panicBelow: 0 })
  const degrade = (index: number): void => set.setDegraded(set.endpoints[index] as Endpoint, true, 'test')
  degrade(0)
  t.same(spread(balancer, 5), [0, 25, 25, 25, 25], 'four of five carry everything')
  degrade(1)
  t.same(set.counts(), {
    total: 5,
    usable: 5,
    healthy: 0,
    unhealthy: 0,
    unknown: 5,
    degraded: 2,
    ejected: 0,
    shut: 0,
    panic: false,
  })
  const shares = spread(balancer, 5)
  t.ok(
    shares.slice(0, 2).every((share) => share >= 6 && share <= 10),
    `${shares}: three of five carry 84 %`,
  )
  down(set, 2, 3, 4)
  t.same(seen(balancer), [0, 1], 'when no other is left they carry everything')
  t.equal(set.panic, false)
  set.setDegraded(set.endpoints[1] as Endpoint, false, 'test')
  t.equal(set.endpoints[1]?.degraded, false)
  t.same(
    set.tiers.map(({ usable }) => usable),
    [1, 1],
  )
})

t.test('degraded endpoints of all priorities come behind those that are well', async (t) => {
  const set = new EndpointSet([endpoint(0, 1, 0), endpoint(1, 1, 1), endpoint(2, 1, 2)], { panicBelow: 0 })
  const balancer = createBalancer({ policy: 'round-robin' }, set, new SeededRandom(2))
  const [first, second, third] = set.endpoints as [Endpoint, Endpoint, Endpoint]
  set.setDegraded(second, true, 'test')
  set.setDegraded(first, true, 'test')
  t.same(
    set.tiers.map((tier) => [tier.members[0]?.priority, tier.degraded]),
    [
      [0, false],
      [1, false],
      [2, false],
      [0, true],
      [1, true],
    ],
  )
  t.equal(balancer.pick(FIRST), third)
  set.setHealth(third, 'unhealthy', 'test')
  t.equal(balancer.pick(FIRST), first)
  set.setHealth(first, 'unhealthy', 'test')
  t.equal(balancer.pick(FIRST), second)
})

t.test('degraded tiers follow the members, and go when no member is degraded', async (t) => {
  const { set, balancer } = setUp(3)
  const [first] = set.endpoints as [Endpoint]
  set.setDegraded(first, true, 'test')
  t.equal(set.tiers.length, 2)
  set.update(endpoints(4))
  t.same(
    set.tiers.map(({ usable }) => usable),
    [3, 1],
  )
  t.equal(first.degraded, true)
  set.update(endpoints(4).slice(1))
  t.same(
    set.tiers.map(({ usable }) => usable),
    [3],
  )
  t.same(
    seen(balancer),
    [0, 1, 2, 3].filter((slot) => set.endpoints.some(({ index }) => index === slot)),
  )
  set.setDegraded(first, false, 'removed, and ignored')
})

t.test('what is degraded and out counts once, however it comes and goes', async (t) => {
  const random = new SeededRandom(99)
  let { set } = setUp(6)
  for (let i = 0; i < 3000; i++) {
    if (i % 50 === 0) set = setUp(6).set
    const one = set.endpoints[Math.floor(random.next() * 6)] as Endpoint
    const drawn = random.next()
    if (drawn < 0.25) set.setDegraded(one, random.next() < 0.5, 'test')
    else if (drawn < 0.5) set.setHealth(one, random.next() < 0.5 ? 'unhealthy' : 'healthy', 'test')
    else if (drawn < 0.65) set.eject(one, 0, 'test')
    else if (drawn < 0.75) set.restore(one, 0, 'test')
    else if (drawn < 0.9) set.shutOut(one, 'test')
    else set.reopen(one, 'test')
    const usable = set.endpoints.filter((e) => e.health !== 'unhealthy' && !e.ejected && !e.shut)
    t.equal(set.usable, usable.length)
    const tiers = set.tiers.map((tier) => tier.usable)
    const degraded = usable.filter((e) => e.degraded).length
    if (tiers.length === 1) t.same(tiers, [usable.length])
    else t.same(tiers, [usable.length - degraded, degraded])
    const { unhealthy, ejected, shut } = set.counts()
    t.same([set.unhealthy, set.ejected, set.shut], [unhealthy, ejected, shut])
  }
})

t.test('why none is usable, by what there is', async (t) => {
  const { set } = setUp(4)
  t.equal(set.whyNone(), '4 endpoints')
  down(set, 0, 1)
  set.eject(set.endpoints[2] as Endpoint, 0, 'test')
  set.shutOut(set.endpoints[3] as Endpoint, 'test')
  t.equal(
    set.whyNone(),
    'of 4 endpoints 2 unhealthy by the checks, 1 ejected for failed requests, 1 shut by the breaker until a trial succeeds',
  )
  set.reopen(set.endpoints[3] as Endpoint, 'test')
  t.equal(set.whyNone(), 'of 4 endpoints 2 unhealthy by the checks, 1 ejected for failed requests')
})

t.test('panic counts degraded endpoints among those that serve', async (t) => {
  const { set } = setUp(4)
  set.setDegraded(set.endpoints[0] as Endpoint, true, 'test')
  set.setDegraded(set.endpoints[1] as Endpoint, true, 'test')
  down(set, 2, 3)
  t.equal(set.panic, false, 'half is enough')
  down(set, 1)
  t.equal(set.panic, true)
})
