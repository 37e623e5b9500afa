import { readFileSync } from 'node:fs'
import t from 'tap'
import { slowStudy } from '../../../bench/simulation/scenarios/slow.ts'
import { PUBLISHED, plotOf, runStudies, withFigures } from '../../../bench/simulation/study.ts'

t.setTimeout(180_000)

const remedy = 'run: npm run simulate'
const page = readFileSync(new URL('../../../docs/balancing.md', import.meta.url), 'utf8')
const plot = readFileSync(new URL('../../../docs/balancing.svg', import.meta.url), 'utf8')

t.test('docs/balancing.md and its plot show what the simulation finds', async (t) => {
  const study = runStudies(PUBLISHED)
  t.equal(withFigures(page, study), page, remedy)
  t.equal(plotOf(study), plot, remedy)
})

t.test('another seed gives other figures, the same one the same', async (t) => {
  const short = (seed: number) => withFigures('', slowStudy({ seed, length: 0.05 }))
  t.equal(short(3), short(3))
  t.not(short(3), short(4))
})

t.test('figures replace those that are there, and nothing else', async (t) => {
  const figure = (text: string) => ({
    figures: [{ title: text, setting: 'So.', columns: ['policy', 'p99'], rows: [['random', '1 ms']] }],
    panels: [],
  })
  const first = withFigures('# Balancing\n\nText.\n', figure('One'))
  t.match(first, /^# Balancing\n\nText\.\n\n<!-- figures: begin/)
  t.match(first, '### One\n\nSo.\n\n| policy | p99 |\n| --- | --: |\n| random | 1 ms |\n')
  const second = withFigures(`${first}\nBehind.\n`, figure('Two'))
  t.match(second, '### Two')
  t.notMatch(second, '### One')
  t.match(second, /<!-- figures: end -->\n\nBehind\.\n$/)
})
