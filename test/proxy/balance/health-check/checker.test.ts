import t from 'tap'
import type { Endpoint } from '../../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../../proxy/balance/endpoint-set.ts'
import type { HealthCheckOptions } from '../../../../proxy/balance/health-check/check.ts'
import { HealthChecker } from '../../../../proxy/balance/health-check/checker.ts'
import type { Probe, ProbeDone, ProbeRun } from '../../../../proxy/balance/health-check/probe.ts'
import { SeededRandom } from '../../../../proxy/base/random.ts'
import { endpoint, endpoints } from '../endpoints.ts'
import { VirtualTime } from '../virtual-time.ts'

const OPTIONS: HealthCheckOptions = {
  interval: 2000,
  timeout: 1000,
  unhealthyAfter: 3,
  healthyAfter: 2,
  jitter: 0,
}

interface Started {
  readonly endpoint: Endpoint
  readonly at: number
  readonly done: ProbeDone
  cancelled: boolean
}

/** Notes every check; the test answers by hand. */
class FakeProbe implements Probe {
  readonly started: Started[] = []
  readonly forgotten: Endpoint[] = []
  closed = 0
  readonly #time: VirtualTime

  constructor(time: VirtualTime) {
    this.#time = time
  }

  run(endpoint: Endpoint, done: ProbeDone): ProbeRun {
    const started = { endpoint, at: this.#time.now(), done, cancelled: false }
    this.started.push(started)
    return {
      cancel: () => {
        started.cancelled = true
      },
      waitingFor: () => 'nothing came',
    }
  }

  forget(endpoint: Endpoint): void {
    this.forgotten.push(endpoint)
  }

  close(): void {
    this.closed += 1
  }

  last(): Started {
    return this.started.at(-1) as Started
  }
}

function setUp(count: number, options: Partial<HealthCheckOptions> = {}) {
  const time = new VirtualTime()
  const probe = new FakeProbe(time)
  const told: string[] = []
  const set = new EndpointSet(endpoints(count), {
    onChange: (one, change, why) => told.push(`${one.index} ${change}: ${why}`),
  })
  const runtime = { clock: time, wheel: time.wheel, random: new SeededRandom(4) }
  const checker = new HealthChecker(set, probe, { ...OPTIONS, ...options }, runtime)
  /** The next check, answered after 5 ms. */
  const answer = (ok: boolean, detail = ok ? 'status 200' : 'status 500'): void => {
    const before = probe.started.length
    while (probe.started.length === before) time.pass(10)
    time.skip(5)
    probe.last().done(ok, detail)
  }
  return { time, probe, set, checker, told, answer, first: set.endpoints[0] as Endpoint }
}

t.test('the first result counts at once', async (t) => {
  const good = setUp(1)
  good.checker.start()
  t.equal(good.first.health, 'unknown')
  good.probe.last().done(true, 'status 200')
  t.equal(good.first.health, 'healthy')
  const bad = setUp(1)
  bad.checker.start()
  bad.probe.last().done(false, 'connection refused')
  t.equal(bad.first.health, 'unhealthy')
  t.same(bad.told, ['0 unhealthy: health check failed: connection refused'])
})

t.test('afterwards the thresholds count, in a row only', async (t) => {
  const { checker, probe, first, answer, told } = setUp(1)
  checker.start()
  probe.last().done(true, 'status 200')
  answer(false)
  answer(false)
  answer(true)
  answer(false)
  answer(false)
  t.equal(first.health, 'healthy')
  answer(false, 'status 503')
  t.equal(first.health, 'unhealthy')
  answer(true)
  answer(false)
  answer(true)
  t.equal(first.health, 'unhealthy')
  answer(true)
  t.equal(first.health, 'healthy')
  t.same(told, [
    '0 healthy: health check passed: status 200',
    '0 unhealthy: health check failed: status 503',
    '0 healthy: health check passed: status 200',
  ])
  t.match(first, {
    checksOk: 5,
    checksFailed: 6,
    checksDiscarded: 0,
    lastCheck: 'status 200',
    lastCheckMs: 5,
  })
})

t.test('a check without an answer fails after the timeout and is cancelled', async (t) => {
  const { checker, probe, time, first } = setUp(1)
  checker.start()
  time.pass(990)
  t.equal(first.checksFailed, 0)
  time.pass(100)
  t.equal(first.health, 'unhealthy')
  t.equal(first.lastCheck, 'timeout after 1000 ms: nothing came')
  t.equal(probe.last().cancelled, true)
})

t.test('checks start at the interval, whatever each takes', async (t) => {
  const { checker, probe, time } = setUp(1)
  checker.start()
  for (let i = 0; i < 5; i++) {
    time.pass(300)
    probe.last().done(true, 'ok')
    const before = probe.started.length
    while (probe.started.length === before) time.pass(10)
  }
  const gaps = probe.started.slice(1).map((one, i) => one.at - (probe.started[i] as Started).at)
  t.ok(
    gaps.every((gap) => gap >= 2000 && gap <= 2020),
    gaps.join(),
  )
})

t.test('jitter varies the interval within its share', async (t) => {
  const { checker, probe, time } = setUp(1, { jitter: 0.1 })
  checker.start()
  for (let i = 0; i < 100; i++) {
    probe.last().done(true, 'ok')
    const before = probe.started.length
    while (probe.started.length === before) time.pass(10)
  }
  const gaps = probe.started.slice(1).map((one, i) => one.at - (probe.started[i] as Started).at)
  t.ok(Math.min(...gaps) >= 1800 && Math.max(...gaps) <= 2220, `${Math.min(...gaps)} to ${Math.max(...gaps)}`)
  t.ok(Math.min(...gaps) < 1850 && Math.max(...gaps) > 2150, 'the whole range is used')
})

t.test('many endpoints do not start at once, and all start within one interval', async (t) => {
  const { checker, probe, time } = setUp(1000)
  checker.start()
  t.equal(probe.started.length, 1)
  time.pass(1000)
  t.ok(probe.started.length > 400 && probe.started.length < 600, `${probe.started.length} after half of it`)
  const seen = new Set(probe.started.map((one) => one.endpoint))
  time.pass(1010)
  for (const one of probe.started) seen.add(one.endpoint)
  t.equal(seen.size, 1000)
  checker.stop()
  t.equal(time.wheel.armed, 0)
})

t.test('a check that passes ends an ejection', async (t) => {
  const { checker, probe, set, first, answer, told } = setUp(2)
  checker.start()
  probe.last().done(true, 'ok')
  set.eject(first, 99_999, 'test')
  set.setHealth(set.endpoints[1] as Endpoint, 'healthy', 'test')
  while (first.ejected) answer(true)
  t.equal(told.at(-1), '0 returned: a health check passed')
})

t.test('a stall of this process is not held against the endpoint', async (t) => {
  const { checker, probe, time, first } = setUp(1)
  checker.start()
  probe.last().done(true, 'ok')
  for (let i = 1; i <= 5; i++) {
    while (probe.started.length === i) time.pass(10)
    const check = probe.last()
    time.stall(3000)
    t.equal(check.cancelled, false, 'the rest of the timeout is still granted')
    while (!check.cancelled) time.pass(10)
  }
  t.equal(first.health, 'healthy')
  t.match(first, { checksOk: 1, checksFailed: 0, checksDiscarded: 5 })
  t.match(first.lastCheck, /^not counted, as this process stalled for 2\d\d\d ms: timeout/)
})

t.test('a failure that is read before the overdue timer fires does not count either', async (t) => {
  const { checker, probe, time, first } = setUp(1)
  checker.start()
  time.skip(900)
  probe.last().done(false, 'connection reset')
  t.equal(first.health, 'unknown')
  t.equal(first.checksDiscarded, 1)
})

t.test('a success counts in spite of a stall', async (t) => {
  const { checker, probe, time, first } = setUp(1)
  checker.start()
  time.skip(5000)
  probe.last().done(true, 'status 200')
  t.equal(first.health, 'healthy')
})

t.test('a steady small lag still finds a dead endpoint', async (t) => {
  const { checker, probe, time, first } = setUp(1)
  checker.start()
  for (let i = 0; i < 10; i++) time.stall(150)
  t.equal(probe.started[0]?.cancelled, true)
  t.equal(first.health, 'unhealthy')
})

t.test('checks follow the members of the set', async (t) => {
  const { checker, probe, time, set } = setUp(2)
  checker.start()
  time.pass(20)
  const [gone, stays] = set.endpoints as [Endpoint, Endpoint]
  const underWay = probe.started.find((one) => one.endpoint === gone) as Started
  set.update([endpoint(1), endpoint(7)])
  checker.sync()
  t.equal(underWay.cancelled, true)
  t.same(probe.forgotten, [gone])
  const before = probe.started.length
  time.pass(5000)
  const later = probe.started.slice(before).map((one) => one.endpoint)
  t.notOk(later.includes(gone))
  t.ok(later.includes(stays) && probe.started.some((one) => one.endpoint.address === '127.0.0.7:80'))
})

t.test('stop cancels what is under way and leaves no timer', async (t) => {
  const { checker, probe, time } = setUp(3)
  checker.start()
  time.pass(50)
  t.equal(probe.started.length, 3)
  checker.stop()
  t.ok(probe.started.every((one) => one.cancelled))
  t.equal(time.wheel.armed, 0)
  t.equal(probe.closed, 1)
  time.pass(10_000)
  t.equal(probe.started.length, 3)
})

t.test('a check may say degraded: at once, and until one says otherwise', async (t) => {
  const { checker, probe, set, time, told, first } = setUp(2)
  checker.start()
  time.pass(20)
  for (const { done } of [...probe.started]) done(true, 'status 200')
  const next = (ok: boolean, detail: string, degraded: boolean): void => {
    const before = probe.started.length
    while (probe.started.slice(before).every((one) => one.endpoint !== first)) time.pass(10)
    probe.started
      .slice(before)
      .find((one) => one.endpoint === first)
      ?.done(ok, detail, degraded)
  }
  next(true, 'status 429, which means degraded', true)
  t.match(first, { health: 'healthy', degraded: true, usable: true })
  t.same(
    set.tiers.map(({ usable }) => usable),
    [1, 1],
  )
  next(false, 'status 500', false)
  t.equal(first.degraded, true, 'a failure does not make it better')
  next(true, 'status 200', false)
  t.equal(first.degraded, false)
  t.same(told.slice(2), [
    '0 degraded: health check passed: status 429, which means degraded',
    '0 recovered: health check passed: status 200',
  ])
  checker.stop()
})
