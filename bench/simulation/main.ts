// The balancing simulation: prints its tables, and writes them and the plot into docs. `npm run simulate`.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { figureTable } from './figure.ts'
import { PUBLISHED, plotOf, runStudies, withFigures } from './study.ts'

const HELP = `usage: npm run simulate -- [--seed N] [--length FACTOR]

Simulates how the balancing policies spread requests, and prints what came of it. With the seed and the length that
are published, ${PUBLISHED.seed} and ${PUBLISHED.length}, docs/balancing.md and docs/balancing.svg are brought up to date, too.

  --seed N          any whole number: other random requests, the same scenarios
  --length FACTOR   so much longer, or shorter, than usual
`

const PAGE = new URL('../../docs/balancing.md', import.meta.url)
const PLOT = new URL('../../docs/balancing.svg', import.meta.url)

function main(): number {
  let seed: number
  let length: number
  try {
    const { values } = parseArgs({
      options: { seed: { type: 'string' }, length: { type: 'string' }, help: { type: 'boolean' } },
    })
    if (values.help === true) {
      process.stdout.write(HELP)
      return 0
    }
    seed = Number(values.seed ?? PUBLISHED.seed)
    length = Number(values.length ?? PUBLISHED.length)
    if (!Number.isInteger(seed)) throw new Error('--seed has to be a whole number')
    if (!(length > 0)) throw new Error('--length has to be a number above zero')
  } catch (error) {
    process.stderr.write(`simulate: ${error instanceof Error ? error.message : error}\n\n${HELP}`)
    return 2
  }
  const study = runStudies({ seed, length }, ({ figures }) => {
    for (const figure of figures) process.stdout.write(`${figureTable(figure)}\n`)
  })
  if (seed === PUBLISHED.seed && length === PUBLISHED.length) {
    writeFileSync(PAGE, withFigures(readFileSync(PAGE, 'utf8'), study))
    writeFileSync(PLOT, plotOf(study))
  }
  return 0
}

process.exitCode = main()
