// Prints the table of docs/overload.md: `node --import=tsx test/proxy/policy/overload-figures.ts`.
import { SeededRandom } from '../../../proxy/base/random.ts'
import { ConcurrencyLimit } from '../../../proxy/policy/concurrency-limit.ts'
import { ConcurrencyStats } from '../../../proxy/telemetry/concurrency-stats.ts'
import { QueueServer } from './queue-server.ts'

const [CAPACITY, SERVICE, PATIENCE] = [20, 50, 1000]
const SEED = 1
const RANGE = { min: 5, max: 1000, start: 20 }

function row(times: number, limited: boolean): string {
  const rate = (times * 1000 * CAPACITY) / SERVICE
  const limit = limited
    ? new ConcurrencyLimit(RANGE, '', new ConcurrencyStats('', ''), new SeededRandom(SEED))
    : null
  const load = { capacity: CAPACITY, service: SERVICE, rate, patience: PATIENCE }
  const server = new QueueServer(load, limit, new SeededRandom(SEED))
  server.run(30_000)
  const { goodput, refused, median, p99, limit: mean } = server.run(60_000)
  const cells = [
    `${times} x`,
    limited ? 'adaptive' : 'none',
    `${Math.round((100 * goodput) / server.throughput)} %`,
    `${(100 * refused).toFixed(1)} %`,
    milliseconds(median),
    milliseconds(p99),
    limited ? String(Math.round(mean)) : '',
  ]
  return `| ${cells.join(' | ')} |`
}

function milliseconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`
}

const rows = [0.5, 1, 2, 5].flatMap((times) => [row(times, false), row(times, true)])
console.log(
  [
    '| load | limit | useful answers | refused | median | 99 % | mean limit |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n'),
)
