import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { formatInput, readCorpus } from './corpus.ts'
import { Fuzzer } from './fuzzer.ts'
import { TARGETS } from './targets.ts'

/** Executions of each target: a second or less. `npm run fuzz` runs them for as long as asked. */
const EXECUTIONS: Readonly<Record<string, number>> = {
  'hpack-decoder': 10_000,
  'http2-frames': 5000,
  'http1-request-head': 1000,
  'http1-response-head': 1000,
  'chunked-body': 20_000,
  paths: 20_000,
  'dns-replies': 10_000,
}
const CONNECTION_EXECUTIONS = 3000

for (const target of TARGETS) {
  t.test(target.name, async (t) => {
    const fuzzer = new Fuzzer(target, 1, readCorpus(target.name))
    const executions = EXECUTIONS[target.name] ?? CONNECTION_EXECUTIONS
    while (fuzzer.executions < executions) {
      const finding = fuzzer.step()
      if (finding === null) continue
      t.fail(`${finding.error.message}\n${formatInput(finding.input)}`, finding.error)
      return
    }
    t.ok(fuzzer.kept.length > 30, `${fuzzer.kept.length} inputs did something new`)
  })
}

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

function fuzz(...parameters: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--import=tsx', MAIN, ...parameters], { encoding: 'utf8' })
}

t.test('by hand: help, a run, and what is wrong with the arguments', async (t) => {
  const help = fuzz('--help')
  for (const { name } of TARGETS) t.match(help.stdout, name)
  const run = fuzz('--target', 'chunked-body', '--runs', '500')
  t.equal(run.status, 0, run.stderr)
  t.match(run.stdout, /^chunked-body: \d+ s, 500 executions, /m)
  const unknown = fuzz('--target', 'nothing')
  t.not(unknown.status, 0)
  t.match(unknown.stderr, /One of hpack-decoder/)
  const missing = fuzz('--target', 'chunked-body', '--input', 'no-such-file')
  t.equal(missing.status, 2)
  t.match(missing.stderr, /no-such-file/)
})
