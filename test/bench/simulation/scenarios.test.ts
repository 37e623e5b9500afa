import t from 'tap'
import type { Mesh } from '../../../bench/simulation/mesh.ts'
import { CONSISTENT, runHotKeys, runKeys } from '../../../bench/simulation/scenarios/consistent.ts'
import { runEqual } from '../../../bench/simulation/scenarios/equal.ts'
import {
  FAILING,
  IN_A_ROW,
  OUTLIER,
  runFailing,
  runHalfBroken,
} from '../../../bench/simulation/scenarios/failing.ts'
import { runMany, runReturn } from '../../../bench/simulation/scenarios/many.ts'
import { runPriority } from '../../../bench/simulation/scenarios/priority.ts'
import { runRecovery } from '../../../bench/simulation/scenarios/recovery.ts'
import { POLICIES, type Scale } from '../../../bench/simulation/scenarios/settings.ts'
import { runSlow, SLOW } from '../../../bench/simulation/scenarios/slow.ts'
import { runSlowStart } from '../../../bench/simulation/scenarios/slow-start.ts'
import { runWeights, WEIGHTS } from '../../../bench/simulation/scenarios/weights.ts'
import { EVEN, runZones, UNEVEN } from '../../../bench/simulation/scenarios/zones.ts'
import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'

t.setTimeout(120_000)

const SCALE: Scale = { seed: 2, length: 0.3 }
const ROUND_ROBIN: BalanceOptions = { policy: 'round-robin' }
const RANDOM: BalanceOptions = { policy: 'random' }
const LEAST_REQUEST: BalanceOptions = { policy: 'least-request' }
const EWMA: BalanceOptions = { policy: 'ewma' }
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

t.test(
  'one slow endpoint: ewma, which knows how slow, keeps away from it more than least-request',
  async (t) => {
    const ewma = runSlow(EWMA, 'spare', SCALE)
    const leastRequest = runSlow(LEAST_REQUEST, 'spare', SCALE)
    t.ok(ewma.share(SLOW) < 0.5 * leastRequest.share(SLOW), `${ewma.share(SLOW)} of the requests`)
    t.ok(p99(ewma) < 0.75 * p99(leastRequest), `p99 ${p99(ewma)} ms, least-request ${p99(leastRequest)} ms`)
  },
)

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
  const leastRequest = runFailing(LEAST_REQUEST, null, SCALE)
  t.ok(leastRequest.share(FAILING) > 0.12, 'least-request alone takes what fails fast for idle')
  t.ok(leastRequest.share(FAILING) < 0.2, 'which of two choices bounds to twice the share')
  const ewma = runFailing(EWMA, null, SCALE)
  t.ok(ewma.share(FAILING) < 0.01, `ewma: ${ewma.share(FAILING)}, far less than its share`)
  const unpunished = runFailing({ policy: 'ewma', penalty: 0 }, null, SCALE)
  t.ok(unpunished.share(FAILING) > 0.15, 'which is due to the penalty')
  for (const balance of POLICIES) {
    const ejected = runFailing(balance, OUTLIER, SCALE)
    const failures = ejected.failures / ejected.requests
    t.ok(failures < 0.005, `${balance.policy} with ejection: ${failures} failed`)
  }
})

t.test('one endpoint that fails now and then is told by its success rate', async (t) => {
  // An interval of 10 s has to pass first: half of the time that is simulated.
  const scale = { ...SCALE, length: 0.5 }
  const rate = (mesh: Mesh) => mesh.failures / mesh.requests
  for (const balance of [ROUND_ROBIN, LEAST_REQUEST]) {
    const without = rate(runHalfBroken(balance, null, scale))
    const inARow = rate(runHalfBroken(balance, IN_A_ROW, scale))
    const judged = rate(runHalfBroken(balance, OUTLIER, scale))
    t.ok(Math.abs(without - 0.01) < 0.002, `${balance.policy}: ${without} fail without ejection`)
    t.ok(
      judged <= inARow,
      `${balance.policy}: ${judged} fail, and ${inARow} where only failures in a row count`,
    )
    t.ok(judged < 0.6 * without, balance.policy)
  }
  t.ok(rate(runHalfBroken(EWMA, null, scale)) < 0.003, 'ewma needs no ejection')
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
    t.ok(first < 2.1, `${balance.policy}: ${first} times its share in the first second`)
    for (const multiple of later)
      t.ok(multiple < 1.7 && multiple > 0.5, `${balance.policy}: then ${multiple}`)
  }
})

t.test('priorities: the first keeps what it can carry, the rest goes to the second', async (t) => {
  let before = 1
  for (let healthy = 10; healthy >= 0; healthy--) {
    const { mesh, share } = runPriority(healthy, SCALE)
    const expected = Math.min(1, 1.4 * (healthy / 10))
    t.ok(
      Math.abs(share - expected) <= slack(expected, mesh.requests) + ROUNDING,
      `${healthy} healthy: ${share}`,
    )
    t.ok(share <= before + ROUNDING, 'less and less')
    before = share
    t.equal(mesh.turnedAway, 0)
    t.equal(mesh.latencies.count, mesh.requests)
  }
})

