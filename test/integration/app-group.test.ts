// The process group of the application that a sidecar runs: nobody of it stays behind. With real processes.
import { join } from 'node:path'
import t from 'tap'
import { startSidecar } from '../support/sidecar.ts'
import {
  appIs,
  appSidecarOptions,
  appView,
  gone,
  IGNORES,
  printed,
  STAYS,
  startAppSidecar,
} from '../support/supervised-app.ts'

/** A child of the application, which says who it is. */
const PARENT = `import { spawn } from 'node:child_process'
const child = spawn('sleep', ['600'], { stdio: 'ignore' })
console.log('child ' + child.pid)
`

t.test('a second signal ends both at once', async (t) => {
  const sidecar = await startAppSidecar(t, {
    script: PARENT + IGNORES,
    app: 'stop: { grace: 5m }',
    config: `shutdown: { grace: 10m }
listeners: [{ name: outbound, address: "127.0.0.1:0", routes: [{ upstream: u }] }]
upstreams: { u: { endpoints: ["127.0.0.1:1"] } }`,
  })
  await printed(sidecar, /^(deaf)$/m)
  const child = Number(await printed(sidecar, /child (\d+)/))
  const { pid } = await appView(sidecar)
  sidecar.child.signal('SIGTERM')
  await printed(sidecar, /^(heard)$/m)
  t.equal(await sidecar.child.stop('SIGINT'), 1)
  await gone(pid ?? 0)
  await gone(child)
})

t.test('what a crashed application leaves behind is killed before it is started again', async (t) => {
  const sidecar = await startAppSidecar(t, {
    script: `${PARENT}${STAYS}`,
    app: 'restart: { backOff: { from: 20ms, to: 50ms } }',
  })
  const child = Number(await printed(sidecar, /child (\d+)/))
  const { pid } = await appView(sidecar)
  process.kill(pid ?? 0, 'SIGKILL')
  await gone(child)
  const next = await appIs(sidecar, 'ready', 1)
  const other = Number(await printed(sidecar, /child \d+\n(?:.*\n)*?child (\d+)/))
  await sidecar.stop(t)
  await gone(next.pid ?? 0)
  await gone(other)
})

t.test('a server within a shell has its time to end, too', async (t) => {
  const options = await appSidecarOptions(t, {
    script: `process.on('SIGTERM', () => setTimeout(() => {
  console.log('ended well')
  process.exit(0)
}, 300))
console.log('within')
${STAYS}`,
  })
  // The shell stays, as there is something to do afterwards, and ends at once when it is asked to.
  const command = `sh -c '"${process.execPath}" "$0"; true' "${join(options.mesh.path, 'app.mjs')}"`
  const sidecar = await startSidecar(t, { ...options, args: ['--', 'sh', '-c', `exec ${command}`] })
  await printed(sidecar, /^(within)$/m)
  const { pid } = await appView(sidecar)
  await sidecar.stop(t)
  t.match(sidecar.child.stdout, /^ended well$/m)
  t.match(sidecar.child.stderr, /the application was ended by SIGTERM/)
  await gone(pid ?? 0)
})

t.test('a server within a shell that ignores the signal is killed', async (t) => {
  const options = await appSidecarOptions(t, { script: IGNORES, app: 'stop: { grace: 200ms }' })
  const command = `"${process.execPath}" "$0" & echo child $!; wait`
  const args = ['--', 'sh', '-c', command, join(options.mesh.path, 'app.mjs')]
  const sidecar = await startSidecar(t, { ...options, args })
  await printed(sidecar, /^(deaf)$/m)
  const child = Number(await printed(sidecar, /child (\d+)/))
  await sidecar.stop(t)
  t.match(sidecar.child.stdout, /^heard$/m)
  await gone(child)
})
