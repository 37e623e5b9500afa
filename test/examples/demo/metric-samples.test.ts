import t from 'tap'
import { parseMetrics, sumOf } from '../../../examples/demo/metric-samples.ts'

const TEXT = `# HELP pillion_requests_total Requests answered.
# TYPE pillion_requests_total counter
pillion_requests_total{upstream="greeter",code="200"} 3
pillion_requests_total{upstream="greeter",code="503"} 1
pillion_requests_total{upstream="a \\"b\\", c",code="200"} 5
pillion_log_lines_dropped_total 0
process_cpu_seconds_total 1.5e-3
`

t.test('samples are read with their labels', async (t) => {
  const samples = parseMetrics(TEXT)
  t.same(
    samples.map(({ name, value }) => [name, value]),
    [
      ['pillion_requests_total', 3],
      ['pillion_requests_total', 1],
      ['pillion_requests_total', 5],
      ['pillion_log_lines_dropped_total', 0],
      ['process_cpu_seconds_total', 0.0015],
    ],
  )
  t.same(samples[0]?.labels, { upstream: 'greeter', code: '200' })
  t.same(samples[3]?.labels, {})
})

t.test('samples are summed by name and labels', async (t) => {
  const samples = parseMetrics(TEXT)
  t.equal(sumOf(samples, 'pillion_requests_total'), 9)
  t.equal(sumOf(samples, 'pillion_requests_total', { upstream: 'greeter' }), 4)
  t.equal(sumOf(samples, 'pillion_requests_total', { upstream: 'greeter', code: '200' }), 3)
  t.equal(sumOf(samples, 'pillion_requests_total', { upstream: 'nobody' }), 0)
})
