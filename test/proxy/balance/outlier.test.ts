import t from 'tap'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { FAILED, SUCCEEDED } from '../../../proxy/balance/outcome.ts'
import { OutlierDetector, type OutlierOptions } from '../../../proxy/balance/outlier.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { endpoints } from './endpoints.ts'
import { VirtualTime } from './virtual-time.ts'

const DEFAULTS: OutlierOptions = {
  consecutive: 5,
  successRate: 1.9,
  failureShare: null,
  interval: 10_000,
  minEndpoints: 5,
  minRequests: 100,
  eject: 30_000,
  jitter: 0,
  maxEjected: 0.5,
}

function setUp(count: number, options: Partial<OutlierOptions> = {}) {
  const time = new VirtualTime()
  const told: string[] = []
  const set = new EndpointSet(endpoints(count), {
    onChange: (one, change, why) => told.push(`${one.index} ${change}: ${why}`),
  })
  const random = new SeededRandom(7)
  const detector = new OutlierDetector(set, { ...DEFAULTS, ...options }, time.wheel, time, random)
  const fail = (index: number, times = 5): void => {
    for (let i = 0; i < times; i++) detector.attemptEnded(set.endpoints[index] as Endpoint, FAILED)
  }
  const ejected = (): number[] => set.endpoints.filter((one) => one.ejected).map((one) => one.index)
  return { time, set, detector, fail, ejected, told }
}

t.test('failures in a row eject; a success between them does not', async (t) => {
  const { detector, set, fail, ejected, told } = setUp(3)
  const first = set.endpoints[0] as Endpoint
  fail(0, 4)
  detector.attemptEnded(first, SUCCEEDED)
  fail(0, 4)
  t.same(ejected(), [])
  fail(0, 1)
  t.same(ejected(), [0])
  t.equal(first.usable, false)
  t.equal(first.ejections, 1)
  t.same(told, ['0 ejected: 5 requests in a row failed; out for 30 s'])
})

t.test('an ejection ends by time, and the count starts again', async (t) => {
  const { time, fail, ejected, told } = setUp(3)
  fail(0)
  time.pass(29_900)
  t.same(ejected(), [0])
  time.pass(200)
  t.same(ejected(), [])
  t.equal(told.at(-1), '0 returned: its ejection is over')
  fail(0, 4)
  t.same(ejected(), [])
  fail(0, 1)
  t.same(ejected(), [0])
  t.equal(time.wheel.armed, 1)
})

t.test('each further ejection is longer, up to 300 s', async (t) => {
  const { time, set, fail } = setUp(2)
  const first = set.endpoints[0] as Endpoint
  const lengths: number[] = []
  for (let i = 0; i < 12; i++) {
    fail(0)
    const length = first.ejectedUntil - time.now()
    lengths.push(length / 1000)
    time.pass(length + 20)
  }
  t.same(lengths, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300])
})

t.test('each interval without ejection brings the next one down by a step', async (t) => {
  const { time, set, fail, detector } = setUp(2)
  detector.start()
  const first = set.endpoints[0] as Endpoint
  for (let i = 0; i < 4; i++) {
    fail(0)
    time.pass(first.ejectedUntil - time.now() + 20)
  }
  t.equal(first.ejectionLevel, 4, 'intervals that it is out for do not count')
  time.pass(20_000)
  fail(0)
  t.equal(Math.round((first.ejectedUntil - time.now()) / 1000), 90, '4 back by 2 steps, and one more')
  time.pass(first.ejectedUntil - time.now() + 20)
  time.pass(100_000)
  fail(0)
  t.equal(Math.round((first.ejectedUntil - time.now()) / 1000), 30, 'and not below the first')
})

t.test('jitter makes ejections longer by up to its share, so that not all return at once', async (t) => {
  const { time, set, fail } = setUp(40, { jitter: 0.2 })
  const lengths: number[] = []
  for (let i = 0; i < 20; i++) {
    fail(i)
    lengths.push((set.endpoints[i] as Endpoint).ejectedUntil - time.now())
  }
  t.ok(lengths.every((length) => length >= 30_000 && length < 36_000))
  t.ok(Math.max(...lengths) - Math.min(...lengths) > 3000)
})

t.test('at most the share given is out, but one always may be', async (t) => {
  const two = setUp(2, { maxEjected: 0.1 })
  two.fail(0)
  two.fail(1)
  t.same(two.ejected(), [0])
  const five = setUp(5)
  for (const index of [4, 3, 2, 1, 0]) five.fail(index)
  t.same(five.ejected(), [3, 4], 'half of five is two')
  const all = setUp(4, { maxEjected: 1 })
  for (const index of [0, 1, 2, 3]) all.fail(index)
  t.same(all.ejected(), [0, 1, 2])
  const none = setUp(4, { maxEjected: 0 })
  none.fail(0)
  t.same(none.ejected(), [])
})

t.test('the last usable endpoint stays in', async (t) => {
  const one = setUp(1)
  one.fail(0, 20)
  t.same(one.ejected(), [])
  const three = setUp(3, { maxEjected: 1 })
  for (const other of three.set.endpoints.slice(1)) three.set.setHealth(other, 'unhealthy', 'test')
  three.fail(0, 20)
  t.same(three.ejected(), [])
})

