import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { parseConfig } from '../../config/load.ts'
import { REUSED_CONNECTION_CLOSED, VERSION_NOT_SUPPORTED } from '../../proxy/codec/http1/reasons.ts'
import { reasons } from '../../proxy/message/reason.ts'
import { grpcStatusName } from './grpc-status-name.ts'
import { filesBelow, ROOT, readSources } from './sources.ts'

const page = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const all = [...Object.values(reasons), REUSED_CONNECTION_CLOSED, VERSION_NOT_SUPPORTED]
const sources = readSources(['proxy', 'config', 'certs', 'examples'])

/** Cells of the table rows between a heading and the next one; headings and rulers left out. */
function rowsBelow(text: string, heading: string): string[][] {
  const section = text.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

t.test('docs/reasons.md lists every reason as it is', async (t) => {
  const listed = rowsBelow(page('docs/reasons.md'), 'Reasons')
  const known = all.map((reason) => [
    `\`${reason.code}\``,
    reason.fault,
    String(reason.status),
    `${reason.grpcStatus} ${grpcStatusName(reason.grpcStatus)}`,
    reason.unprocessed ? 'yes' : 'no',
    reason.sentence,
  ])
  const byCode = (a: string[], b: string[]) => (a[0]! < b[0]! ? -1 : 1)
  t.strictSame([...listed].sort(byCode), known.sort(byCode))
})

t.test('codes of reasons are unique, and all reasons are where the page looks for them', async (t) => {
  t.equal(new Set(all.map(({ code }) => code)).size, all.length)
  const makers = sources.filter(({ text }) => text.includes('new Reason(')).map(({ path }) => path)
  t.strictSame(makers, ['proxy/codec/http1/reasons.ts', 'proxy/message/reason.ts'])
  const exported = page('proxy/codec/http1/reasons.ts').match(/new Reason\(/g)
  t.equal(exported?.length, 2, 'the two named above')
})

t.test('docs/reasons.md lists why connections are refused', async (t) => {
  const listed = rowsBelow(page('docs/reasons.md'), 'Refused connections').map(([code]) => code!.slice(1, -1))
  const code = sources.filter(({ path }) => path.startsWith('proxy/downstream/')).map(({ text }) => text)
  const given = code.flatMap((text) => [
    ...text.matchAll(/refusal: '([a-z-]+)'/g),
    ...text.matchAll(/refused\([^,]+, '([a-z-]+)'/g),
  ])
  t.strictSame(listed.sort(), [...new Set(given.map((found) => found[1]!))].sort())
})

interface Manifest {
  readonly dependencies: Record<string, string>
  readonly optionalDependencies: Record<string, string>
}
const manifest = JSON.parse(page('package.json')) as Manifest

t.test('docs/dependencies.md names every dependency, with a reason', async (t) => {
  const text = page('docs/dependencies.md')
  for (const [heading, declared] of [
    ['Always installed', manifest.dependencies],
    ['Optional', manifest.optionalDependencies],
  ] as const) {
    const rows = rowsBelow(text, heading)
    const names = rows.map(([name]) => name!.slice(1, -1))
    t.strictSame(names.sort(), Object.keys(declared).sort(), heading)
    for (const [name, reason] of rows)
      t.ok(reason !== undefined && reason.length > 20, `${name} has a reason`)
  }
})

t.test('what is imported is declared, and what is declared is imported', async (t) => {
  const used = new Set<string>()
  for (const { imports } of sources) {
    for (const { own, target } of imports) {
      if (own || target.startsWith('node:')) continue
      const parts = target.split('/')
      used.add(target.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!)
    }
  }
  const declared = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.optionalDependencies)]
  t.strictSame([...used].sort(), declared.sort())
})

t.test('links between pages lead somewhere', async (t) => {
  const pages = ['README.md', ...filesBelow('docs'), ...filesBelow('examples')].filter((path) =>
    path.endsWith('.md'),
  )
  t.ok(pages.length > 5)
  const broken = pages.flatMap((path) =>
    [...page(path).matchAll(/\]\(([^)\s]+)\)/g)]
      .map((found) => found[1]!)
      .filter((link) => !leadsSomewhere(path, link))
      .map((link) => `${path}: ${link}`),
  )
  t.strictSame(broken, [])
})

function leadsSomewhere(from: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return true
  const [file, fragment] = link.split('#') as [string, string | undefined]
  const target = file === '' ? from : join(dirname(from), file)
  if (!existsSync(join(ROOT, target))) return false
  return fragment === undefined || !target.endsWith('.md') || anchors(page(target)).includes(fragment)
}

function anchors(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map((found) => found[1]!)
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  )
}

t.test('paths named in the pages about the code exist', async (t) => {
  const NAMED = /`((?:proxy|config|certs|test|bench|examples|docs|k8s)\/[^`\s]*)`/g
  const lost = ['README.md', ...filesBelow('docs')].flatMap((path) =>
    [...page(path).matchAll(NAMED)]
      .map((found) => found[1]!)
      // Made by a run of the benchmark.
      .filter((named) => named !== 'bench/results')
      .filter((named) => !existsSync(join(ROOT, named.replace(/\*+.*$/, ''))))
      .map((named) => `${path} names ${named}`),
  )
  t.strictSame(lost, [])
})

t.test('the configuration in README.md is accepted', async (t) => {
  const examples = [...page('README.md').matchAll(/^```yaml\n([^`]*)^```/gm)].map((found) => found[1]!)
  t.equal(examples.length, 1)
  const result = parseConfig(examples[0]!, 'README.md', ROOT)
  t.same(result.ok ? result.warnings : result.problems, [])
})

t.test('commands in README.md are those of the program', async (t) => {
  const { stdout } = spawnSync(process.execPath, ['--import=tsx', 'proxy/main.ts', '--help'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const known = [...stdout.matchAll(/^ {2}([a-z]+)/gm)]
    .map((found) => found[1]!)
    .filter((name) => name !== 'help')
  const rows = [...page('README.md').matchAll(/^\| `pillion ([a-z]+)/gm)].map((found) => found[1]!)
  t.strictSame(rows.sort(), known.sort())
})
