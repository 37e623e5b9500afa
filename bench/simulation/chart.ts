import type { Latencies } from './latencies.ts'

/** Curves over one pair of axes. */
export interface Panel {
  readonly title: string
  readonly curves: readonly { readonly name: string; readonly latencies: Latencies }[]
}

/** Of one panel's axes, in pixels. */
const WIDTH = 270
const HEIGHT = 230
const LEFT = 56
const TOP = 64
const GAP = 34
const BOTTOM = 66

/** Milliseconds on the horizontal axis. */
const FROM = 1
const TO = 100_000
/** Share of requests at the foot of the vertical axis; the head is 1. */
const LEAST = 0.0001
/** Points of a curve, evenly spread along the axis. */
const POINTS = 160

/** Readable on white and on black. */
const COLOURS: Readonly<Record<string, string>> = {
  'round-robin': '#e0662b',
  random: '#8c8c8c',
  'least-request': '#3d8fd9',
  ewma: '#2fa36b',
}
/** Lines of different kind are told apart where one lies on another. */
const DASHES: Readonly<Record<string, string>> = { random: '6 5' }
const TICKS_MS = [1, 10, 100, 1000, 10_000, 100_000]
const TICKS_SHARE = [1, 0.1, 0.01, 0.001, 0.0001]

/** How large a share of the requests takes longer than so and so long: both axes are logarithmic. */
export function latencyChart(panels: readonly Panel[]): string {
  const width = LEFT + panels.length * (WIDTH + GAP)
  const height = TOP + HEIGHT + BOTTOM
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>Share of requests that take longer, by policy</title>
<style>
text { fill: #57606a } .title { fill: #24292f; font-weight: 600 } .grid { stroke: #8c959f; stroke-opacity: .3 }
@media (prefers-color-scheme: dark) { text { fill: #9198a1 } .title { fill: #e6edf3 } }
</style>
<text x="${LEFT - 44}" y="20" class="title" font-size="14">Share of requests that take longer than …</text>
${panels.map((panel, i) => panelText(panel, LEFT + i * (WIDTH + GAP), i === 0)).join('\n')}
${legend(panels, height - 22)}
</svg>
`
}

function panelText({ title, curves }: Panel, left: number, isFirst: boolean): string {
  const bottom = TOP + HEIGHT
  const lines = [`<text x="${left}" y="${TOP - 14}" class="title">${title}</text>`]
  for (const ms of TICKS_MS) {
    const x = number(left + across(ms))
    lines.push(`<path d="M${x} ${TOP}V${bottom}" class="grid"/>`)
    const anchor = ms === FROM ? 'start' : ms === TO ? 'end' : 'middle'
    lines.push(`<text x="${x}" y="${bottom + 18}" text-anchor="${anchor}">${duration(ms)}</text>`)
  }
  for (const share of TICKS_SHARE) {
    const y = number(TOP + down(share))
    lines.push(`<path d="M${left} ${y}H${left + WIDTH}" class="grid"/>`)
    if (!isFirst) continue
    lines.push(
      `<text x="${left - 8}" y="${number(TOP + down(share) + 4)}" text-anchor="end">${100 * share} %</text>`,
    )
  }
  for (const { name, latencies } of curves) {
    const d = curve(latencies, left)
    lines.push(`<path d="${d}" fill="none" stroke-width="2" stroke-linejoin="round" ${stroke(name)}/>`)
  }
  return lines.join('\n')
}

function curve(latencies: Latencies, left: number): string {
  const points: string[] = []
  for (let i = 0; i <= POINTS; i++) {
    const ms = FROM * (TO / FROM) ** (i / POINTS)
    const share = latencies.shareAbove(ms)
    points.push(`${number(left + across(ms))} ${number(TOP + down(Math.max(LEAST, share)))}`)
    if (share < LEAST) break
  }
  return `M${points.join('L')}`
}

function legend(panels: readonly Panel[], y: number): string {
  const names = [...new Set(panels.flatMap(({ curves }) => curves.map(({ name }) => name)))]
  return names
    .map((name, i) => {
      const x = LEFT + i * 130
      return `<path d="M${x} ${y - 4}h24" stroke-width="3" ${stroke(name)}/><text x="${x + 30}" y="${y}">${name}</text>`
    })
    .join('\n')
}

function across(ms: number): number {
  return (WIDTH * Math.log(ms / FROM)) / Math.log(TO / FROM)
}

function down(share: number): number {
  return (HEIGHT * Math.log(share)) / Math.log(LEAST)
}

function stroke(name: string): string {
  const dashes = DASHES[name]
  const colour = COLOURS[name] ?? '#a371f7'
  return `stroke="${colour}"${dashes === undefined ? '' : ` stroke-dasharray="${dashes}"`}`
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`
}

function number(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '')
}
