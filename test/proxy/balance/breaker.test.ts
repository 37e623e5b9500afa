import t from 'tap'
import { Breaker, type BreakerOptions } from '../../../proxy/balance/breaker.ts'
import { createBalancer } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { FAILED, OVERLOADED, SUCCEEDED } from '../../../proxy/balance/outcome.ts'
import { TrialBalancer } from '../../../proxy/balance/trial-balancer.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { after, endpoints, FIRST } from './endpoints.ts'
import { VirtualTime } from './virtual-time.ts'

const DEFAULTS: BreakerOptions = { failures: 7, backOff: { from: 1000, to: 60_000, jitter: 0 } }

function setUp(count: number, backOff: Partial<BreakerOptions['backOff']> = {}) {
  const time = new VirtualTime()
  const told: string[] = []
  const set = new EndpointSet(endpoints(count), {
    panicBelow: 0,
    onChange: (one, change, why) => told.push(`${one.index} ${change}: ${why}`),
  })
  const options = { ...DEFAULTS, backOff: { ...DEFAULTS.backOff, ...backOff } }
  const random = new SeededRandom(3)
  const breaker = new Breaker(set, options, time.wheel, random)
  const balancer = new TrialBalancer(createBalancer({ policy: 'round-robin' }, set, random), breaker)
  const fail = (one: Endpoint, times = 7): void => {
    for (let i = 0; i < times; i++) breaker.attemptEnded(one, FAILED)
  }
  return { time, set, breaker, balancer, fail, told }
}

t.test('failures in a row shut; one less does not, nor with a success between', async (t) => {
  const { set, breaker, fail, told } = setUp(3)
  const [first] = set.endpoints as [Endpoint]
  fail(first, 6)
  t.equal(first.usable, true)
  breaker.attemptEnded(first, SUCCEEDED)
  fail(first, 6)
  breaker.attemptEnded(first, OVERLOADED)
  fail(first, 6)
  t.equal(first.usable, true)
  fail(first, 1)
  t.equal(first.usable, false)
  t.same(told, ['0 shut: 7 requests in a row failed; one will try it in 1.0 s'])
  t.match(set.counts(), { usable: 2, shut: 1 })
  fail(first, 20)
  breaker.attemptEnded(first, SUCCEEDED)
  t.equal(first.shut, true, 'results from before it was shut change nothing')
})

t.test('a single request tries it; the others go on elsewhere', async (t) => {
  const { time, set, breaker, balancer, fail, told } = setUp(3)
  const [first] = set.endpoints as [Endpoint]
  fail(first)
  const picks = (): number[] => Array.from({ length: 6 }, () => balancer.pick(FIRST)?.index ?? -1).sort()
  time.pass(990)
  t.same(picks(), [1, 1, 1, 2, 2, 2])
  time.pass(30)
  t.equal(balancer.pick(after(set.endpoints[1] as Endpoint))?.index, 2, 'no request that failed already')
  t.equal(balancer.pick(FIRST), first)
  t.equal(balancer.pick(FIRST), first, 'it stays on offer until an attempt begins')
  t.equal(breaker.take(first), true)
  t.equal(breaker.take(first), false)
  t.same(picks(), [1, 1, 1, 2, 2, 2])
  time.pass(100_000)
  t.same(picks(), [1, 1, 1, 2, 2, 2], 'however long it takes')
  breaker.judge(first, SUCCEEDED)
  t.same(picks(), [0, 0, 1, 1, 2, 2])
  t.equal(told.at(-1), '0 opened: a request succeeded')
  t.match(breaker, { timesShut: 1, timesOpened: 1, trialsFailed: 0 })
  t.equal(time.wheel.armed, 0)
})

t.test('each trial that fails doubles the wait, up to the longest', async (t) => {
  const { time, set, breaker, fail } = setUp(2)
  const [first] = set.endpoints as [Endpoint]
  fail(first)
  const waits: number[] = []
  for (let i = 0; i < 8; i++) {
    const from = time.now()
    while (!breaker.offers) time.pass(10)
    waits.push(Math.round((time.now() - from) / 1000))
    t.equal(breaker.take(first), true)
    breaker.judge(first, FAILED)
  }
  t.same(waits, [1, 2, 4, 8, 16, 32, 60, 60])
  t.equal(breaker.trialsFailed, 8)
  while (!breaker.offers) time.pass(10)
  breaker.take(first)
  breaker.judge(first, SUCCEEDED)
  fail(first)
  time.pass(1020)
  t.equal(breaker.offers, true, 'after a success it begins anew')
})

