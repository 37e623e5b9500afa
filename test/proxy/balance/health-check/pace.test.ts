// When checks run: less often while nobody uses the upstream, spread over the interval, and no more at once than allowed.
import t from 'tap'
import type { Endpoint } from '../../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../../proxy/balance/endpoint-set.ts'
import type { HealthCheckOptions } from '../../../../proxy/balance/health-check/check.ts'
import { HealthChecker } from '../../../../proxy/balance/health-check/checker.ts'
import type { Probe, ProbeDone, ProbeRun } from '../../../../proxy/balance/health-check/probe.ts'
import { SeededRandom } from '../../../../proxy/base/random.ts'
import { endpoints } from '../endpoints.ts'
import { VirtualTime } from '../virtual-time.ts'

const OPTIONS: HealthCheckOptions = {
  interval: 2000,
  idleInterval: 60_000,
  timeout: 1000,
  unhealthyAfter: 3,
  healthyAfter: 2,
  jitter: 0,
}

/** Answers each check by `answer` when the time has moved on, unless that is null. */
function setUp(count: number, options: Partial<HealthCheckOptions> = {}) {
  const time = new VirtualTime()
  const set = new EndpointSet(endpoints(count))
  const state = {
    busy: false,
    answer: (_endpoint: Endpoint): boolean | null => true,
    started: [] as { endpoint: Endpoint; at: number }[],
    running: 0,
    most: 0,
  }
  let pending: (() => void)[] = []
  const probe: Probe = {
    run: (endpoint: Endpoint, done: ProbeDone): ProbeRun => {
      state.started.push({ endpoint, at: time.now() })
      state.running += 1
      state.most = Math.max(state.most, state.running)
      const answer = state.answer(endpoint)
      let over = false
      if (answer !== null) {
        pending.push(() => {
          if (over) return
          state.running -= 1
          done(answer, 'test')
        })
      }
      return {
        cancel: () => {
          over = true
          state.running -= 1
        },
        waitingFor: () => 'nothing came',
      }
    },
    forget: () => {},
    close: () => {},
  }
  const busy = (): boolean => state.busy
  const runtime = { clock: time, wheel: time.wheel, random: new SeededRandom(4), busy }
  const checker = new HealthChecker(set, probe, { ...OPTIONS, ...options }, runtime)
  /** Lets time pass; gives the number of checks that began meanwhile. */
  const pass = (ms: number): number => {
    const before = state.started.length
    for (let left = ms; left > 0; left -= 10) {
      time.pass(10)
      const due = pending
      pending = []
      for (const answer of due) answer()
    }
    return state.started.length - before
  }
  return { time, set, checker, state, pass }
}

t.test('an upstream that nobody uses is checked less often, once it is known to be healthy', async (t) => {
  const { checker, pass, state } = setUp(3)
  checker.start()
  t.ok(pass(60_000) >= 85, 'not at once: it has only just started')
  pass(4000)
  t.ok(pass(60_000) <= 4, 'then once a minute')
  state.busy = true
  t.ok(pass(2100) >= 3, 'the first request brings all checks back within an interval')
  t.ok(pass(20_000) >= 27, 'and the usual pace')
  state.busy = false
  t.ok(pass(58_000) >= 80)
  pass(6000)
  t.ok(pass(60_000) <= 4, 'until nobody has used it for long enough')
  checker.stop()
})

t.test('one that is not healthy is checked at the usual pace, used or not', async (t) => {
  const { checker, pass, state, set } = setUp(3)
  state.answer = (endpoint) => endpoint.index !== 1
  checker.start()
  pass(70_000)
  t.equal(set.endpoints[1]?.health, 'unhealthy')
  const before = state.started.length
  pass(60_000)
  const began = state.started.slice(before).filter(({ endpoint }) => endpoint.index === 1)
  t.ok(began.length >= 28, `${began.length} checks`)
  state.answer = () => true
  pass(4100)
  t.equal(set.endpoints[1]?.health, 'healthy')
  checker.stop()
})

t.test('an idle endpoint that fails a check is looked at closely from then on', async (t) => {
  const { checker, pass, state, set } = setUp(1)
  checker.start()
  pass(70_000)
  state.answer = () => false
  const before = state.started.length
  while (state.started.length === before) pass(10)
  pass(4100)
  t.equal(set.endpoints[0]?.health, 'unhealthy', 'three checks in two intervals')
  checker.stop()
})

t.test('requests that come back spread the checks of many endpoints over an interval', async (t) => {
  const { checker, pass, state } = setUp(1000)
  checker.start()
  pass(70_000)
  t.equal(checker.idle, true)
  state.busy = true
  while (checker.idle) pass(10)
  state.most = 0
  t.ok(pass(1000) > 400)
  t.ok(pass(1010) > 400)
  t.ok(state.most <= 20, `${state.most} at once`)
  checker.stop()
})

t.test('no more checks run at once than allowed, the others wait their turn', async (t) => {
  const { checker, pass, state, time, set } = setUp(3000)
  state.answer = () => null
  checker.start()
  pass(2000)
  t.equal(state.running, 600)
  pass(6000)
  t.equal(state.most, 600)
  t.equal(new Set(state.started.map(({ endpoint }) => endpoint)).size, 3000, 'everybody has a turn')
  state.answer = () => true
  pass(8000)
  t.equal(set.counts().healthy, 3000)
  t.ok(state.running < 100)
  checker.stop()
  t.equal(time.wheel.armed, 0)
})

t.test('one that waits for its turn and is removed is not checked any more', async (t) => {
  const { checker, pass, state, set, time } = setUp(1000)
  state.answer = () => null
  checker.start()
  pass(900)
  pass(1000)
  set.update(endpoints(10))
  checker.sync()
  const before = state.started.length
  pass(5000)
  t.ok(state.started.slice(before).every(({ endpoint }) => endpoint.index < 10))
  checker.stop()
  t.equal(time.wheel.armed, 0)
  t.equal(state.running, 0)
})
