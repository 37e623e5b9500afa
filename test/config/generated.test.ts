import { readFileSync } from 'node:fs'
import t from 'tap'
import { configJsonSchema, configJsonSchemaText, type JsonSchema } from '../../config/json-schema.ts'
import { parseConfig } from '../../config/load.ts'
import { formatProblem } from '../../config/problems.ts'
import { withReference } from '../../config/reference.ts'

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
const remedy = 'run: node --import=tsx config/generate-schema.ts'

t.test('the JSON Schema in the package is current', async (t) => {
  const file = readFileSync(new URL('../../config/pillion.schema.json', import.meta.url), 'utf8')
  t.equal(file, configJsonSchemaText(), remedy)
})

t.test('the reference in the documentation is current', async (t) => {
  t.equal(page, withReference(page), remedy)
  t.throws(() => withReference('no markers'), { message: /markers of the reference are missing/ })
})

function* keys(schema: JsonSchema, path: string): Generator<readonly [string, JsonSchema]> {
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    yield [`${path}.${key}`, property]
    yield* keys(property, `${path}.${key}`)
  }
  const inner = [schema.items, schema.additionalProperties || undefined, ...(schema.anyOf ?? [])]
  for (const form of inner) if (form) yield* keys(form, path)
}

t.test('every key says what it means, and none is left out of the reference', async (t) => {
  for (const [path, schema] of keys(configJsonSchema(), '')) {
    t.match(schema.description, /\.$/, path)
    t.ok(page.includes(`| ${schema.description?.replaceAll('|', '\\|')} |`), `${path} is in the page`)
  }
})

t.test('the examples in the documentation are accepted', async (t) => {
  const baseDir = t.testdir({ certs: { 'ca.crt': '', 'checkout.crt': '', 'checkout.key': '' } })
  const examples = [...page.matchAll(/^```yaml\n(service:[^`]*)^```/gm)].map((match) => match[1]!)
  t.equal(examples.length, 2)
  for (const example of examples) {
    const result = parseConfig(example, 'example.yaml', baseDir)
    t.same(result.ok ? [] : result.problems.map(formatProblem), [])
  }
})
