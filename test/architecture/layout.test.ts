import t from 'tap'
import { filesBelow, readSources, withoutComments } from './sources.ts'

const MAX_LINES = 400
const VAGUE = /^(utils?|helpers?|common|misc|shared|index|lib|stuff)$/
const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/

const sources = readSources(['proxy', 'config', 'certs', 'bench', 'examples'])

t.test('no source file is longer than can be read in one go', async (t) => {
  const lengths = sources.map(({ path, text }) => ({
    path,
    lines: text.replace(/\n$/, '').split('\n').length,
  }))
  t.ok(lengths.length > 100)
  t.strictSame(
    lengths.filter(({ lines }) => lines > MAX_LINES),
    [],
  )
})

t.test('names are nouns of the field, in kebab case', async (t) => {
  const folders = ['proxy', 'config', 'certs', 'bench', 'examples', 'test']
  const files = folders.flatMap(filesBelow).filter((path) => path.endsWith('.ts'))
  t.ok(files.length > sources.length, 'tests are looked at, too')
  const parts = (path: string) => path.replace(/(\.test|\.d)?\.ts$/, '').split('/')
  t.strictSame(
    files.filter((path) => parts(path).some((part) => !NAME.test(part))),
    [],
    'kebab case',
  )
  t.strictSame(
    files.filter((path) => parts(path).some((part) => VAGUE.test(part))),
    [],
    'names say what is in it',
  )
})

t.test('no file only passes on what others export', async (t) => {
  t.strictSame(
    sources.filter(({ text }) => isBarrel(text)).map(({ path }) => path),
    [],
  )
  t.ok(isBarrel("// All of it\nexport * from './a.ts'\nexport { b } from './b.ts'\n"), 'one would be noticed')
  t.notOk(isBarrel("export { b } from './b.ts'\nexport const c = 1\n"))
})

function isBarrel(text: string): boolean {
  const code = withoutComments(text)
  const rest = code.replace(/^export\s+(type\s+)?(\*(\s+as\s+\w+)?|\{[^}]*\})\s+from\s+'[^']+'/gm, '')
  return code.trim() !== '' && rest.trim() === ''
}

t.test('tests stand where their sources stand', async (t) => {
  const OWN = /^test\/(architecture|conformance|fuzz|integration|k8s|support)\//
  const folders = new Set(sources.map(({ path }) => path.slice(0, path.lastIndexOf('/'))))
  const mirrored = filesBelow('test').filter((path) => path.endsWith('.test.ts') && !OWN.test(path))
  t.ok(mirrored.length > 20)
  const lost = mirrored.filter((path) => {
    const folder = path.slice('test/'.length, path.lastIndexOf('/'))
    return !folders.has(folder) && ![...folders].some((each) => each.startsWith(`${folder}/`))
  })
  t.strictSame(lost, [])
})
