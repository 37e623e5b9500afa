import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import t from 'tap'
import { Child } from '../../support/peers/child.ts'
import { canFindProcesses, RunningDemo } from './running-demo.ts'

const SUMMARY =
  /^greeter: \d+ calls, 0 lost, .* 3 of 3 healthy \| orders: \d+ calls, 0 lost, .* 2 of 2 healthy$/m

/** The demo itself, five services, and six sidecars. */
const PROCESSES = 12

/** What each command shows, in the order in which the demo prints them; null: it fails. */
const SHOWN: readonly (RegExp | null)[] = [
  /^HTTP\/1\.1 200 OK\r$[\s\S]*^\{"orders":\[\{"id":"1"/m,
  /^HTTP\/1\.1 201 Created\r$[\s\S]*"item":"tea","quantity":2\}/m,
  /^Hello, Ada\.$/m,
  /^pillion_requests_total\{.*upstream="greeter".*\} \d+$/m,
  /"health": "healthy"/,
  /sidecar of greeter/,
  /^\{"orders":\[\{"id":"1"/m,
  /^the caller is not allowed to make this request/m,
  null,
]

const noCurl = /\bHTTP2\b/.test(String(spawnSync('curl', ['--version']).stdout))
  ? false
  : 'needs curl with HTTP/2'

t.test('the demo runs until it is interrupted', async (t) => {
  const demo = new RunningDemo()
  t.teardown(() => demo.end())
  const { child } = demo
  const folder = await demo.folder()
  t.ok(existsSync(folder))
  await demo.line(SUMMARY)
  if (canFindProcesses) t.equal(demo.processes().length, PROCESSES)

  await t.test('the commands it prints work', { skip: noCurl }, async (t) => {
    const commands = child.stdout.split('\n').filter((line) => /^(curl|printf) /.test(line))
    t.equal(commands.length, SHOWN.length)
    for (const [i, shown] of SHOWN.entries()) {
      const command = new Child('sh', ['-c', commands[i] ?? 'false'])
      const exitCode = await command.exited()
      if (shown === null) {
        t.not(exitCode, 0, commands[i])
        t.equal(command.stdout, '')
      } else {
        t.equal(exitCode, 0, `${commands[i]}: ${command.stderr}`)
        t.match(command.stdout, shown)
      }
    }
  })

  t.equal(await child.stop('SIGINT'), 0, child.stderr)
  t.match(child.stdout, /^every process has ended, and the temporary folder is removed$/m)
  t.equal(child.stderr, '')
  t.notOk(existsSync(folder))
  if (canFindProcesses) t.same(demo.processes(), [])
})

const noProcesses = canFindProcesses ? false : 'needs /proc'

t.test('a sidecar that dies by itself ends the demo with an error', { skip: noProcesses }, async (t) => {
  const demo = new RunningDemo()
  t.teardown(() => demo.end())
  const { child } = demo
  const folder = await demo.folder()
  await demo.line(SUMMARY)
  const sidecar = demo.processes().find(({ command }) => / run -c \S*orders-2\.yaml/.test(command))
  process.kill(sidecar!.pid, 'SIGKILL')
  t.equal(await child.exited(), 1)
  t.match(child.stderr, /^error: the sidecar of orders-2 ended by itself \(SIGKILL\)/)
  t.notOk(existsSync(folder))
  t.same(demo.processes(), [])
})

t.test('the processes end with the demo even when it is killed', { skip: noProcesses }, async (t) => {
  const demo = new RunningDemo()
  t.teardown(() => demo.end())
  const folder = await demo.folder()
  t.teardown(() => rmSync(folder, { recursive: true }))
  await demo.line(/^ready after/m)
  t.equal(demo.processes().length, PROCESSES)
  await demo.child.stop('SIGKILL')
  // The test's own time limit is the one for this.
  while (demo.processes().length > 0) await new Promise((resolve) => setImmediate(resolve))
  t.ok(existsSync(folder), 'only the folder is left')
})
