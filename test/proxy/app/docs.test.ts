import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseConfig } from '../../../config/load.ts'
import { formatProblem } from '../../../config/problems.ts'

t.test('the example in docs/app.md is accepted', async (t) => {
  const page = readFileSync(new URL('../../../docs/app.md', import.meta.url), 'utf8')
  const examples = [...page.matchAll(/^```yaml\n(service:[^`]*)^```/gm)].map((match) => match[1]!)
  t.equal(examples.length, 1)
  for (const example of examples) {
    const result = parseConfig(example, 'app.md', '/')
    t.same(result.ok ? result.warnings : result.problems.map(formatProblem), [])
  }
})
