// How a sidecar stops the application that it runs, and what it leaves behind: nothing. With real processes.
import { join } from 'node:path'
import t from 'tap'
import { freePorts } from '../support/peers/free-port.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { type Sidecar, startSidecar } from '../support/sidecar.ts'
import { appIs, appSidecarOptions, appView, gone, startAppSidecar } from '../support/supervised-app.ts'

const STAYS = 'setInterval(() => {}, 1000)\n'
const IGNORES = `process.on('SIGTERM', () => console.log('heard'))\nconsole.log('deaf')\n${STAYS}`

/** A child of the application, which says who it is. */
const PARENT = `import { spawn } from 'node:child_process'
const child = spawn('sleep', ['600'], { stdio: 'ignore' })
console.log('child ' + child.pid)
`

async function printed(sidecar: Sidecar, pattern: RegExp): Promise<string> {
  await sidecar.child.when(`output like ${pattern}`, () => pattern.test(sidecar.child.stdout))
  return pattern.exec(sidecar.child.stdout)?.[1] ?? ''
}

t.test('first what came in, then the application, then what goes out', async (t) => {
  const upstream = await startHttp1({ name: 'upstream' })
  t.teardown(() => upstream.close())
  const [port] = await freePorts(1)
  const sidecar = await startAppSidecar(t, {
    script: `import { createServer } from 'node:http'
const call = (path) => fetch(process.env.PILLION_OUTBOUND + path).then(({ status }) => status)
createServer(async (request, response) => {
  response.end('upstream said ' + (await call('/hold')))
}).listen(${port}, '127.0.0.1')
process.on('SIGTERM', async () => {
  console.log('asked to end')
  console.log('farewell ' + (await call('/headers')))
  console.log('and again ' + (await call('/hold')))
  process.exit(0)
})`,
    app: `address: "127.0.0.1:${port}", ready: { tcp: {} }`,
    config: `listeners:
  - { name: inbound, address: "127.0.0.1:0", routes: [{ upstream: app }] }
  - { name: outbound, address: "127.0.0.1:0", routes: [{ upstream: u }] }
upstreams:
  app: { protocol: http1, endpoints: ["127.0.0.1:${port}"] }
  u: { protocol: http1, endpoints: ["127.0.0.1:${upstream.port}"] }`,
  })
  const { pid } = await appIs(sidecar, 'ready')
  const client = new Http1Client({ port: sidecar.port('inbound') })
  t.teardown(() => client.close())
  const reply = client.request({ path: '/' })
  await upstream.when('the application to call', () => upstream.held === 1)
  sidecar.child.signal('SIGTERM')
  await sidecar.logged(/SIGTERM/)
  t.equal((await sidecar.page('/ready')).status, 503)
  const late = new Http1Client({ port: sidecar.port('inbound') })
  t.teardown(() => late.close())
  await t.rejects(late.request({ path: '/' }), 'nothing more comes in')
  t.notMatch(sidecar.child.stdout, 'asked to end', 'the application is not told while it answers')
  upstream.release()
  const { status, body } = await reply
  t.equal(`${status} ${body}`, '200 upstream said 200')
  await printed(sidecar, /(farewell 200)/)
  await upstream.when('the last call', () => upstream.held === 1)
  t.ok(sidecar.child.running, 'the sidecar waits for the application')
  upstream.release()
  t.equal(await sidecar.child.exited(), 0)
  t.match(sidecar.child.stdout, /asked to end\nfarewell 200\nand again 200\n$/)
  t.match(sidecar.child.stderr, /the application ended with exit code 0/)
  await gone(pid ?? 0)
})

t.test('an application that ignores the signal is killed', async (t) => {
  const sidecar = await startAppSidecar(t, { script: IGNORES, app: 'stop: { grace: 200ms }' })
  await printed(sidecar, /^(deaf)$/m)
  const { pid } = await appView(sidecar)
  t.equal(await sidecar.child.stop('SIGTERM'), 0)
  t.match(sidecar.child.stdout, /^heard$/m)
  t.match(sidecar.child.stderr, /did not end in time: it is killed/)
  await gone(pid ?? 0)
})

t.test('the grace of the sidecar bounds that of the application', async (t) => {
  const sidecar = await startAppSidecar(t, {
    script: IGNORES,
    app: 'stop: { grace: 5m }',
    config: `shutdown: { grace: 700ms }
listeners: [{ name: outbound, address: "127.0.0.1:0", routes: [{ upstream: u }] }]
upstreams: { u: { endpoints: ["127.0.0.1:1"] } }`,
  })
  await printed(sidecar, /^(deaf)$/m)
  const { pid } = await appView(sidecar)
  t.equal(await sidecar.child.stop('SIGTERM'), 0)
  await gone(pid ?? 0)
})

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

t.test('a signal while the application waits to be started again', async (t) => {
  const sidecar = await startAppSidecar(t, {
    script: 'process.exit(1)',
    app: 'restart: { backOff: { from: 10m, to: 10m } }',
  })
  await appIs(sidecar, 'waiting')
  await sidecar.stop(t)
})
