import type { Comparison, Row } from './comparison.ts'
import type { Measurement } from './measurement.ts'

/** Above this share of a core taken by others or by the hypervisor, a figure says more about them. */
const DISTURBED = 0.1
/** A core this busy is the limit. */
const SATURATED = 0.93
/** Figures are compared with this proxy's. */
const SUBJECT = 'pillion'

/** Medians over the rounds, each column for itself. */
export interface Summary {
  readonly name: string
  readonly valid: boolean
  readonly requestsPerSecond: number
  readonly cpuMicros: number
  readonly p50: number
  readonly p99: number
  readonly residentBytes: number
  readonly proxyCore: number
  readonly loadCore: number
  readonly stolen: number
  readonly foreign: number
}

type Figure = Exclude<keyof Summary & keyof Measurement, 'name' | 'valid'>

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** A row with a failed request in any round, or that was given up, is not valid and takes no part in ratios. */
export function summarize(row: Row): Summary {
  const of = (figure: Figure) => median(row.measurements.map((one) => one[figure]))
  return {
    name: row.name,
    valid:
      row.error === null && row.measurements.length > 0 && row.measurements.every((one) => one.failed === 0),
    requestsPerSecond: of('requestsPerSecond'),
    cpuMicros: of('cpuMicros'),
    p50: of('p50'),
    p99: of('p99'),
    residentBytes: of('residentBytes'),
    proxyCore: of('proxyCore'),
    loadCore: of('loadCore'),
    stolen: of('stolen'),
    foreign: of('foreign'),
  }
}

/** The table of one scenario with its remarks, as text. */
export function formatComparison(comparison: Comparison): string {
  const summaries = comparison.rows.filter((row) => row.measurements.length > 0).map(summarize)
  const subject = summaries.find((one) => one.name === SUBJECT && one.valid)
  const table = [
    ['proxy', 'requests/s', 'CPU us/req', 'p50 ms', 'p99 ms', 'RSS MB', 'proxy core', 'load core'],
    ...summaries.map((one) => (one.valid ? cells(one) : [one.name, 'INVALID'])),
  ]
  if (subject !== undefined) {
    table[0]?.push(`${SUBJECT} req/s`, `${SUBJECT} per CPU`)
    for (const [i, one] of summaries.entries()) {
      if (!one.valid) continue
      table[i + 1]?.push(
        ratio(subject.requestsPerSecond / one.requestsPerSecond),
        ratio(one.cpuMicros / subject.cpuMicros),
      )
    }
  }
  const lines = [`${comparison.scenario.name}: ${comparison.scenario.title}`, ...align(table)]
  for (const remark of remarks(comparison, summaries)) lines.push(`  - ${remark}`)
  return lines.join('\n')
}

function cells(one: Summary): string[] {
  return [
    one.name,
    Math.round(one.requestsPerSecond).toLocaleString('en'),
    one.cpuMicros.toFixed(1),
    one.p50.toFixed(2),
    one.p99.toFixed(2),
    (one.residentBytes / 1e6).toFixed(0),
    percent(one.proxyCore),
    percent(one.loadCore),
  ]
}

function remarks(comparison: Comparison, summaries: readonly Summary[]): string[] {
  const found: string[] = []
  for (const row of comparison.rows) {
    if (row.error !== null) found.push(`${row.name}: ${row.error}`)
    const failure = row.measurements.find((one) => one.failed > 0)
    if (failure !== undefined) found.push(`${row.name}: invalid: ${failure.failure}`)
    if (row.measurements.length > 0) found.push(...row.notes)
  }
  for (const one of summaries) {
    if (!one.valid) continue
    if (one.proxyCore + one.stolen < SATURATED && one.loadCore + one.stolen > SATURATED) {
      found.push(
        `${one.name}: load generator and upstream are the limit, not the proxy: compare its CPU per request`,
      )
    }
    if (one.foreign > DISTURBED)
      found.push(`${one.name}: other work took ${percent(one.foreign)} of the proxy's core`)
    if (one.stolen > DISTURBED)
      found.push(`${one.name}: the hypervisor took ${percent(one.stolen)} of the cores`)
  }
  if (comparison.direct !== null && comparison.direct.measurements.length > 0) {
    const direct = summarize(comparison.direct)
    const rate = Math.round(direct.requestsPerSecond).toLocaleString('en')
    found.push(
      `load straight on the upstream, no TLS: ${rate} requests/s with the load core ${percent(direct.loadCore)} busy`,
    )
  }
  return found
}

/** First column to the left, figures to the right. */
function align(table: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of table) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  }
  return table.map((row) => {
    const padded = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    )
    return `  ${padded.join('  ')}`.trimEnd()
  })
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function ratio(value: number): string {
  return `${value.toFixed(2)} x`
}

/** Everything that was measured, for other programs; `machine` describes where. */
export function toJson(
  comparisons: readonly Comparison[],
  machine: Readonly<Record<string, unknown>>,
): string {
  const scenarios = comparisons.map(({ scenario, rows, direct }) => ({
    scenario,
    medians: rows.filter((row) => row.measurements.length > 0).map(summarize),
    rows,
    direct,
  }))
  return `${JSON.stringify({ machine, scenarios }, null, 2)}\n`
}
