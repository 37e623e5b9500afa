// Whatever stands in the file, the loader answers with the configuration or with problems a user can read.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { parseConfig } from '../../config/load.ts'
import type { LoadResult } from '../../config/types/problem.ts'

const baseDir = t.testdir({ certs: { 'ca.crt': '', 'checkout.crt': '', 'checkout.key': '' } })
const cases = readFileSync(new URL('cases/accepted.txt', import.meta.url), 'utf8').split(/^##### .*\n/m)
const skeleton = cases[2]!.split(/^=====\n/m)[0]!
const everyForm = cases[3]!.split(/^=====\n/m)[0]!

/** A generator of the same numbers in every run (mulberry32), from 0 to below 1. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const jargon = /undefined|received|invalid|zod|\bNaN\b|\[object|regex|\n/i

/** What is wrong with an answer, or `null`. */
function fault(text: string, result: LoadResult): string | null {
  if (result.ok) return null
  if (result.problems.length === 0) return 'refused without a problem'
  const lines = text.split('\n')
  for (const { line, column, message } of result.problems) {
    if (line < 1 || line > lines.length) return `line ${line} of ${lines.length}: ${message}`
    if (column < 1 || column > lines[line - 1]!.length + 1)
      return `column ${column} of line ${line}: ${message}`
    if (message.length > 600 || jargon.test(message)) return message
  }
  return null
}

t.test('garbage', async (t) => {
  const random = generator(1)
  const alphabet = '\n\n  \t:-[]{}&*!|>\'"#%@`,?~0a\u00e9\u{1f600}\0\x7f\r'
  const faults: string[] = []
  for (let run = 0; run < 1500; run++) {
    let text = ''
    const length = Math.floor(random() * 80)
    for (let index = 0; index < length; index++) {
      text +=
        run % 2
          ? alphabet[Math.floor(random() * alphabet.length)]
          : String.fromCharCode(Math.floor(random() * 256))
    }
    const found = fault(text, parseConfig(text, 'a.yaml', baseDir))
    if (found !== null) faults.push(`${JSON.stringify(text)}: ${found}`)
  }
  t.same(faults, [])
})

t.test('a configuration with pieces lost, doubled or swapped', async (t) => {
  const random = generator(2)
  const faults: string[] = []
  let refused = 0
  for (let run = 0; run < 400; run++) {
    const original = run % 2 ? skeleton : everyForm
    const at = Math.floor(random() * original.length)
    const piece = original.substring(at, at + 1 + Math.floor(random() * 12))
    const other = Math.floor(random() * original.length)
    const without = original.slice(0, at) + original.slice(at + piece.length)
    const text =
      run % 3 === 0
        ? without
        : without.slice(0, other) + piece + (run % 3 === 1 ? piece : '') + without.slice(other)
    const result = parseConfig(text, 'a.yaml', baseDir)
    if (!result.ok) refused++
    const found = fault(text, result)
    if (found !== null) faults.push(`${text}\n${found}`)
  }
  t.same(faults, [])
  t.ok(refused > 100, 'most of these texts are wrong')
})

type Path = readonly (string | number)[]

function* places(value: unknown, path: Path = []): Generator<Path> {
  yield path
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value))
    yield* places(inner, [...path, Array.isArray(value) ? Number(key) : key])
}

function replaced(value: unknown, path: Path, by: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return by
  if (Array.isArray(value))
    return value.map((item, index) => (index === key ? replaced(item, rest, by) : item))
  const object = value as Record<string, unknown>
  return { ...object, [key]: replaced(object[key], rest, by) }
}

t.test('each value in turn replaced by values of other kinds', async (t) => {
  const kinds = [null, 0, -1.5, 1e300, true, '', 'x', '*', '\u0000', [], [null], {}, { x: 1 }]
  const faults: string[] = []
  let next = 0
  for (const original of [skeleton, everyForm]) {
    const data: unknown = parse(original)
    for (const path of places(data)) {
      // Four of the kinds for each place, so that neighbours get others.
      for (let turn = 0; turn < 4; turn++) {
        const by = kinds[next++ % kinds.length]
        const text = stringify(replaced(data, path, by))
        const found = fault(text, parseConfig(text, 'a.yaml', baseDir))
        if (found !== null) faults.push(`${path.join('.')} = ${JSON.stringify(by)}: ${found}`)
      }
    }
  }
  t.same(faults, [])
})
