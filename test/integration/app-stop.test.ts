// How a sidecar stops the application that it runs, and what it leaves behind: nothing. With real processes.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freePorts } from '../support/peers/free-port.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { configText, type Sidecar } from '../support/sidecar.ts'
import {
  appIs,
  appSidecarOptions,
  appView,
  gone,
  isAlive,
  startAppSidecar,
  until,
} from '../support/supervised-app.ts'

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

t.test('a signal while the application waits to be started again', async (t) => {
  const sidecar = await startAppSidecar(t, {
    script: 'process.exit(1)',
    app: 'restart: { backOff: { from: 10m, to: 10m } }',
  })
  await appIs(sidecar, 'waiting')
  await sidecar.stop(t)
})

const main = fileURLToPath(new URL('../../proxy/main.ts', import.meta.url))

t.test('output passes as it is: every byte, and no line of the log within another', async (t) => {
  const options = await appSidecarOptions(t, {
    script: `import { writeSync } from 'node:fs'
const bytes = Buffer.alloc(1024 * 1024)
for (let i = 0, x = 1; i < bytes.length; i++) bytes[i] = (x = (x * 1103515245 + 12345) & 0x7fffffff) >>> 16
for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at)
for (let i = 0; i < 20000; i++) writeSync(2, 'line ' + i + ' ' + '.'.repeat(i % 50) + '\\n')
process.exit(0)`,
  })
  const file = join(options.mesh.path, 'checkout.yaml')
  writeFileSync(file, configText({ ...options, config: `log: { level: debug }\n${options.config}` }))
  const sidecar = spawn(process.execPath, ['--import=tsx', main, 'run', '-c', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  sidecar.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  sidecar.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const [code] = await once(sidecar, 'close')
  t.equal(code, 0)
  const stdout = Buffer.concat(out)
  const expected = Buffer.alloc(1024 * 1024)
  for (let i = 0, x = 1; i < expected.length; i++) {
    x = (x * 1103515245 + 12345) & 0x7fffffff
    expected[i] = x >>> 16
  }
  const got = stdout.subarray(stdout.indexOf('\n') + 1)
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  t.equal(got.length, expected.length)
  t.equal(hash(got), hash(expected))
  const lines = Buffer.concat(err).toString().trimEnd().split('\n')
  const own = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as unknown)
  t.ok(own.length >= 3)
  const its = lines.filter((line) => !line.startsWith('{'))
  t.strictSame(
    its,
    Array.from({ length: 20_000 }, (_, i) => `line ${i} ${'.'.repeat(i % 50)}`),
  )
})

t.test('where the sidecar is killed, setpriv ends the application', async (t) => {
  const probe = spawn('setpriv', ['--pdeathsig', 'KILL', 'true'])
  const works = await new Promise((resolve) => {
    probe.on('error', () => resolve(false))
    probe.on('exit', (code) => resolve(code === 0))
  })
  if (!works) {
    t.comment('skipped: setpriv with --pdeathsig is not installed')
    return
  }
  const options = await appSidecarOptions(t, { script: `console.error('up')\n${STAYS}` })
  const command = `command: ["setpriv", "--pdeathsig", "KILL", "--", "env"`
  const config = options.config.replace(/command: \[".*?"/, command)
  const file = join(options.mesh.path, 'checkout.yaml')
  writeFileSync(file, configText({ ...options, config }))
  const sidecar = spawn(process.execPath, ['--import=tsx', main, 'run', '-c', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  sidecar.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString()
  })
  // Before setpriv has had its turn, there is nothing to end the application.
  await until('the application to run', () => /^up$/m.test(log))
  const pid = Number(/"pid":(\d+)/.exec(log)?.[1])
  t.teardown(() => isAlive(pid) && process.kill(pid, 'SIGKILL'))
  sidecar.kill('SIGKILL')
  await once(sidecar, 'exit')
  await gone(pid)
})
