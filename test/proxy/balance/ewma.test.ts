import t from 'tap'
import type { Balancer } from '../../../proxy/balance/balancer.ts'
import { createBalancer } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint, EndpointOptions } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { type EwmaOptions, LatencyObserver } from '../../../proxy/balance/ewma.ts'
import { FAILED, type Outcome, OVERLOADED, SUCCEEDED } from '../../../proxy/balance/outcome.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { after, endpoint, endpoints, FIRST, weighted } from './endpoints.ts'
import { VirtualTime } from './virtual-time.ts'

interface Bench {
  readonly time: VirtualTime
  readonly set: EndpointSet
  readonly balancer: Balancer
  readonly observer: LatencyObserver
}

function setUp(list: readonly EndpointOptions[], options: EwmaOptions = {}): Bench {
  const time = new VirtualTime()
  const set = new EndpointSet(list)
  const balancer = createBalancer({ policy: 'ewma', ...options }, set, new SeededRandom(4), time)
  return { time, set, balancer, observer: new LatencyObserver(time, options) }
}

/** How an endpoint answers: in how many milliseconds, and how. */
type Answer = (endpoint: Endpoint) => readonly [ms: number, outcome: Outcome]

/** Requests at a steady rate, one each `gap` milliseconds; returns how many each endpoint got. */
function drive({ time, set, balancer, observer }: Bench, requests: number, gap: number, answer: Answer) {
  const counts = set.endpoints.map(() => 0)
  const underWay: { endpoint: Endpoint; end: number; ms: number; outcome: Outcome }[] = []
  for (let i = 0; i < requests; i++) {
    time.skip(gap)
    for (let j = underWay.length - 1; j >= 0; j--) {
      const one = underWay[j] as (typeof underWay)[number]
      if (one.end > time.now()) continue
      underWay.splice(j, 1)
      one.endpoint.active -= 1
      observer.attemptEnded(one.endpoint, one.outcome, one.ms, 0)
    }
    const picked = balancer.pick(FIRST) as Endpoint
    picked.active += 1
    counts[picked.index] = (counts[picked.index] as number) + 1
    const [ms, outcome] = answer(picked)
    underWay.push({ endpoint: picked, end: time.now() + ms, ms, outcome })
  }
  for (const { endpoint } of underWay) endpoint.active -= 1
  return counts
}

t.test('the mean is the one of the definition, a slower answer replaces it', async (t) => {
  const { time, set, observer } = setUp(endpoints(1))
  const [one] = set.endpoints as [Endpoint]
  const random = new SeededRandom(8)
  // Written out as the weighted sum of all samples since the last that replaced it.
  let samples: { ms: number; at: number; kept: number }[] = []
  const naive = () =>
    samples.reduce((sum, { ms, at, kept }) => sum + ms * kept * Math.exp(-(time.now() - at) / 10_000), 0)
  for (let i = 0; i < 2000; i++) {
    const gap = random.next() * 3000
    time.skip(gap)
    const ms = 1 + random.next() ** 8 * 400
    if (samples.length === 0 || ms > naive()) samples = [{ ms, at: time.now(), kept: 1 }]
    else samples.push({ ms, at: time.now(), kept: 1 - Math.exp(-(time.now() - one.latencyAt) / 10_000) })
    observer.attemptEnded(one, SUCCEEDED, ms, 0)
    if (Math.abs(one.latency - naive()) > 1e-9 * naive())
      t.fail(`sample ${i}: ${one.latency}, not ${naive()}`)
  }
})

t.test('failures and overload count as slow answers, slower when the endpoint asks for it', async (t) => {
  const { set, observer } = setUp(endpoints(1))
  const [one] = set.endpoints as [Endpoint]
  const after = (outcome: Outcome, ms: number, backOffMs: number) => {
    one.latency = 1
    observer.attemptEnded(one, outcome, ms, backOffMs)
    return one.latency
  }
  t.equal(after(FAILED, 2, 0), 5000)
  t.equal(after(OVERLOADED, 2, 0), 5000)
  t.equal(after(FAILED, 15_000, 0), 15_000)
  t.equal(after(OVERLOADED, 2, 30_000), 30_000)
  t.equal(after(OVERLOADED, 2, 3_600_000), 300_000, 'at most five minutes')
  t.equal(after(SUCCEEDED, 2, 30_000), 2, 'a success is as long as it took')
  t.equal(after(SUCCEEDED, 0, 0), 1, 'what was never sent says nothing')
  const mild = new LatencyObserver(new VirtualTime(), { penalty: 0 })
  one.latency = 1
  mild.attemptEnded(one, FAILED, 2, 0)
  t.equal(one.latency, 2, 'without penalty a failure is as long as it took')
})

