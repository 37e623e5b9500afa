import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createMesh, type MeshFolder } from '../support/mesh-folder.ts'
import { runSidecar, STACK_LINE } from '../support/sidecar.ts'

const PLAIN = `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes: [{ upstream: app }]
upstreams:
  app: { endpoints: ["127.0.0.1:1"] }`

const MUTUAL = `listeners:
  - name: inbound
    address: 127.0.0.1:0
    tls: mutual
    routes: [{ upstream: app }]
upstreams:
  app: { endpoints: ["127.0.0.1:1"] }`

/** Runs a sidecar that must not come up, and gives what it said. */
async function refused(
  t: Test,
  mesh: MeshFolder,
  config: string,
  code: number,
  anonymous = true,
): Promise<string> {
  const child = runSidecar(t, { mesh, service: 'app', config, anonymous })
  t.equal(await child.exited(), code, 'the exit code')
  t.equal(child.stdout, '', 'nothing on standard output')
  t.notMatch(child.stderr, STACK_LINE)
  return child.stderr
}

t.test('what is wrong with a file is told with its place, all of it at once', async (t) => {
  const mesh = await createMesh(t)
  t.match(await refused(t, mesh, 'listeners: [', 2), /^\S*app\.yaml:\d+:\d+: /, 'broken YAML')

  const config = `${PLAIN.replace('127.0.0.1:1"', 'nowhere"')
    .replace('upstream: app', 'upstream: ap, retyr: 3')
    .replace('127.0.0.1:0', '{}')}
listenres: []`
  const said = await refused(t, mesh, config, 2)
  t.match(said, /app\.yaml:\d+:1: listenres: .*did you mean `listeners`/, 'an unknown key')
  t.match(
    said,
    /app\.yaml:7:\d+: listeners\[0\]\.routes\[0\]\.retyr: .*did you mean `retry`/,
    'deep inside too',
  )
  t.match(said, /app\.yaml:6:\d+: listeners\[0\]\.address: /, 'a wrong type')
  t.match(
    said,
    /app\.yaml:7:\d+: listeners\[0\]\.routes\[0\]\.upstream: no upstream is called `ap`, did you mean `app`/,
  )
  t.match(said, /app\.yaml:9:\d+: upstreams\.app\.endpoints\[0\]: /, 'a wrong address')
  t.match(said, /^error: \S*app\.yaml has 5 problems$/m)

  t.match(await refused(t, mesh, MUTUAL, 2), /app\.yaml:7:\d+: listeners\[0\]\.tls: .*identity/)
})

t.test('an identity that cannot be used', async (t) => {
  const mesh = await createMesh(t)
  for (const [what, spoil, says] of [
    [
      'a missing certificate',
      async () => rmSync(join(mesh.path, 'certs', 'app.crt')),
      /app\.yaml:\d+:\d+: identity\.certificateFile: .*app\.crt/,
    ],
    [
      'a key of another certificate',
      async () =>
        mesh.write('app', { ...(await mesh.authority.issue('app')), key: (await mesh.issue('web')).key }),
      /app\.yaml: identity: .*key/,
    ],
    [
      'an expired certificate',
      async () => mesh.issue('app', { now: () => Date.now() - 48 * 3_600_000, ttl: 3_600_000 }),
      /app\.yaml: identity: .*expired/,
    ],
  ] as const) {
    await t.test(what, async (t) => {
      await mesh.issue('app')
      await spoil()
      t.match(await refused(t, mesh, MUTUAL, 2, false), says)
    })
  }
})

t.test('an address that is taken', async (t) => {
  const mesh = await createMesh(t)
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  t.teardown(() => holder.close())
  const address = holder.address()
  const port = typeof address === 'object' ? address?.port : 0
  const said = await refused(t, mesh, PLAIN.replace('127.0.0.1:0', `127.0.0.1:${port}`), 1)
  t.match(said, new RegExp(`^error: .*listeners\\.outbound\\.address.*127\\.0\\.0\\.1:${port}`, 'm'))
})

t.test('a file that is not there', async (t) => {
  const mesh = await createMesh(t)
  const child = runSidecar(t, { mesh, service: 'app', config: PLAIN, anonymous: true })
  rmSync(join(mesh.path, 'app.yaml'))
  t.equal(await child.exited(), 2)
  t.match(child.stderr, /app\.yaml/)
  t.notMatch(child.stderr, STACK_LINE)
})
