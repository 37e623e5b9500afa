import { spawnSync } from 'node:child_process'
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from './sources.ts'

const listing = spawnSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
const tracked = listing.status === 0 ? listing.stdout.split('\0').filter((path) => path !== '') : []
const skip = tracked.length === 0 ? 'not a git checkout' : false

/** Folders and hosts of the machines this was written on. Each has a bracket so that it does not find itself. */
const FOREIGN: readonly (readonly [string, RegExp])[] = [
  ['a home folder', /\/(?:roo[t]|hom[e]\/[a-z])\//],
  ['a work folder', /(?:^|[\s'"`=(])\/wor[k]\/[a-z.]/m],
  ['a temporary file', /(?:^|[\s'"`=(])\/tm[p]\/[a-z]/m],
  ['the host of a package registry', /\bregistr[y]\.[a-z0-9-]+\.[a-z]+|\bnpmjs\.(?:org|com)/],
]

t.test('no file names a place of one machine', { skip }, async (t) => {
  const found = tracked.flatMap((path) => {
    const file = join(ROOT, path)
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return []
    const text = readFileSync(file, 'utf8')
    return FOREIGN.filter(([, pattern]) => pattern.test(text)).map(([what]) => `${path}: ${what}`)
  })
  t.strictSame(found, [])
})

t.test('the patterns find what they are for', async (t) => {
  const examples = [
    `/ro${'ot/x'}`,
    `cd /wo${'rk/main'}`,
    `'/tm${'p/x'}'`,
    `https://registr${'y.example.org/tap'}`,
  ]
  for (const [i, example] of examples.entries()) t.match(example, FOREIGN[i]![1])
})

t.test('the lock file binds to contents, not to hosts', async (t) => {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { resolved?: string; integrity?: string }>
  }
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '')
  t.ok(packages.length > 50)
  const named = (list: typeof packages) => list.map(([path]) => path)
  t.strictSame(named(packages.filter(([, { resolved }]) => resolved !== undefined)), [], 'no address')
  t.strictSame(named(packages.filter(([, { integrity }]) => integrity === undefined)), [], 'a checksum each')
})

t.test('only text and whole files are tracked', { skip }, async (t) => {
  const built = tracked.filter((path) => /(^|\/)(node_modules|dist|\.tap|__pycache__|results)\//.test(path))
  t.strictSame(built, [])
  const keys = tracked.filter((path) => /\.(key|pem|p12)$/.test(path))
  t.strictSame(keys, [], 'no private key')
})
