import t from 'tap'
import type { AppRestartConfig } from '../../../config/types/app.ts'
import { type AppExit, exitCodeOf, exitText } from '../../../proxy/app/app-process.ts'
import { causeOf, type EndedRun, Restarts } from '../../../proxy/app/restarts.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'

const config = (changes: Partial<AppRestartConfig>): AppRestartConfig => ({
  policy: 'on-failure',
  backOff: { from: 100, to: 1000, jitter: 0 },
  limit: { restarts: 2, within: 10_000 },
  onCrashLoop: 'exit',
  ...changes,
})

const code = (number: number): AppExit => ({ code: number, signal: null, error: null })
const signal = (name: NodeJS.Signals): AppExit => ({ code: null, signal: name, error: null })
const error = (name: string): AppExit => ({
  code: null,
  signal: null,
  error: Object.assign(new Error(name), { code: name }),
})
const run = (exit: AppExit, blame: EndedRun['blame'] = null, ranMs = 0): EndedRun => ({ exit, blame, ranMs })

const verdict = (policy: AppRestartConfig['policy'], ended: EndedRun) =>
  new Restarts(config({ policy }), new SeededRandom(1)).after(ended)

const RESTART = { kind: 'restart', wait: 100 }

t.test('exit codes are those that a shell gives', async (t) => {
  t.equal(exitCodeOf(code(0)), 0)
  t.equal(exitCodeOf(code(3)), 3)
  t.equal(exitCodeOf(signal('SIGKILL')), 137)
  t.equal(exitCodeOf(signal('SIGTERM')), 143)
  t.equal(exitCodeOf(error('ENOENT')), 127)
  t.equal(exitCodeOf(error('EACCES')), 126)
})

t.test('sentences and causes', async (t) => {
  t.equal(exitText(code(3)), 'ended with exit code 3')
  t.equal(exitText(signal('SIGSEGV')), 'was ended by SIGSEGV')
  t.equal(exitText(error('ENOENT')), 'could not be started: no such program or folder (ENOENT)')
  t.equal(exitText(error('EODD')), 'could not be started: EODD')
  t.equal(causeOf(run(code(0))), 'exit')
  t.equal(causeOf(run(signal('SIGKILL'))), 'signal')
  t.equal(causeOf(run(error('ENOENT'))), 'start')
  t.equal(causeOf(run(signal('SIGKILL'), 'live')), 'live')
})

t.test('never: whatever it was, it was the end', async (t) => {
  t.strictSame(verdict('never', run(code(0))), { kind: 'end', exitCode: 0 })
  t.strictSame(verdict('never', run(code(7))), { kind: 'end', exitCode: 7 })
  t.strictSame(verdict('never', run(signal('SIGSEGV'))), { kind: 'end', exitCode: 139 })
  t.strictSame(verdict('never', run(error('ENOENT'))), { kind: 'end', exitCode: 127 })
  t.strictSame(
    verdict('never', run(code(0), 'live')),
    { kind: 'end', exitCode: 1 },
    'stopped for a failure, it may end with 0 and has failed all the same',
  )
})

t.test('on-failure: only exit code 0 by itself is an end', async (t) => {
  t.strictSame(verdict('on-failure', run(code(0))), { kind: 'end', exitCode: 0 })
  for (const ended of [run(code(1)), run(signal('SIGTERM')), run(error('EACCES')), run(code(0), 'ready')])
    t.strictSame(verdict('on-failure', ended), RESTART)
})

t.test('always: every end is followed by a start', async (t) => {
  for (const ended of [run(code(0)), run(code(1)), run(signal('SIGINT')), run(code(0), 'live')])
    t.strictSame(verdict('always', ended), RESTART)
})

t.test('a crash loop has the last exit code, and never 0', async (t) => {
  const restarts = new Restarts(config({ policy: 'always' }), new SeededRandom(1))
  t.strictSame(restarts.after(run(code(1))), { kind: 'restart', wait: 100 })
  t.strictSame(restarts.after(run(code(1), null, 1000)), { kind: 'restart', wait: 200 })
  t.strictSame(restarts.after(run(signal('SIGABRT'), null, 1000)), { kind: 'crash-loop', exitCode: 134 })
  t.strictSame(restarts.after(run(code(0))), { kind: 'crash-loop', exitCode: 1 })
  t.strictSame(restarts.after(run(code(0), null, 8000)), RESTART, 'a long run starts the waits anew')
  t.strictSame(restarts.after(run(code(0))), { kind: 'crash-loop', exitCode: 1 }, 'one run was in it already')
})

t.test('a crash loop is one however long the waits are, as only runs count', async (t) => {
  const slow = config({
    backOff: { from: 1000, to: 30_000, jitter: 0 },
    limit: { restarts: 5, within: 60_000 },
  })
  const restarts = new Restarts(slow, new SeededRandom(1))
  const kinds = Array.from({ length: 6 }, () => restarts.after(run(code(9), null, 7000)).kind)
  t.strictSame(kinds, [...Array(5).fill('restart'), 'crash-loop'])
  const longer = new Restarts(slow, new SeededRandom(1))
  for (let i = 0; i < 100; i++) t.equal(longer.after(run(code(9), null, 15_000)).kind, 'restart')
})
