import t from 'tap'
import type { Comparison, Row } from '../../bench/comparison.ts'
import type { Measurement } from '../../bench/measurement.ts'
import { formatComparison, median, summarize } from '../../bench/report.ts'
import { SCENARIOS, type Scenario } from '../../bench/scenarios.ts'

const measured = (part: Partial<Measurement>): Measurement => ({
  requestsPerSecond: 100_000,
  p50: 1,
  p99: 2,
  failed: 0,
  failure: '',
  cpuMicros: 10,
  residentBytes: 30e6,
  proxyCore: 1,
  loadCore: 0.7,
  stolen: 0,
  foreign: 0,
  ...part,
})

const row = (name: string, ...parts: Partial<Measurement>[]): Row => ({
  name,
  measurements: parts.map(measured),
  notes: [],
  error: null,
})

const table = (...rows: Row[]): string => {
  const comparison: Comparison = { scenario: SCENARIOS[0] as Scenario, rows, direct: null }
  return formatComparison(comparison)
}

t.test('medians of odd and even counts', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
  t.ok(Number.isNaN(median([])))
})

t.test('each column is the median of its own', async (t) => {
  const one = summarize(
    row(
      'a',
      { requestsPerSecond: 1, p99: 9 },
      { requestsPerSecond: 2, p99: 7 },
      { requestsPerSecond: 3, p99: 8 },
    ),
  )
  t.match(one, { valid: true, requestsPerSecond: 2, p99: 8 })
})

t.test('pillion is compared with each by rate and by CPU time', async (t) => {
  const text = table(
    row('pillion', { requestsPerSecond: 120_000, cpuMicros: 8 }),
    row('haproxy', { requestsPerSecond: 100_000, cpuMicros: 10 }),
  )
  t.match(text, /haproxy +100,000 .* 1\.20 x +1\.25 x/)
})

t.test('a failed request in any round makes the row invalid and is told', async (t) => {
  const text = table(row('pillion', {}), row('nginx', {}, { failed: 3, failure: '3 of 9 requests failed' }))
  t.match(text, /nginx +INVALID\n/)
  t.match(text, /nginx: invalid: 3 of 9 requests failed/)
})

t.test('a proxy that was left out is told with its reason and has no row', async (t) => {
  const text = table(row('haproxy', {}), { ...row('pillion'), error: 'left out: no dist' })
  t.match(text, /- pillion: left out: no dist/)
  t.notMatch(text, /pillion req\/s/)
})

t.test('it is told when the figures say more about the load or about others', async (t) => {
  const text = table(
    row('haproxy', { proxyCore: 0.6, loadCore: 0.99 }),
    row('nginx', { foreign: 0.4, stolen: 0.2 }),
  )
  t.match(text, /haproxy: load generator and upstream are the limit/)
  t.match(text, /nginx: other work took 40 %/)
  t.match(text, /nginx: the hypervisor took 20 %/)
})
