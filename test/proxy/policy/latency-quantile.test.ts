import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { LatencyQuantile } from '../../../proxy/policy/latency-quantile.ts'

/** The same by sorting. */
function naive(durations: readonly number[], share: number): number {
  const sorted = [...durations].sort((a, b) => a - b)
  return sorted[Math.ceil(share * sorted.length) - 1] as number
}

t.test('nothing before a hundred are known', async (t) => {
  const latency = new LatencyQuantile(0.95)
  for (let i = 0; i < 99; i++) latency.observe(5)
  t.equal(latency.value, -1)
  latency.observe(5)
  t.ok(latency.value >= 5 && latency.value < 5 * 1.1, `${latency.value}`)
})

t.test('as sorting says, at most a twelfth above', async (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new SeededRandom(seed * 104_729)
    const scale = 10 ** (random.next() * 4 - 0.5)
    const latency = new LatencyQuantile(0.95)
    const durations: number[] = []
    for (let i = 0; i < 1900; i++) {
      // A long tail: exponential.
      const ms = -Math.log(1 - random.next()) * scale
      durations.push(ms)
      latency.observe(ms)
    }
    const exact = naive(durations, 0.95)
    t.ok(latency.value >= exact * 0.97 && latency.value <= exact * 1.12, `${exact}, ${latency.value}`)
  }
})

t.test('what is long ago counts less and less', async (t) => {
  const latency = new LatencyQuantile(0.95)
  for (let i = 0; i < 10_000; i++) latency.observe(400)
  t.ok(latency.value > 390)
  for (let i = 0; i < 8000; i++) latency.observe(4)
  t.ok(latency.value < 5, `${latency.value}`)
  for (let i = 0; i < 500; i++) latency.observe(400)
  t.ok(latency.value > 390, 'and what is new is seen soon')
})

t.test('any number', async (t) => {
  const latency = new LatencyQuantile(0.95)
  for (const ms of [0, -1, 1e-9, 1e9, Number.POSITIVE_INFINITY])
    for (let i = 0; i < 40; i++) latency.observe(ms)
  t.ok(Number.isFinite(latency.value))
})
