import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig, parseConfig } from '../../config/load.ts'
import { formatProblem } from '../../config/problems.ts'
import { maxFileBytes } from '../../config/source-file.ts'
import type { LoadResult } from '../../config/types/problem.ts'

const smallest = `service: checkout
listeners: [{ name: out, address: 127.0.0.1:15001, routes: [{ upstream: u }] }]
upstreams: { u: { endpoints: [10.0.0.1:80] } }
`
const withIdentity = `${smallest}identity:
  { trustDomain: mesh.local, certificateFile: certs/a.crt, keyFile: certs/a.key, trustBundleFile: certs/ca.crt }
`

function problems(result: LoadResult): string[] {
  return result.ok ? [] : result.problems.map(formatProblem)
}

t.test('paths start at the folder of the file, wherever the process runs', async (t) => {
  const folder = t.testdir({ 'a.yaml': withIdentity, certs: { 'a.crt': '', 'a.key': '', 'ca.crt': '' } })
  chmodSync(join(folder, 'certs/a.key'), 0o600)
  const result = loadConfig(join(folder, 'a.yaml'))
  if (!result.ok) throw new Error(problems(result).join('\n'))
  t.equal(result.config.identity?.keyFile, join(folder, 'certs/a.key'))
  t.same(result.warnings, [])
})

t.test('what cannot be read as a file', async (t) => {
  const folder = t.testdir({
    'folder.yaml': {},
    'large.yaml': '',
    'latin1.yaml': Buffer.from('service: a\n# caf\xe9\n', 'latin1'),
    'mark.yaml': `\ufeff${smallest}`,
  })
  writeFileSync(join(folder, 'large.yaml'), Buffer.alloc(maxFileBytes + 1, '#'))
  const told = (name: string) =>
    problems(loadConfig(join(folder, name))).map((text) => text.replace(`${folder}/`, ''))
  t.same(told('none.yaml'), ['none.yaml:1:1: no such file, expected a configuration file'])
  t.same(told('folder.yaml'), ['folder.yaml:1:1: it is a folder, expected a configuration file'])
  t.same(told('large.yaml'), [
    'large.yaml:1:1: the file is larger than 4 MiB, expected a configuration file of some kilobytes',
  ])
  t.same(told('latin1.yaml'), ['latin1.yaml:2:6: not text in UTF-8, expected a YAML file'])
  t.same(told('mark.yaml'), [], 'a byte order mark is taken')
})

t.test('a text as large as a file may be is judged, a larger one is not', async (t) => {
  const comment = '#'.repeat(maxFileBytes - smallest.length)
  t.equal(parseConfig(smallest + comment, 'a.yaml', '/').ok, true)
  t.equal(parseConfig(`${smallest}${comment}#`, 'a.yaml', '/').ok, false)
})

t.test('Windows line ends', async (t) => {
  t.equal(parseConfig(smallest.replaceAll('\n', '\r\n'), 'a.yaml', '/').ok, true)
  t.same(problems(parseConfig('service: a\r\nlisteners: 1\r\nupstreams: {}\r\n', 'a.yaml', '/')), [
    'a.yaml:2:12: listeners: expected a list of at least one listener, each with name, address and routes, got `1`',
  ])
})

t.test('the configuration cannot be changed', async (t) => {
  const result = parseConfig(smallest, 'a.yaml', '/')
  if (!result.ok) throw new Error(problems(result).join('\n'))
  const { config } = result
  t.throws(() => Reflect.apply(Array.prototype.push, config.listeners, [1]), TypeError)
  t.equal(Reflect.set(config.listeners[0]!.limits, 'streams', 1), false)
  t.equal(Reflect.set(config.upstreams[0]!.endpoints[0]!.address, 'port', 1), false)
})

t.test('a command from elsewhere replaces that of the file, and is not looked for', async (t) => {
  const command = ['no-such-program', '--port=1']
  const app = (text: string) => {
    const result = parseConfig(text, 'a.yaml', '/', command)
    return result.ok ? result.config.app : problems(result)
  }
  t.match(app(smallest), { command, stop: { signal: 'SIGTERM' } })
  t.match(app(`${smallest}app: { command: [other], env: { A: b } }\n`), { command, env: { A: 'b' } })
  t.match(app(`${smallest}app: { env: { A: b } }\n`), { command, env: { A: 'b' } })
  t.match(app(`${smallest}app: 3\n`), [/^a\.yaml:4:6: app: expected a mapping with a command/])
  t.match(app('- 1\n'), [/^a\.yaml:1:1: expected a mapping with service/])
})
