import { readFileSync } from 'node:fs'
import t from 'tap'
import { METRICS, type MetricDefinition } from '../../../proxy/telemetry/metric-table.ts'
import { Telemetry } from '../../../proxy/telemetry/telemetry.ts'

interface Row {
  name: string
  type: string
  labels: string[]
  meaning: string
}

const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')
const rows: Row[] = []
for (const line of page.split('\n')) {
  const match = /^\| `([a-z0-9_]+)` \| (\w+) \| (.*?) \| (.*) \|$/.exec(line)
  if (match === null) continue
  const labels = [...match[3]!.matchAll(/`(\w+)`/g)].map((label) => label[1]!)
  rows.push({ name: match[1]!, type: match[2]!, labels, meaning: match[4]! })
}

t.test('docs/metrics.md and the metric table say the same', async (t) => {
  const listed = rows.filter((row) => row.name.startsWith('pillion_'))
  const counted = Object.entries<MetricDefinition>(METRICS).map(([name, definition]) => ({
    name,
    type: definition.type as string,
    labels: [...definition.labels],
    meaning: definition.help,
  }))
  t.strictSame(listed, counted)
})

t.test('every metric of the process is in the docs with its type', async (t) => {
  const telemetry = new Telemetry({ service: 'docs', version: '0' })
  t.teardown(() => telemetry.close())
  const scraped = [...(await telemetry.text()).matchAll(/^# TYPE ((?:process|nodejs)_\w+) (\w+)$/gm)]
  const found = scraped.map((match) => `${match[1]} ${match[2]}`).sort()
  const listed = rows
    .filter((row) => !row.name.startsWith('pillion_'))
    .map((row) => `${row.name} ${row.type}`)
  t.strictSame(
    found.filter((metric) => !listed.includes(metric)),
    [],
    'nothing undocumented',
  )
  if (process.platform === 'linux') t.strictSame(listed.sort(), found, 'nothing documented in vain')
})

t.test('counters end in _total, and no other metric does', async (t) => {
  for (const [name, { type }] of Object.entries(METRICS)) {
    t.equal(name.endsWith('_total'), type === 'counter', name)
  }
})

t.test('names stay apart in OpenMetrics, where counters lose their suffix', async (t) => {
  const names = Object.keys(METRICS).map((name) => name.replace(/_total$/, ''))
  t.equal(new Set(names).size, names.length)
})
