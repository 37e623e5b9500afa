import t from 'tap'
import type { BalancePolicy } from '../../../config/types/upstream.ts'
import { createBalancer } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { SlowStart, type SlowStartOptions } from '../../../proxy/balance/slow-start.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { after, endpoint, endpoints, FIRST, weighted } from './endpoints.ts'
import { VirtualTime } from './virtual-time.ts'

const OPTIONS: SlowStartOptions = { window: 30_000, aggression: 1, minimum: 0.1 }

t.test('the share grows from the minimum to the whole', async (t) => {
  const time = new VirtualTime()
  const { endpoints: members } = new EndpointSet(endpoints(1))
  const [one] = members as [Endpoint]
  const shares = (options: SlowStartOptions) => {
    const slowStart = new SlowStart(options, time, new SeededRandom(1))
    one.warmingSince = time.now()
    const seen: number[] = []
    for (const ms of [0, 1500, 6000, 7500, 14_999, 1, 10]) {
      time.skip(ms)
      seen.push(Math.round(slowStart.share(one) * 100) / 100)
    }
    return seen
  }
  t.same(shares(OPTIONS), [0.1, 0.1, 0.25, 0.5, 1, 1, 1])
  t.equal(one.warmingSince, -1, 'forgotten when it is over')
  t.same(shares({ ...OPTIONS, aggression: 2 }), [0.1, 0.22, 0.5, 0.71, 1, 1, 1])
  t.same(shares({ ...OPTIONS, aggression: 0.5, minimum: 0.01 }), [0.01, 0.01, 0.06, 0.25, 1, 1, 1])
})

t.test('who was there first is warm; who joins or returns is not', async (t) => {
  const time = new VirtualTime()
  const set = new EndpointSet([], { warmUpClock: time })
  set.update(endpoints(3))
  const warming = () =>
    set.endpoints.filter(({ warmingSince }) => warmingSince >= 0).map(({ index }) => index)
  t.same(warming(), [])
  set.update(endpoints(4))
  t.same(warming(), [3])
  const [a, b] = set.endpoints as [Endpoint, Endpoint]
  set.setHealth(a, 'unhealthy', 'test')
  set.eject(b, 0, 'test')
  t.same(warming(), [3])
  set.setHealth(a, 'healthy', 'test')
  set.restore(b, 0, 'test')
  t.same(warming(), [0, 1, 3])
  const off = new EndpointSet(endpoints(1))
  off.update(endpoints(2))
  t.equal(off.endpoints[1]?.warmingSince, -1, 'nobody is marked where nobody looks')
})

const POLICIES: readonly BalancePolicy[] = ['round-robin', 'weighted', 'random', 'least-request', 'ewma']

for (const policy of POLICIES) {
  t.test(`${policy}: a newcomer gets more from step to step, and no table is made again`, async (t) => {
    const time = new VirtualTime()
    const set = new EndpointSet(endpoints(4), { warmUpClock: time })
    const balancer = createBalancer({ policy, slowStart: OPTIONS }, set, new SeededRandom(7), time)
    const share = (picks = 20_000) => {
      let newcomer = 0
      for (let i = 0; i < picks; i++) if ((balancer.pick(FIRST) as Endpoint).index === 4) newcomer += 1
      return newcomer / picks
    }
    share(10)
    set.update(endpoints(5))
    share(10)
    // To ewma all are equally fast here.
    for (const one of set.endpoints) Object.assign(one, { latency: 30, latencyAt: time.now() })
    const version = set.tiers[0]?.version
    const shares = [share()]
    for (const ms of [9000, 12_000, 9001]) {
      time.skip(ms)
      shares.push(share())
    }
    const fair = [0.1, 0.3, 0.7, 1].map((weight) => weight / (4 + weight))
    for (let i = 0; i < 4; i++) {
      const [got, due] = [shares[i] as number, fair[i] as number]
      t.ok(Math.abs(got - due) < 0.015, `${shares.join()} of ${fair.join()}`)
    }
    t.equal(set.tiers[0]?.version, version)
  })

  t.test(`${policy}: when all are newcomers, all are used`, async (t) => {
    const time = new VirtualTime()
    const set = new EndpointSet(weighted(1, 1, 2), { warmUpClock: time })
    for (const one of set.endpoints) one.warmingSince = time.now()
    const balancer = createBalancer({ policy, slowStart: OPTIONS }, set, new SeededRandom(7), time)
    const counts = [0, 0, 0]
    for (let i = 0; i < 20_000; i++) {
      const { index } = balancer.pick(FIRST) as Endpoint
      counts[index] = (counts[index] as number) + 1
    }
    for (const [i, share] of [0.25, 0.25, 0.5].entries()) {
      t.ok(Math.abs((counts[i] as number) / 20_000 - share) < 0.02, counts.join())
    }
    const [a, b, c] = set.endpoints as [Endpoint, Endpoint, Endpoint]
    t.equal(balancer.pick(after(a, b)), c, 'a retry finds who is left')
    t.equal(balancer.pick(after(a, b, c)), null)
  })
}

t.test('a newcomer alone gets everything', async (t) => {
  const time = new VirtualTime()
  for (const policy of POLICIES) {
    const set = new EndpointSet([endpoint(0)], { warmUpClock: time })
    for (const one of set.endpoints) one.warmingSince = time.now()
    const balancer = createBalancer({ policy, slowStart: OPTIONS }, set, new SeededRandom(7), time)
    for (let i = 0; i < 100; i++) t.equal(balancer.pick(FIRST), set.endpoints[0])
  }
})
