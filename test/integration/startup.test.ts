import { rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createMesh, type MeshFolder } from '../support/mesh-folder.ts'
import { createMeshCertificates } from '../support/peers/mesh-certificates.ts'
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

t.test('what is wrong with a file is told with its place', async (t) => {
  const mesh = await createMesh(t)
  for (const [what, config, says] of [
    ['broken YAML', 'listeners: [', /app\.yaml:\d+:\d+: /],
    ['an unknown key', `${PLAIN}\nretires: 3`, /app\.yaml:\d+:1: .*retires/],
    [
      'an unknown key deep inside',
      PLAIN.replace('upstream: app', 'upsteam: app'),
      /app\.yaml:7:\d+: listeners\[0\]\.routes\[0\]\S* .*did you mean .upstream/,
    ],
    [
      'an upstream that does not exist',
      PLAIN.replace('upstream: app', 'upstream: ap'),
      /app\.yaml:7:\d+: listeners\[0\]\.routes\[0\]\.upstream: no upstream is called `ap`, did you mean `app`/,
    ],
    ['a wrong type', PLAIN.replace('127.0.0.1:0', '{}'), /app\.yaml:6:\d+: listeners\[0\]\.address: /],
    ['mutual TLS without an identity', MUTUAL, /app\.yaml:\d+:\d+: .*identity/],
    ['an empty file', '', /listeners/],
  ] as const) {
    await t.test(what, async (t) => {
      t.match(await refused(t, mesh, config, 2), says)
    })
  }

  await t.test('several at once', async (t) => {
    const config = PLAIN.replace('upstream: app', 'upstream: ap').replace('127.0.0.1:1"', 'nowhere"')
    const said = await refused(t, mesh, config, 2)
    t.match(said, /no upstream is called `ap`/)
    t.match(said, /upstreams\.app\.endpoints\[0\]/)
    t.match(said, /has 2 problems/)
  })
})

t.test('an identity that cannot be used', async (t) => {
  const mesh = await createMesh(t, 'app')
  const certs = join(mesh.path, 'certs')
  const foreign = await createMeshCertificates()
  for (const [what, spoil, says] of [
    ['a missing certificate', () => rmSync(join(certs, 'app.crt')), /certificateFile: .*app\.crt/],
    ['a missing key', () => rmSync(join(certs, 'app.key')), /keyFile: .*app\.key/],
    ['a file that is no certificate', () => writeFileSync(join(certs, 'app.crt'), 'hello\n'), /app\.crt/],
    [
      'a key of another certificate',
      async () =>
        mesh.write('app', {
          cert: (await mesh.authority.issue('app')).cert,
          key: (await mesh.authority.issue('app')).key,
        }),
      /key/,
    ],
    [
      'a certificate of another CA',
      async () => mesh.write('app', await foreign.issue('app')),
      /app\.crt|trust/,
    ],
    [
      'an expired certificate',
      async () => mesh.issue('app', { now: () => Date.now() - 48 * 3_600_000, ttl: 3_600_000 }),
      /expired/,
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
