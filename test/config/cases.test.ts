// Each file under cases holds cases: `##### title`, the YAML, `=====`, and what is expected of it. Expected are the
// problems, a line each, without the file's name; or `accepted`, the warnings, and what the configuration contains.
import { chmodSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parseConfig } from '../../config/load.ts'
import type { Problem } from '../../config/types/problem.ts'

const folder = new URL('cases/', import.meta.url)
const baseDir = t.testdir({
  certs: { 'ca.crt': 'root', 'checkout.crt': 'leaf', 'checkout.key': 'key', 'open.key': 'key' },
})
chmodSync(`${baseDir}/certs/checkout.key`, 0o600)
chmodSync(`${baseDir}/certs/open.key`, 0o644)

for (const file of readdirSync(folder)) {
  t.test(file, async (t) => {
    const cases = readFileSync(new URL(file, folder), 'utf8')
      .split(/^##### /m)
      .slice(1)
    t.not(cases.length, 0, 'has cases')
    for (const text of cases) {
      const title = text.slice(0, text.indexOf('\n'))
      const [yaml, expected] = text.slice(title.length + 1).split(/^=====\n/m) as [string, string]
      const result = parseConfig(yaml, 'config.yaml', baseDir)
      if (!result.ok) {
        t.equal(result.problems.map(line).join('\n'), expected.trim(), title)
        continue
      }
      const start = expected.indexOf('{')
      const told = ['accepted', ...result.warnings.map((warning) => `warning ${line(warning)}`)].join('\n')
      t.equal(told, expected.slice(0, start < 0 ? undefined : start).trim(), title)
      const config: unknown = JSON.parse(JSON.stringify(result.config).replaceAll(baseDir, '.'))
      if (start >= 0) t.has(config, JSON.parse(expected.slice(start)), `${title}: the configuration`)
    }
  })
}

function line({ line, column, path, message }: Problem): string {
  const text = path === '' ? message : `${path}: ${message}`
  return `${line}:${column}: ${text.replaceAll(baseDir, '.')}`
}
