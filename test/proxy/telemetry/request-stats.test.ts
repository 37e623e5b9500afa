import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { BUCKETS_SECONDS, DurationHistogram } from '../../../proxy/telemetry/duration-histogram.ts'
import { RequestStats } from '../../../proxy/telemetry/request-stats.ts'
import { Samples } from '../../../proxy/telemetry/samples.ts'

function outcomes(stats: RequestStats): Record<string, number> {
  const samples = new Samples('x', false)
  stats.collectOutcomes(samples)
  return Object.fromEntries(
    samples.list.map(({ labels, value }) => [`${labels['code']}/${labels['grpc_status']}`, value]),
  )
}

t.test('outcomes agree with naive counting under random load', async (t) => {
  const random = new SeededRandom(7)
  const stats = new RequestStats('outbound', 'r', 'u')
  const naive: Record<string, number> = {}
  for (let i = 0; i < 20_000; i++) {
    const status = [200, 204, 404, 503][Math.floor(random.next() * 4)]!
    const grpc = Math.floor(random.next() * 18) - 1
    stats.record(status, grpc, 1)
    const key = `${status}/${grpc < 0 ? '' : grpc}`
    naive[key] = (naive[key] ?? 0) + 1
  }
  t.strictSame(outcomes(stats), naive)
  t.equal(stats.duration.count, 20_000)
})

t.test('codes that peers make up end as "other"', async (t) => {
  const stats = new RequestStats('outbound', 'r', 'u')
  for (const status of [0, 99, 600, -1, Number.NaN]) stats.record(status, -1, 1)
  for (const grpc of [17, 63, 64, 1_000_000, -2, Number.NaN]) stats.record(200, grpc, 1)
  stats.record(201, -1, 1)
  t.strictSame(outcomes(stats), { 'other/': 5, '200/other': 6, '201/': 1 })
})

t.test('the number of outcomes kept apart is bounded, and none is lost', async (t) => {
  const stats = new RequestStats('outbound', 'r', 'u')
  for (let status = 100; status <= 599; status++) stats.record(status, -1, 1)
  const counts = outcomes(stats)
  t.equal(Object.keys(counts).length, 257)
  t.equal(
    Object.values(counts).reduce((sum, count) => sum + count),
    500,
  )
})

t.test('buckets, sum and count agree with naive ones', async (t) => {
  const random = new SeededRandom(11)
  const durations = BUCKETS_SECONDS.flatMap((bound) => [bound * 1000, bound * 1000 + 0.01])
  for (let i = 0; i < 5000; i++) durations.push(random.next() ** 6 * 60_000)
  const histogram = new DurationHistogram()
  for (const ms of durations) histogram.observe(ms)

  const samples = new Samples('x', false)
  histogram.collect(samples, {})
  const value = (name: string, le?: string) =>
    samples.list.find((sample) => sample.metricName === name && sample.labels['le'] === le)?.value
  for (const bound of BUCKETS_SECONDS) {
    const naive = durations.filter((ms) => ms <= bound * 1000).length
    t.equal(value('x_bucket', String(bound)), naive, `le ${bound}`)
  }
  t.equal(value('x_bucket', '+Inf'), durations.length)
  t.equal(value('x_count'), durations.length)
  const naiveSum = durations.reduce((sum, ms) => sum + ms / 1000, 0)
  t.ok(Math.abs(value('x_sum')! - naiveSum) < 1e-6 * naiveSum)
})

t.test('a duration that is no duration counts as 0', async (t) => {
  const histogram = new DurationHistogram()
  for (const ms of [-5, Number.NaN, 0]) histogram.observe(ms)
  t.equal(histogram.counts[0], 3)
  t.equal(histogram.sumMs, 0)
})
