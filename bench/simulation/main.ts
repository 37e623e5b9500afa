// Prints the figures of the balancing simulation: `npm run simulate`.

import { figureTable } from './figure.ts'
import { equalFigure } from './scenarios/equal.ts'
import { failingFigure } from './scenarios/failing.ts'
import { slowFigures } from './scenarios/slow.ts'
import { weightsFigure } from './scenarios/weights.ts'

const scale = { seed: 1, length: 1 }
const t = performance.now()
for (const f of [equalFigure(scale), weightsFigure(scale), ...slowFigures(scale), failingFigure(scale)])
  console.log(figureTable(f), performance.now() - t)
