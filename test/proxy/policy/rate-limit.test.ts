import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { allowance, passing, rateLimit } from './rate-limits.ts'
import { TokenBucket } from './token-bucket.ts'

t.test('as a token bucket, on any sequence of requests', async (t) => {
  const random = new SeededRandom(11)
  const upTo = (most: number) => 1 + Math.floor(random.next() * most)
  for (let round = 0; round < 300; round++) {
    const [requests, per, burst] = [upTo(1000), upTo(5000), upTo(50)]
    const limit = allowance([rateLimit({ requests, per, burst })])
    const naive = new TokenBucket(requests, per, burst)
    // Around the allowed rate, so that both refuse and let pass.
    const pause = (3 * per) / requests
    let differs = ''
    let now = 1000
    let refused = 0
    for (let i = 0; i < 1000; i++) {
      now += Math.floor(random.next() * pause)
      if (random.next() < 0.01) now += per
      const passes = limit.take(now) === 0
      if (!passes) refused += 1
      if (passes !== naive.take(now)) differs ||= `request ${i} at ${now}: ${passes}`
    }
    if (differs !== '') t.fail(`${requests} per ${per} ms, burst ${burst}: ${differs}`)
    if (pause < 1) t.ok(refused > 0)
  }
})

t.test('exactly so many pass, at once and over time', async (t) => {
  const limit = allowance([rateLimit({ requests: 100, per: 1000, burst: 20 })])
  t.equal(passing(limit, 500, 5000), 20, 'the burst')
  let passed = 0
  for (let ms = 1; ms <= 10_000; ms++) passed += passing(limit, 3, 5000 + ms)
  t.equal(passed, 1000, 'then one each 10 ms')
  t.equal(passing(limit, 500, 15_000 + 200), 20, 'all of the burst is back after 20 intervals')
  t.equal(passing(limit, 500, 3_600_000), 20, 'and never more')
})

t.test('a refusal says when the next passes', async (t) => {
  const random = new SeededRandom(3)
  for (let round = 0; round < 100; round++) {
    const limit = allowance([
      rateLimit({ requests: 7, per: 1000 + Math.floor(random.next() * 5000), burst: 3 }),
    ])
    let now = 1000
    t.equal(passing(limit, 3, now), 3)
    const wait = limit.take(now)
    t.ok(wait > 0)
    t.ok(limit.take(now + wait - 0.01) > 0, 'not before')
    now += wait
    t.equal(limit.take(now), 0)
  }
})

t.test('refused requests do not put off the next', async (t) => {
  const limit = allowance([rateLimit({ requests: 1, per: 1000 })])
  t.equal(limit.take(1000), 0)
  for (let ms = 1; ms < 1000; ms++) limit.take(1000 + ms)
  t.equal(limit.take(2000), 0)
})

t.test('two limits at once', async (t) => {
  const fast = rateLimit({ name: 'fast', requests: 10, per: 1000 })
  const slow = rateLimit({ name: 'slow', requests: 15, per: 60_000 })
  const both = allowance([fast, slow])
  t.equal(passing(both, 100, 1000), 10)
  t.equal(both.refusedBy, fast)
  t.equal(passing(both, 100, 2000), 5, 'the slow one has no more')
  t.equal(both.refusedBy, slow)
  t.equal(passing(allowance([fast]), 100, 2000), 5, 'what the slow one refused took nothing of the fast one')
  t.strictSame([fast.stats.refused, slow.stats.refused], [90 + 95, 95])
})

t.test('of two that refuse, the one that takes longer tells when to come again', async (t) => {
  const [a, b] = [rateLimit({ requests: 1, per: 1000 }), rateLimit({ requests: 1, per: 9000 })]
  for (const limits of [
    [a, b],
    [b, a],
  ]) {
    const both = allowance(limits)
    both.take(1000)
    t.match(both.take(1000), 9000)
    t.equal(both.refusedBy, b)
  }
})

t.test('a trial counts what it would refuse, and refuses nothing', async (t) => {
  const trial = rateLimit({ requests: 3, dryRun: true, advertise: true })
  const real = rateLimit({ requests: 8 })
  const both = allowance([trial, real])
  t.equal(passing(both, 20, 1000), 8)
  t.match(trial.stats, { refused: 0, dryRun: 5 }, 'not what another limit refused')
  t.match(real.stats, { refused: 12, dryRun: 0 })
  t.equal(both.advertises, false)
})

t.test('what is left, in the form of the draft', async (t) => {
  const limit = rateLimit({ name: 'orders', requests: 100, per: 60_000, burst: 5, advertise: true })
  const second = rateLimit({ name: '7/1500ms', requests: 7, per: 1500, advertise: true })
  const quiet = rateLimit({ requests: 1000 })
  const all = allowance([limit, quiet, second])
  t.ok(all.advertises)
  t.strictSame(all.fields(1000, false), {
    'ratelimit-policy': '"orders";q=100;w=60, "7/1500ms";q=7',
    ratelimit: '"orders";r=5;t=3, "7/1500ms";r=7;t=2',
  })
  t.equal(all.take(1000), 0)
  t.match(all.fields(1000, false), { ratelimit: '"orders";r=4;t=3, "7/1500ms";r=6;t=2' })
  t.equal(passing(all, 10, 1000), 4)
  t.match(all.fields(1000, false), { ratelimit: '"orders";r=0;t=1, "7/1500ms";r=2;t=1' })
  t.match(all.fields(1000, true), { ratelimit: '"orders";r=0;t=1' }, 'a refusal tells of what refused it')
  t.match(all.fields(1600, false), { ratelimit: '"orders";r=1;t=1, "7/1500ms";r=4;t=1' })
  const silent = allowance([limit, rateLimit({ requests: 1 })])
  passing(silent, 2, 100_000)
  t.strictSame(silent.fields(100_000, true), { 'ratelimit-policy': '"orders";q=100;w=60' })
})
