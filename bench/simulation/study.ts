import { latencyChart, type Panel } from './chart.ts'
import { type Figure, figureText } from './figure.ts'
import { consistentStudy } from './scenarios/consistent.ts'
import { equalStudy } from './scenarios/equal.ts'
import { failingStudy } from './scenarios/failing.ts'
import { manyStudy } from './scenarios/many.ts'
import { priorityStudy } from './scenarios/priority.ts'
import { recoveryStudy } from './scenarios/recovery.ts'
import type { Scale } from './scenarios/settings.ts'
import { slowStudy } from './scenarios/slow.ts'
import { slowStartStudy } from './scenarios/slow-start.ts'
import { weightsStudy } from './scenarios/weights.ts'
import { zonesStudy } from './scenarios/zones.ts'

/** What a scenario, or all of them, found. */
export interface Study {
  readonly figures: readonly Figure[]
  /** For the plot. */
  readonly panels: readonly Panel[]
}

const STUDIES: readonly ((scale: Scale) => Study)[] = [
  equalStudy,
  weightsStudy,
  slowStudy,
  failingStudy,
  recoveryStudy,
  slowStartStudy,
  manyStudy,
  priorityStudy,
  zonesStudy,
  consistentStudy,
]

/** What is published. */
export const PUBLISHED: Scale = { seed: 1, length: 1 }

/** Runs every scenario. */
export function runStudies(scale: Scale, progress: (study: Study) => void = () => {}): Study {
  const figures: Figure[] = []
  const panels: Panel[] = []
  for (const run of STUDIES) {
    const study = run(scale)
    figures.push(...study.figures)
    panels.push(...study.panels)
    progress(study)
  }
  return { figures, panels }
}

const BEGIN = '<!-- figures: begin. Written by `npm run simulate`; do not edit. -->'
const END = '<!-- figures: end -->'

const INTRODUCTION = `How the policies compare, found by simulation: the balancers are those of the proxy, time and endpoints are simulated.
Requests come at random moments whatever becomes of those before, every one is counted, and the same seed gives the same
figures. \`npm run simulate\` makes them again; \`npm run simulate -- --seed 7\` shows how much is chance.

![Share of requests that take longer, by policy](balancing.svg)
`

/** The page with the figures of this study in place of those that it has; they come last when it has none. */
export function withFigures(page: string, { figures }: Study): string {
  const text = `${BEGIN}\n\n${INTRODUCTION}\n${figures.map(figureText).join('\n')}\n${END}`
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) return `${page.trimEnd()}\n\n${text}\n`
  return page.slice(0, begin) + text + page.slice(end + END.length)
}

/** The plot, as SVG. */
export function plotOf({ panels }: Study): string {
  return latencyChart(panels)
}
