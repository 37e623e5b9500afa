import t from 'tap'
import type { Mesh } from '../../../bench/simulation/mesh.ts'
import { runEqual } from '../../../bench/simulation/scenarios/equal.ts'
import { FAILING, runFailing } from '../../../bench/simulation/scenarios/failing.ts'
import { runMany, runReturn } from '../../../bench/simulation/scenarios/many.ts'
import { runPriority } from '../../../bench/simulation/scenarios/priority.ts'
import { POLICIES, type Scale } from '../../../bench/simulation/scenarios/settings.ts'
import { runSlow, SLOW } from '../../../bench/simulation/scenarios/slow.ts'
import { runWeights, WEIGHTS } from '../../../bench/simulation/scenarios/weights.ts'
import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'

t.setTimeout(120_000)

const SCALE: Scale = { seed: 2, length: 0.3 }
const ROUND_ROBIN: BalanceOptions = { policy: 'round-robin' }
const RANDOM: BalanceOptions = { policy: 'random' }
const LEAST_REQUEST: BalanceOptions = { policy: 'least-request' }
/** Those that go by how the endpoints are doing. */
const ADAPTIVE: readonly BalanceOptions[] = POLICIES.filter(
  ({ policy }) => policy !== 'round-robin' && policy !== 'random',
)

const p99 = (mesh: Mesh) => mesh.latencies.quantile(0.99)

/** Of sums of shares. */
const ROUNDING = 1e-9

/** How far a share found by chance may be from the expected one: five standard deviations. */
function slack(expected: number, requests: number): number {
  return 5 * Math.sqrt((expected * (1 - expected)) / requests)
}

t.test('ten equal endpoints: equal shares, and nobody is worse than random', async (t) => {
  const random = runEqual(RANDOM, SCALE)
  for (const balance of POLICIES) {
    const mesh = runEqual(balance, SCALE)
    const shares = [...mesh.sent.keys()].map((address) => mesh.share(address))
    const bound = slack(0.1, mesh.requests)
    t.ok(
      shares.every((share) => Math.abs(share - 0.1) < bound),
      `${balance.policy}: ${shares}`,
    )
    t.ok(p99(mesh) <= p99(random) * 1.02, `${balance.policy}: ${p99(mesh)} ms`)
    if (ADAPTIVE.includes(balance)) t.ok(p99(mesh) < p99(random) * 0.9)
  }
})

t.test('different weights: shares by weight', async (t) => {
  const total = WEIGHTS.reduce((sum, weight) => sum + weight, 0)
  for (const balance of POLICIES) {
    const mesh = runWeights(balance, SCALE)
    const shares = [...mesh.sent.keys()].map((address) => mesh.share(address))
    // Under load the adaptive ones even out chance, in favour of who has room.
    const extra = ADAPTIVE.includes(balance) ? 0.02 : 0
    for (const [i, share] of shares.entries()) {
      const expected = (WEIGHTS[i] as number) / total
      const bound = slack(expected, mesh.requests) + extra
      t.ok(Math.abs(share - expected) < bound, `${balance.policy}, weight ${WEIGHTS[i]}: ${share}`)
    }
  }
})

t.test('one slow endpoint: the adaptive policies keep away from it', async (t) => {
  const fixed = runSlow(ROUND_ROBIN, 'spare', SCALE)
  for (const balance of ADAPTIVE) {
    const mesh = runSlow(balance, 'spare', SCALE)
    t.ok(mesh.share(SLOW) < 0.04, `${balance.policy}: ${mesh.share(SLOW)} of the requests`)
    t.ok(
      p99(mesh) < 0.65 * p99(fixed),
      `${balance.policy}: p99 ${p99(mesh)} ms, round-robin ${p99(fixed)} ms`,
    )
  }
})

t.test('one slow endpoint that cannot take its share: only the adaptive policies stay stable', async (t) => {
  const fixed = runSlow(ROUND_ROBIN, 'overrun', SCALE)
  for (const balance of ADAPTIVE) {
    const mesh = runSlow(balance, 'overrun', SCALE)
    t.ok(
      p99(mesh) < 0.05 * p99(fixed),
      `${balance.policy}: p99 ${p99(mesh)} ms, round-robin ${p99(fixed)} ms`,
    )
    t.ok(mesh.latencies.quantile(0.999) < 1000, `${balance.policy}: p99.9`)
  }
})

t.test('one endpoint that fails fast', async (t) => {
  const leastRequest = runFailing(LEAST_REQUEST, false, SCALE)
  t.ok(leastRequest.share(FAILING) > 0.12, 'least-request alone takes what fails fast for idle')
  for (const balance of POLICIES) {
    const ejected = runFailing(balance, true, SCALE)
    const failures = ejected.failures / ejected.requests
    t.ok(failures < 0.005, `${balance.policy} with ejection: ${failures} failed`)
  }
})

t.test('fifty sidecars do not herd', async (t) => {
  for (const inStep of [false, true]) {
    const random = runMany(RANDOM, inStep, SCALE)
    for (const balance of POLICIES) {
      const many = runMany(balance, inStep, SCALE)
      t.ok(
        many.crowd <= random.crowd + 1,
        `${balance.policy}: a crowd of ${many.crowd}, random ${random.crowd}`,
      )
      t.ok(p99(many.mesh) < 1.1 * p99(random.mesh), `${balance.policy}: p99 ${p99(many.mesh)} ms`)
    }
  }
})

t.test('an endpoint that returns to fifty sidecars is not overrun', async (t) => {
  for (const balance of POLICIES) {
    const [first = 0, ...later] = runReturn(balance, SCALE)
    t.ok(first < 1.6, `${balance.policy}: ${first} times its share in the first second`)
    for (const multiple of later)
      t.ok(multiple < 1.5 && multiple > 0.5, `${balance.policy}: then ${multiple}`)
  }
})

t.test('priorities: the first keeps what it can carry, the rest goes to the second', async (t) => {
  let before = 1
  for (let healthy = 10; healthy >= 0; healthy--) {
    const { mesh, share } = runPriority(healthy, SCALE)
    const expected = Math.min(1, 1.4 * (healthy / 10))
    t.ok(Math.abs(share - expected) <= slack(expected, mesh.requests) + ROUNDING, `${healthy} healthy: ${share}`)
    t.ok(share <= before + ROUNDING, 'less and less')
    before = share
    t.equal(mesh.turnedAway, 0)
    t.equal(mesh.latencies.count, mesh.requests)
  }
})
