// What passes between an application and its surroundings without the sidecar having a hand in it. With real processes.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { configText } from '../support/sidecar.ts'
import { appSidecarOptions, gone, isAlive, STAYS, until } from '../support/supervised-app.ts'

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
