// A sidecar that runs its application, with real processes: starts, restarts, ends.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createMesh } from '../support/mesh-folder.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { runSidecar, STACK_LINE } from '../support/sidecar.ts'
import { appIs, appSidecarOptions, gone, startAppSidecar } from '../support/supervised-app.ts'

const FAST = 'backOff: { from: 20ms, to: 50ms }'

/** Ends with the exit codes of `CODES` one after the other, then stays. */
const CRASHES = `import { existsSync, readFileSync, writeFileSync } from 'node:fs'
const file = new URL('runs', import.meta.url)
const runs = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
writeFileSync(file, String(runs + 1))
const code = process.env.CODES.split(' ')[runs]
if (code !== undefined && code !== '') process.exit(Number(code))
setInterval(() => {}, 1000)
`

t.test('an application that crashes is started again', async (t) => {
  const sidecar = await startAppSidecar(t, {
    script: CRASHES,
    app: `env: { CODES: "1 7", PASSWORD: hunter2 }, restart: { ${FAST} }`,
  })
  const view = await appIs(sidecar, 'ready', 2)
  t.match(view, { restarts: 2, lastExit: 'ended with exit code 7' })
  t.match(await sidecar.metric('pillion_app_restarts_total'), { 'cause=exit': 2 })
  t.match(await sidecar.metric('pillion_app_up'), { '': 1 })
  const [started = 0] = Object.values(await sidecar.metric('pillion_app_start_time_seconds'))
  t.ok(Math.abs(started - Date.now() / 1000) < 600)
  t.equal((await sidecar.page('/ready')).status, 200)
  t.notMatch((await sidecar.page('/config')).text, 'hunter2', 'the environment may hold secrets')
  t.notMatch(sidecar.child.stderr, 'hunter2')

  process.kill(view.pid ?? 0, 'SIGKILL')
  const next = await appIs(sidecar, 'ready', 3)
  t.not(next.pid, view.pid)
  t.match(await sidecar.metric('pillion_app_restarts_total'), { 'cause=exit': 2, 'cause=signal': 1 })
  t.match(await sidecar.logged(/was ended by SIGKILL/), { level: 'error', pid: view.pid, signal: 'SIGKILL' })
  await sidecar.stop(t)
  await gone(next.pid ?? 0)
})

t.test('its exit code is that of the sidecar', async (t) => {
  const cases = [
    ['never', 'process.exit(3)', 3],
    ['never', 'process.kill(process.pid, "SIGKILL")', 137],
    ['on-failure', '', 0],
  ] as const
  for (const [policy, script, code] of cases) {
    const options = await appSidecarOptions(t, { script, app: `restart: { policy: ${policy} }` })
    const child = runSidecar(t, options)
    t.equal(await child.exited(), code, `${policy}: ${script}`)
    t.match(child.stderr, /the application has ended for good/)
    t.notMatch(child.stderr, STACK_LINE)
  }
})

t.test('a crash loop ends the sidecar, with the code of the last crash', async (t) => {
  const options = await appSidecarOptions(t, {
    script: CRASHES,
    app: `env: { CODES: "1 2 3" }, restart: { ${FAST}, limit: { restarts: 2, within: 1m } }`,
  })
  const child = runSidecar(t, options)
  t.equal(await child.exited(), 3)
  t.match(child.stderr, /crash loop: 2 restarts within 60 s were not enough, the sidecar ends too/)
})

t.test('a crash loop that is kept leaves a sidecar that is not ready, and works', async (t) => {
  const upstream = await startHttp1({ name: 'upstream' })
  t.teardown(() => upstream.close())
  const sidecar = await startAppSidecar(t, {
    script: 'process.exit(1)',
    app: `restart: { ${FAST}, limit: { restarts: 1 }, onCrashLoop: keep }`,
    config: `listeners:
  - { name: outbound, address: "127.0.0.1:0", routes: [{ upstream: u }] }
upstreams: { u: { endpoints: ["127.0.0.1:${upstream.port}"] } }`,
  })
  await appIs(sidecar, 'failed', 1)
  const { status, text } = await sidecar.page('/ready')
  t.equal(status, 503)
  t.match(text, 'ended with exit code 1, too often to be started again')
  t.match(await sidecar.metric('pillion_app_up'), { '': 0 })
  const client = new Http1Client({ port: sidecar.port('outbound') })
  t.teardown(() => client.close())
  t.match(await client.request({ path: '/headers' }), { status: 200 })
  client.close()
  await sidecar.stop(t)
})

t.test('a program that goes missing', async (t) => {
  const mesh = await createMesh(t)
  const program = join(mesh.path, 'once.sh')
  writeFileSync(program, '#!/bin/sh\nrm "$0"\nexit 5\n')
  chmodSync(program, 0o755)
  const options = await appSidecarOptions(t, { script: '', mesh })
  const config = options.config.replace(/command: \[.*?\]/, `command: ["${program}"]`)
  const child = runSidecar(t, {
    ...options,
    config: config.replace('] }', `], restart: { ${FAST}, limit: { restarts: 1 } } }`),
  })
  t.equal(await child.exited(), 127)
  t.match(child.stderr, /ended with exit code 5/)
  t.match(child.stderr, /could not be started: no such program or folder \(ENOENT\)/)
})

t.test('a command behind --', async (t) => {
  const options = await appSidecarOptions(t, {
    script: '',
    app: 'env: { GREETING: "hello there" }, restart: { policy: never }',
  })
  const script = 'echo "$GREETING at $PILLION_OUTBOUND with $1"; exit 4'
  const child = runSidecar(t, { ...options, args: ['--', 'sh', '-c', script, 'sh', '--config'] })
  t.equal(await child.exited(), 4)
  const [, port] = /outbound (127\.0\.0\.1:\d+)/.exec(child.stdout) ?? []
  t.match(child.stdout, `hello there at http://${port} with --config\n`, 'the rest of the file holds')

  const without = { ...options, config: options.config.replace(/^app: .*\n/, '') }
  const plain = runSidecar(t, { ...without, args: ['--', 'true'] })
  t.equal(await plain.exited(), 0, 'it needs nothing in the file')

  const wrong = runSidecar(t, { ...without, args: ['--', 'no-such-program'] })
  t.equal(await wrong.exited(), 2)
  t.match(wrong.stderr, /^error: no program `no-such-program` in PATH, expected a program behind --/)
  t.equal(wrong.stdout, '')
})

t.test('a program that is not there is told with its place', async (t) => {
  const options = await appSidecarOptions(t, { script: '' })
  const child = runSidecar(t, {
    ...options,
    config: options.config.replace(/command: \[.*?\]/, 'command: [no-such-program]'),
  })
  t.equal(await child.exited(), 2)
  t.match(child.stderr, /checkout\.yaml:4:18: app\.command\[0\]: no program `no-such-program` in PATH/)
})
