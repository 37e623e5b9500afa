import t from 'tap'
import { parseSummary, percentile } from '../../../bench/load/h2load.ts'

const summary = (counts: string, statuses: string) => `
finished in 4.00s, 92454.00 req/s, 22.22MB/s
requests: ${counts}
status codes: ${statuses}
traffic: 66.66MB (69895224) total, 38.36MB (40221064) headers (space savings 31.61%), 46.32MB (48568832) data
`

t.test('reads requests per second of a clean run', async (t) => {
  const text = summary(
    '300 total, 300 started, 300 done, 300 succeeded, 0 failed, 0 errored, 0 timeout',
    '300 2xx, 0 3xx, 0 4xx, 0 5xx',
  )
  t.same(parseSummary(text, 128), { requestsPerSecond: 92454, failed: 0, failure: '' })
})

t.test('counts a failed request once, whether its stream failed or its status', async (t) => {
  const reset = summary(
    '300 total, 300 started, 300 done, 296 succeeded, 4 failed, 4 errored, 0 timeout',
    '296 2xx, 0 3xx, 0 4xx, 0 5xx',
  )
  t.equal(parseSummary(reset, 128).failed, 4)
  const status = summary(
    '300 total, 300 started, 300 done, 290 succeeded, 10 failed, 0 errored, 0 timeout',
    '290 2xx, 0 3xx, 3 4xx, 7 5xx',
  )
  t.match(parseSummary(status, 128), { failed: 10, failure: /10 of 300 requests failed, 10 with a status/ })
})

t.test('a run without any success has failed', async (t) => {
  const text = summary(
    '0 total, 0 started, 0 done, 0 succeeded, 0 failed, 0 errored, 0 timeout',
    '0 2xx, 0 3xx, 0 4xx, 0 5xx',
  )
  t.match(parseSummary(text, 128), { failed: 1, failure: 'no request of 0 succeeded' })
})

t.test('output without a summary is an error that shows it', async (t) => {
  t.throws(() => parseSummary('starting benchmark...\nunable to connect\n', 128), {
    message: /unable to connect/,
  })
})

t.test('percentiles are nearest ranks', async (t) => {
  const hundred = Float64Array.from({ length: 100 }, (_, i) => i + 1)
  t.equal(percentile(hundred, 0.5), 50)
  t.equal(percentile(hundred, 0.99), 99)
  t.equal(percentile(Float64Array.of(7), 0.99), 7)
  t.ok(Number.isNaN(percentile(new Float64Array(0), 0.5)))
})

t.test('bodies that are short as a rule fail the run', async (t) => {
  const text = summary(
    '300 total, 300 started, 300 done, 300 succeeded, 0 failed, 0 errored, 0 timeout',
    '300 2xx, 0 3xx, 0 4xx, 0 5xx',
  )
  t.match(parseSummary(text, 1_000_000), { failed: 1, failure: 'bodies are shorter than 1000000 B' })
})