t.test('fast endpoints are preferred', async (t) => {
  const bench = setUp(endpoints(4))
  const counts = drive(bench, 20_000, 5, ({ index }) => [index === 0 ? 100 : 10, SUCCEEDED])
  const [slow, ...fast] = counts as [number, number, number, number]
  t.ok(slow < 0.1 * Math.min(...fast), counts.join())
  t.ok(slow > 0, 'and the slow one is asked now and then')
})

t.test('an endpoint that slows down is left at once, and found again when it is well', async (t) => {
  const bench = setUp(endpoints(3))
  drive(bench, 6000, 5, () => [10, SUCCEEDED])
  const ill = drive(bench, 2000, 5, ({ index }) => [index === 1 ? 1000 : 10, SUCCEEDED])
  t.ok((ill[1] as number) < 60, ill.join())
  drive(bench, 20_000, 5, () => [10, SUCCEEDED])
  const well = drive(bench, 6000, 5, () => [10, SUCCEEDED])
  t.ok((well[1] as number) > 600, well.join())
})

t.test('an endpoint that fails fast does not attract the requests', async (t) => {
  const failing: Answer = ({ index }) => (index === 0 ? [1, FAILED] : [20, SUCCEEDED])
  const counts = drive(setUp(endpoints(4)), 20_000, 5, failing)
  t.ok((counts[0] as number) < 0.01 * 20_000, counts.join())
  const without = drive(setUp(endpoints(4), { penalty: 0 }), 20_000, 5, failing)
  t.ok((without[0] as number) > 0.4 * 20_000, `without penalty it does: ${without.join()}`)
})

t.test('when all fail alike, all are used', async (t) => {
  const counts = drive(setUp(endpoints(4)), 8000, 5, () => [1, FAILED])
  t.ok(Math.min(...counts) > 1000, counts.join())
})

t.test('with the same latency requests in flight decide: they spread by weight', async (t) => {
  for (const weights of [
    [1, 1, 1, 1],
    [4, 2, 1, 1],
  ]) {
    const bench = setUp(weighted(...weights))
    const random = new SeededRandom(6)
    // Load that lasts: some 60 requests in flight.
    const counts = drive(bench, 30_000, 1, () => [40 + random.next() * 40, SUCCEEDED])
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const worst = Math.max(
      ...counts.map((count, i) => Math.abs((count * total) / 30_000 / (weights[i] as number) - 1)),
    )
    t.ok(worst < 0.25, `weights ${weights}: ${counts.join()}`)
  }
})

t.test('what is known of an endpoint outlives updates, and a new one starts at 30 ms', async (t) => {
  const { time, set, balancer, observer } = setUp(endpoints(3))
  balancer.pick(FIRST)
  const [a, b] = set.endpoints as [Endpoint, Endpoint]
  observer.attemptEnded(a, SUCCEEDED, 77, 0)
  time.skip(500)
  set.update([endpoint(1), endpoint(0, 2), endpoint(9)])
  set.setHealth(a, 'unhealthy', 'test')
  set.setHealth(a, 'healthy', 'test')
  balancer.pick(FIRST)
  t.equal(set.endpoints[1], a)
  t.equal(a.latency, 77)
  t.equal(b.latency, 30)
  t.equal(set.endpoints[2]?.latency, 30)
  t.equal(set.endpoints[2]?.latencyAt, time.now())
})

t.test('after hours of silence requests in flight still decide', async (t) => {
  const { time, set, balancer } = setUp(endpoints(2))
  balancer.pick(FIRST)
  time.skip(24 * 3_600_000)
  const [a, b] = set.endpoints as [Endpoint, Endpoint]
  a.active = 3
  b.active = 1
  for (let i = 0; i < 20; i++) t.equal(balancer.pick(FIRST), b)
  t.equal(balancer.pick(after(b)), a)
})
