// The program that a sidecar runs: where it comes from, and where there is none.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createMesh } from '../support/mesh-folder.ts'
import { runSidecar } from '../support/sidecar.ts'
import { appSidecarOptions } from '../support/supervised-app.ts'

const FAST = 'backOff: { from: 20ms, to: 50ms }'

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

t.test('a stray word is not taken for a program', async (t) => {
  const options = await appSidecarOptions(t, { script: '' })
  const child = runSidecar(t, { ...options, args: ['true'] })
  t.equal(await child.exited(), 2)
  t.match(child.stderr, 'error: unexpected true, expected -- before the application and its arguments')
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
