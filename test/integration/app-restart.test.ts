import t from 'tap'
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