t.test('jitter makes waits longer by up to its share', async (t) => {
  const { time, set, breaker, fail } = setUp(200, { jitter: 0.5 })
  for (const one of set.endpoints) fail(one)
  const due: number[] = []
  const from = time.now()
  for (let i = 0; i < 200; i++) {
    time.pass(10)
    for (let one = breaker.offered(1, null); one !== null; one = breaker.offered(1, null)) {
      breaker.take(one)
      due.push(time.now() - from)
    }
  }
  t.equal(due.length, 200)
  t.ok(
    Math.min(...due) >= 1000 &&
      Math.min(...due) < 1100 &&
      Math.max(...due) > 1400 &&
      Math.max(...due) <= 1520,
  )
})

t.test('a trial without a result makes the next request one', async (t) => {
  const { time, set, breaker, balancer, fail } = setUp(2)
  const [first] = set.endpoints as [Endpoint]
  fail(first)
  time.pass(1020)
  breaker.take(first)
  breaker.giveBack(first)
  t.equal(balancer.pick(FIRST), first)
  t.equal(breaker.take(first), true)
})

t.test('a response that has begun opens it; the next failure shuts it again, for longer', async (t) => {
  const { time, set, breaker, fail, told } = setUp(2)
  const [first] = set.endpoints as [Endpoint]
  fail(first)
  time.pass(1020)
  breaker.take(first)
  breaker.judge(first, SUCCEEDED, true)
  t.equal(first.usable, true)
  fail(first, 1)
  t.equal(told.at(-1), '0 shut: 7 requests in a row failed; one will try it in 2.0 s')
  time.pass(2020)
  breaker.take(first)
  breaker.judge(first, SUCCEEDED, true)
  breaker.attemptEnded(first, SUCCEEDED)
  fail(first, 6)
  t.equal(first.usable, true, 'once it has ended well, all is forgotten')
})

t.test('all may be shut: then only trials are let through', async (t) => {
  const { time, set, breaker, balancer, fail } = setUp(2)
  for (const one of set.endpoints) fail(one)
  t.equal(balancer.pick(FIRST), null)
  t.equal(set.whyNone(), 'of 2 endpoints 2 shut by the breaker until a trial succeeds')
  time.pass(1020)
  const first = balancer.pick(FIRST) as Endpoint
  breaker.take(first)
  const second = balancer.pick(after(first)) as Endpoint
  t.not(second, first, 'a request that failed too, when nothing else is left')
  breaker.take(second)
  t.equal(balancer.pick(FIRST), null)
  breaker.judge(second, SUCCEEDED)
  t.equal(balancer.pick(FIRST), second)
})

t.test('no trial for what is unhealthy or ejected, until it no longer is', async (t) => {
  const { time, set, balancer, fail } = setUp(3)
  const [first, second] = set.endpoints as [Endpoint, Endpoint]
  fail(first)
  fail(second)
  set.setHealth(first, 'unhealthy', 'test')
  set.eject(second, 0, 'test')
  time.pass(1020)
  for (let i = 0; i < 6; i++) t.equal(balancer.pick(FIRST)?.index, 2)
  set.restore(second, time.now(), 'test')
  t.ok([balancer.pick(FIRST), balancer.pick(FIRST)].includes(second), 'one that is unfit does not block it')
  set.setHealth(first, 'healthy', 'test')
  t.equal(first.usable, false, 'a check alone does not open it')
})

t.test('removed endpoints are forgotten, and nothing stays armed after stop', async (t) => {
  const { time, set, breaker, balancer, fail } = setUp(4)
  const [first, second, third] = set.endpoints as [Endpoint, Endpoint, Endpoint]
  fail(first)
  fail(second)
  time.pass(1020)
  breaker.take(second)
  fail(third)
  set.update(endpoints(4).slice(2))
  t.equal(set.shut, 1)
  t.equal(balancer.pick(FIRST)?.index, 3)
  breaker.giveBack(second)
  t.equal(balancer.pick(FIRST)?.index, 3)
  breaker.stop()
  t.equal(time.wheel.armed, 0)
})

t.test('with 10,000 shut endpoints a pick looks at one of them', async (t) => {
  const { time, set, breaker, balancer, fail } = setUp(10_000)
  const [, ...others] = set.endpoints as [Endpoint, ...Endpoint[]]
  for (const one of others) {
    fail(one)
    set.setHealth(one, 'unhealthy', 'test')
  }
  time.pass(1020)
  t.equal(breaker.offers, true)
  let looked = 0
  for (const one of others) {
    Object.defineProperty(one, 'health', {
      get: () => {
        looked += 1
        return 'unhealthy'
      },
    })
  }
  t.equal(balancer.pick(FIRST)?.index, 0)
  t.ok(looked <= 2, `${looked} looks`)
})