t.test('an endpoint that is well again gets its share again', async (t) => {
  for (const illness of ['slow', 'failing'] as const) {
    for (const balance of POLICIES) {
      const shares = runRecovery(balance, illness, SCALE)
      const last = shares.at(-1) ?? 0
      t.ok(Math.abs(last - 0.1) < 0.03, `${balance.policy}, ${illness}: in the end ${last}`)
    }
    const [first = 0] = runRecovery(LEAST_REQUEST, illness, SCALE)
    t.ok(Math.abs(first - 0.1) < 0.02, `least-request, ${illness}: at once`)
  }
  t.ok(
    (runRecovery(EWMA, 'slow', SCALE)[1] ?? 0) > 0.05,
    'ewma: most of it after ten seconds when it was slow',
  )
  t.ok((runRecovery(EWMA, 'failing', SCALE)[3] ?? 0) > 0.05, 'after half a minute when it failed')
})

t.test('slow start spares a cold endpoint', async (t) => {
  for (const { policy } of POLICIES) {
    const all = runSlowStart(policy, false, SCALE)
    const some = runSlowStart(policy, true, SCALE)
    const [first = 0] = some.shares
    // Without slow start ewma notices with the first answer that the newcomer is cold, and leaves it alone by itself.
    t.ok(
      first < Math.max(0.5 * (all.shares[0] ?? 0), 0.01),
      `${policy}: at first ${first} in place of ${all.shares[0]}`,
    )
    for (const [i, share] of some.shares.entries()) {
      t.ok(share <= (all.shares[i] ?? 0) * 1.15 + 0.01, `${policy}: never more than without`)
      t.ok(share >= (some.shares[i - 1] ?? 0) * 0.8 - 0.005, `${policy}: more and more`)
    }
    t.ok(
      some.p99 < all.p99 * (policy === 'ewma' ? 1.1 : 0.9),
      `${policy}: p99 ${some.p99} ms in place of ${all.p99} ms`,
    )
  }
  const ramp = runSlowStart('round-robin', true, SCALE).shares
  for (const [i, share] of ramp.entries()) {
    // An even ramp over the six windows, up to a tenth of all.
    t.ok(Math.abs(share - (0.1 * (i + 0.5)) / 6) < 0.012, `window ${i}: ${share}`)
  }
})

t.test('zones: requests stay in theirs while its endpoints can carry them', async (t) => {
  const anywhere = runZones(false, EVEN, 4, SCALE)
  t.ok(Math.abs(anywhere.local - 1 / 3) < 0.02, `without preference ${anywhere.local} stay`)
  for (const healthy of [4, 3]) {
    const { mesh, local } = runZones(true, EVEN, healthy, SCALE)
    t.equal(local, 1, `${healthy} of 4 healthy`)
    t.ok(p99(mesh) < 1.3 * p99(anywhere.mesh), `p99 ${p99(mesh)} ms`)
  }
  // Four of ten callers are in the zone that is half healthy, and 70 % of what they send stays there.
  const half = runZones(true, EVEN, 2, SCALE)
  t.ok(Math.abs(half.local - (0.6 + 0.4 * 0.7)) < 0.02, `half of one zone is healthy: ${half.local}`)
  const none = runZones(true, EVEN, 0, SCALE)
  t.ok(Math.abs(none.local - 0.6) < 0.02, `none is: ${none.local}`)
  t.equal(none.mesh.turnedAway, 0)
  t.equal(runZones(true, UNEVEN, 4, SCALE).local, 1)
})

t.test('keys stay where they are when others come and go', async (t) => {
  for (const balance of CONSISTENT) {
    const found = runKeys(balance)
    const { policy } = balance
    t.ok(found.most < 1.12 && found.fewest > 0.88, `${policy}: ${found.fewest} to ${found.most} of the mean`)
    t.equal(found.movedByFailure, 0, `${policy}: who fails moves its own keys only`)
    t.equal(found.notBack, 0, `${policy}: and gets them back`)
    const most = policy === 'ring-hash' ? 0 : 0.01
    t.ok(found.movedByRemoval <= most, `${policy}: ${found.movedByRemoval} moved by a removal`)
    t.ok(found.movedByAddition <= most, `${policy}: ${found.movedByAddition} moved by an addition`)
    t.ok(Math.abs(found.gotByAddition - 1 / 21) < 0.006, `${policy}: the new one gets ${found.gotByAddition}`)
  }
})

t.test('a bounded load keeps hot keys from overrunning an endpoint', async (t) => {
  for (const { policy } of CONSISTENT) {
    const free = runHotKeys({ policy }, SCALE)
    const bound = runHotKeys({ policy, boundedLoad: 1.25 }, SCALE)
    t.ok(p99(bound) < 100, `${policy}: p99 ${p99(bound)} ms`)
    t.ok(p99(free) > 10 * p99(bound), `${policy}: p99 ${p99(free)} ms without`)
    const shares = [...bound.sent.keys()].map((address) => bound.share(address))
    t.ok(Math.max(...shares) < 0.16, `${policy}: the largest share is ${Math.max(...shares)}`)
  }
})
