import t from 'tap'
import { parseResult } from '../../../bench/load/wrk.ts'

const line = (rest: string) =>
  `Running 3s test\nresult requests=6000 bytes=1500000 micros=3000000 p50=1250 p99=3050 ${rest}\nTransfer/sec: 1MB\n`

t.test('reads rate and latencies', async (t) => {
  t.same(parseResult(line('connect=0 read=0 write=0 timeout=0 status=0'), 128), {
    requestsPerSecond: 2000,
    p50: 1.25,
    p99: 3.05,
    failed: 0,
    failure: '',
  })
})

t.test('socket errors and statuses fail the run, by cause', async (t) => {
  const result = parseResult(line('connect=0 read=2 write=0 timeout=0 status=3'), 128)
  t.match(result, { failed: 5, failure: '2 read errors, 3 status errors' })
})

t.test('a run without any success has failed', async (t) => {
  const result = parseResult(
    'result requests=0 bytes=0 micros=3000000 p50=0 p99=0 connect=0 read=0 write=0 timeout=0 status=0',
    128,
  )
  t.match(result, { failed: 1, failure: 'no request succeeded' })
})

t.test('output without a result is an error that shows it', async (t) => {
  t.throws(() => parseResult('unable to connect to 127.0.0.1:1', 128), { message: /unable to connect/ })
})

t.test('bodies that are short as a rule fail the run', async (t) => {
  const result = parseResult(line('connect=0 read=0 write=0 timeout=0 status=0'), 65_536)
  t.match(result, { failed: 1, failure: 'bodies are shorter than 65536 B' })
})