t.test('an endpoint that checks hold unhealthy is not ejected as well', async (t) => {
  const { set, fail, ejected } = setUp(4)
  const first = set.endpoints[0] as Endpoint
  set.setHealth(first, 'unhealthy', 'test')
  fail(0, 20)
  t.same(ejected(), [])
  set.setHealth(first, 'healthy', 'test')
  fail(0, 4)
  t.same(ejected(), [], 'the failures from before do not count')
})

t.test('one that could not be ejected is, with its next failure, when there is room', async (t) => {
  const { time, fail, ejected } = setUp(2)
  fail(0)
  fail(1, 8)
  t.same(ejected(), [0])
  time.pass(30_100)
  fail(1, 1)
  t.same(ejected(), [1])
})

t.test('when an ejection ended early, its timer does not end the next one', async (t) => {
  const { time, set, fail, ejected } = setUp(3)
  fail(0)
  time.pass(20_000)
  set.restore(set.endpoints[0] as Endpoint, time.now(), 'a health check passed')
  t.same(ejected(), [])
  fail(0)
  time.pass(15_000)
  t.same(ejected(), [0])
  time.pass(46_000)
  t.same(ejected(), [])
})

t.test('nothing stays armed after stop, nor for removed endpoints', async (t) => {
  const { time, set, detector, fail } = setUp(6)
  fail(0)
  fail(1)
  set.update(endpoints(6).slice(1))
  t.equal(set.ejected, 1)
  detector.stop()
  t.equal(time.wheel.armed, 0)
})

t.test('when the others are lost too, an ejected endpoint is better than none', async (t) => {
  const { set, fail, ejected, told, time, detector } = setUp(3)
  const [, second, third] = set.endpoints as [Endpoint, Endpoint, Endpoint]
  fail(0)
  set.setHealth(second, 'unhealthy', 'test')
  detector.relent()
  t.same(ejected(), [0], 'one is left')
  set.setHealth(third, 'unhealthy', 'test')
  detector.relent()
  t.same(ejected(), [])
  t.equal(set.usable, 1)
  t.equal(told.at(-1), '0 returned: no other endpoint is usable')
  t.equal(time.wheel.armed, 0)
})

t.test('failures in a row can be left alone', async (t) => {
  const { fail, ejected } = setUp(3, { consecutive: null })
  fail(0, 10_000)
  t.same(ejected(), [])
})

/** Requests in one interval: `failures` of `results`, never so many in a row that they alone would eject. */
function spread(detector: OutlierDetector, one: Endpoint, results: number, failures: number): void {
  for (let i = 0; i < results; i++) {
    const failed = Math.floor(((i + 1) * failures) / results) > Math.floor((i * failures) / results)
    detector.attemptEnded(one, failed ? FAILED : SUCCEEDED)
  }
}

t.test(
  'success rate: one that fails far more than the others is out at the end of the interval',
  async (t) => {
    const { detector, set, time, ejected, told } = setUp(6)
    detector.start()
    for (const one of set.endpoints) spread(detector, one, 100, one.index === 2 ? 30 : 1)
    time.pass(9900)
    t.same(ejected(), [])
    time.pass(120)
    t.same(ejected(), [2])
    t.match(told, [
      '2 ejected: 70.0 % of its requests succeeded, the mean of 6 endpoints is 94.2 % and 73.6 % the least; out for 30 s',
    ])
    t.same(detector.causes, { consecutive: 0, 'success-rate': 1, 'failure-share': 0 })
    time.pass(30_020)
    t.same(ejected(), [], 'what was counted before is forgotten')
  },
)

t.test('success rate: nobody is judged by too little', async (t) => {
  const cases: [string, Partial<OutlierOptions>, number, number][] = [
    ['too few endpoints', {}, 4, 100],
    ['too few requests', {}, 6, 99],
    ['off', { successRate: null }, 6, 100],
    ['none may be ejected', { maxEjected: 0 }, 6, 100],
  ]
  for (const [name, options, count, requests] of cases) {
    const { detector, set, time, ejected } = setUp(count, options)
    detector.start()
    for (const one of set.endpoints) spread(detector, one, requests, one.index === 0 ? 70 : 0)
    time.pass(10_020)
    t.same(ejected(), [], name)
  }
})

t.test('success rate: a failure in a hundred is no reason, however perfect the others are', async (t) => {
  const { detector, set, time, ejected } = setUp(10)
  detector.start()
  for (const one of set.endpoints) spread(detector, one, 100, one.index === 0 ? 4 : 0)
  time.pass(10_020)
  t.same(ejected(), [])
  for (const one of set.endpoints) spread(detector, one, 100, one.index === 0 ? 6 : 0)
  time.pass(10_000)
  t.same(ejected(), [0])
})

t.test(
  'failure share: those that fail that often are out, the worst first, whatever the others do',
  async (t) => {
    const options = {
      successRate: null,
      failureShare: 0.85,
      minEndpoints: 1,
      minRequests: 50,
      consecutive: null,
    }
    const { detector, set, time, ejected, told } = setUp(4, options)
    detector.start()
    for (const [index, failures] of [84, 85, 90, 100].entries()) {
      spread(detector, set.endpoints[index] as Endpoint, 100, failures)
    }
    time.pass(10_020)
    t.same(ejected(), [2, 3], 'half of four, and not those that fail less')
    t.match(told, [/^3 ejected: 100\.0 % of its 100 requests failed/, /^2 ejected: 90\.0 %/])
  },
)
