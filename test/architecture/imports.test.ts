import t from 'tap'
import { findCycle } from './cycles.ts'
import { type Import, readSources, type Source } from './sources.ts'
import { ALLOWED, mayImport, zoneOf } from './zones.ts'

const sources = readSources(['proxy', 'config', 'certs', 'examples'])
const paths = new Set(sources.map(({ path }) => path))

t.test('the reader of imports sees them', async (t) => {
  const main = sources.find(({ path }) => path === 'proxy/main.ts')
  const targets = main?.imports.map(({ target }) => target) ?? []
  t.ok(targets.includes('commander'))
  t.ok(targets.includes('certs/commands.ts'))
  const own = sources.flatMap(({ imports }) => imports.filter((each) => each.own))
  t.ok(own.some(({ typeOnly }) => typeOnly))
  t.ok(own.some(({ typeOnly }) => !typeOnly))
})

t.test('every import leads to a file', async (t) => {
  const lost = sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ own, target }) => own && !paths.has(target))
      .map(({ target }) => `${path} -> ${target}`),
  )
  t.strictSame(lost, [])
})

t.test('no layer imports one that it must not know', async (t) => {
  const wrong = sources.flatMap(({ path, imports }) => {
    const from = zoneOf(path)
    if (!(from in ALLOWED))
      return `${path}: test/architecture/zones.ts does not say what its folder may import`
    const forbidden = imports.filter(({ own, target }) => own && !mayImport(from, zoneOf(target)))
    return forbidden.map(({ target }) => `${path} -> ${target}`)
  })
  t.strictSame(wrong, [])
})

t.test('the rules hold what they are for', async (t) => {
  t.notOk(mayImport('proxy/codec/http1', 'proxy/codec/http2'))
  t.notOk(mayImport('proxy/codec/http2', 'proxy/codec/http1'))
  t.notOk(mayImport('proxy/downstream', 'proxy/upstream'))
  t.notOk(mayImport('proxy/upstream', 'proxy/downstream'))
  t.notOk(mayImport('config', 'certs'))
  t.notOk(mayImport('certs', 'config/types'))
  const decisions = ['proxy/route', 'proxy/policy', 'proxy/balance', 'proxy/discovery']
  for (const from of decisions) {
    for (const to of [...decisions, 'proxy/codec', 'proxy/codec/http1', 'proxy/codec/http2']) {
      t.equal(mayImport(from, to), from === to, `${from} and ${to}`)
    }
  }
  for (const from of ['certs', 'config']) {
    t.strictSame(
      ALLOWED[from]!.filter((zone) => zone.startsWith('proxy')),
      [],
      from,
    )
  }
})

t.test('a folder that no rule names is noticed', async (t) => {
  t.equal(zoneOf('proxy/unheard-of/file.ts'), 'proxy/unheard-of')
  t.equal(zoneOf('proxy/balance/health-check/check.ts'), 'proxy/balance')
  t.equal(zoneOf('proxy/codec/http2/hpack/decoder.ts'), 'proxy/codec/http2')
  t.equal(zoneOf('proxy/server.ts'), 'proxy')
  t.equal(zoneOf('config/types/route.ts'), 'config/types')
})

t.test('layers form no cycle, types counted', async (t) => {
  const edges = new Map<string, Set<string>>()
  for (const { path, imports } of sources) {
    for (const { own, target } of imports) {
      // Each file of the top level stands for itself: they build on each other.
      const [from, to] = [path, target].map((file) => (zoneOf(file) === 'proxy' ? file : zoneOf(file)))
      if (own && from !== to) edges.set(from!, (edges.get(from!) ?? new Set()).add(to!))
    }
  }
  t.strictSame(findCycle(edges), [])
})

t.test('files form no cycle at run time', async (t) => {
  const edges = new Map<string, Set<string>>()
  for (const { path, imports } of sources) {
    edges.set(path, new Set(imports.filter((each) => each.own && !each.typeOnly).map(({ target }) => target)))
  }
  t.strictSame(findCycle(edges), [])
})

t.test('a cycle is found', async (t) => {
  const edges = new Map([
    ['a', new Set(['b'])],
    ['b', new Set(['c', 'd'])],
    ['d', new Set(['b'])],
  ])
  t.strictSame(findCycle(edges), ['b', 'd', 'b'])
})

t.test('requests pass through no HTTP library and no package', async (t) => {
  const onPath = /^proxy\/(base|message|codec|downstream|upstream|exchange|route)\//
  const files = sources.filter(({ path }) => onPath.test(path))
  t.ok(files.length > 50)
  const packages = importing(files, ({ own, target }) => !own && !target.startsWith('node:'))
  t.strictSame(packages, [])
  t.strictSame(
    importing(files, ({ target }) => /^node:(http|https|http2|stream)\b/.test(target)),
    [],
  )
})

t.test('codecs do no I/O: what lies around them in proxy/codec has the sockets', async (t) => {
  const codecs = sources.filter(({ path }) => /^proxy\/codec\/http[12]\//.test(path))
  t.ok(codecs.length > 30)
  const io = importing(codecs, ({ target, typeOnly }) => /^node:(net|tls|fs|dns)/.test(target) && !typeOnly)
  t.strictSame(io, [])
})

/** The imports of `files` that meet `condition`, as text. */
function importing(files: readonly Source[], condition: (each: Import) => boolean): string[] {
  return files.flatMap(({ path, imports }) =>
    imports.filter(condition).map(({ target }) => `${path} -> ${target}`),
  )
}
