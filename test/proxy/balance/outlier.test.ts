import t from 'tap'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { FAILED, SUCCEEDED } from '../../../proxy/balance/outcome.ts'
import { OutlierDetector, type OutlierOptions } from '../../../proxy/balance/outlier.ts'
import { endpoints } from './endpoints.ts'
import { VirtualTime } from './virtual-time.ts'

const DEFAULTS: OutlierOptions = { consecutive: 5, eject: 30_000, maxEjected: 0.5 }

function setUp(count: number, options: Partial<OutlierOptions> = {}) {
  const time = new VirtualTime()
  const told: string[] = []
  const set = new EndpointSet(endpoints(count), {
    onChange: (one, change, why) => told.push(`${one.index} ${change}: ${why}`),
  })
  const detector = new OutlierDetector(set, { ...DEFAULTS, ...options }, time.wheel, time)
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

t.test('quiet time brings the next ejection down again', async (t) => {
  const { time, set, fail } = setUp(2)
  const first = set.endpoints[0] as Endpoint
  for (let i = 0; i < 3; i++) {
    fail(0)
    time.pass(first.ejectedUntil - time.now() + 20)
  }
  time.pass(60_100)
  fail(0)
  t.equal(Math.round((first.ejectedUntil - time.now()) / 1000), 60, '3 back by 2 steps, and one more')
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
