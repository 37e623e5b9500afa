import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createAuthority, issueLeaf } from '../../certs/authority.ts'
import { serviceId } from '../../certs/spiffe-id.ts'
import { writeAuthority, writeCertificate } from '../../certs/store.ts'
import { loadConfig } from '../../config/load.ts'
import { formatProblem } from '../../config/problems.ts'
import { Child, runTypeScript } from '../support/peers/child.ts'
import { freePorts } from '../support/peers/free-port.ts'

const example = fileURLToPath(new URL('../../examples/greeter/', import.meta.url))
const main = fileURLToPath(new URL('../../proxy/main.ts', import.meta.url))

/** The addresses of the example, by what the test calls them. */
const ADDRESSES = {
  app: '127.0.0.1:50051',
  inbound: '127.0.0.1:15006',
  outbound: '127.0.0.1:15001',
  serverAdmin: '127.0.0.1:15010',
  serverMetrics: '127.0.0.1:15030',
  clientAdmin: '127.0.0.1:15000',
  clientMetrics: '127.0.0.1:15020',
}

/** Writes the certificates the example's README makes. */
async function writeCertificates(folder: string): Promise<void> {
  const authority = await createAuthority({ trustDomain: 'mesh.local' })
  await writeAuthority(folder, authority)
  for (const service of ['greeter', 'web']) {
    const leaf = await issueLeaf({ authority, spiffeId: serviceId('mesh.local', 'default', service) })
    const files = { certificateFile: join(folder, `${service}.crt`), keyFile: join(folder, `${service}.key`) }
    await writeCertificate(files, leaf.chainPem, leaf.keyPem)
  }
}

/** Copies a sidecar's file, with the example's addresses replaced. */
function copyConfig(folder: string, file: string, addresses: Record<string, string>): string {
  let text = readFileSync(join(example, file), 'utf8')
  for (const [name, address] of Object.entries(ADDRESSES)) {
    text = text.replaceAll(address, addresses[name] ?? address)
  }
  const copy = join(folder, file)
  writeFileSync(copy, text)
  return copy
}

function findPython(): string | null {
  for (const python of ['python3', '/usr/bin/python3']) {
    if (spawnSync(python, ['-c', 'import grpc, grpc_tools']).status === 0) return python
  }
  return null
}

t.test('both sidecar files are valid as they are', async (t) => {
  const folder = t.testdir({ certs: {} })
  await writeCertificates(join(folder, 'certs'))
  for (const file of ['server-sidecar.yaml', 'client-sidecar.yaml']) {
    const result = loadConfig(copyConfig(folder, file, {}))
    t.same(result.ok ? result.warnings : result.problems.map(formatProblem), [], file)
  }
})

const python = findPython()
const missing =
  python === null
    ? 'needs python3 with grpcio and grpcio-tools'
    : existsSync(main)
      ? false
      : 'needs the command line, proxy/main.ts'

t.test('client.py greets server.py by way of two sidecars', { skip: missing }, async (t) => {
  if (python === null) return
  const folder = t.testdir({ certs: {} })
  await writeCertificates(join(folder, 'certs'))
  const protos = ['greeter.proto', 'health.proto']
  const protoc = ['-m', 'grpc_tools.protoc', '-I.', `--python_out=${folder}`, `--grpc_python_out=${folder}`]
  const generated = spawnSync(python, [...protoc, ...protos], { cwd: example, encoding: 'utf8' })
  t.equal(generated.status, 0, generated.stderr)

  const children: Child[] = []
  t.teardown(() => Promise.all(children.map((child) => child.stop('SIGKILL'))))
  const start = (child: Child): Child => {
    children.push(child)
    return child
  }
  // The stubs are not written into the example, nor is any compiled code.
  const env = { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' }
  const runPython = (file: string, ...args: string[]) =>
    start(new Child(python, [join(example, file), ...args], { cwd: example, env }))
  const runSidecar = (file: string) => start(runTypeScript(main, ['run', '-c', file]))

  const server = runPython('server.py', '--address', '127.0.0.1:0', '--name', 'greeter-1')
  const [, app = ''] = await server.line(/^listening on (\S+)$/m)
  const ports = await freePorts(6)
  const addresses: Record<string, string> = { app }
  for (const name of Object.keys(ADDRESSES).filter((name) => name !== 'app')) {
    addresses[name] = `127.0.0.1:${ports.pop()}`
  }
  const serverSidecar = runSidecar(copyConfig(folder, 'server-sidecar.yaml', addresses))
  await serverSidecar.line(readyWith(addresses['inbound']))
  const clientSidecar = runSidecar(copyConfig(folder, 'client-sidecar.yaml', addresses))
  await clientSidecar.line(readyWith(addresses['outbound']))
  const greet = (sidecar: string | undefined, ...args: string[]) =>
    runPython('client.py', '--sidecar', sidecar ?? '', ...args)

  await t.test('every call is answered', async (t) => {
    const client = greet(addresses['outbound'], '--count', '20', 'Ada')
    t.equal(await client.exited(), 0, client.stderr)
    t.same(client.stdout.trimEnd().split('\n'), Array(20).fill('Hello, Ada. (from greeter-1)'))
  })

  await t.test('an authority without a route is refused', async (t) => {
    const client = greet(addresses['outbound'], '--authority', 'nobody.mesh')
    t.equal(await client.exited(), 1)
    t.match(client.stderr, /^error: UNIMPLEMENTED: /m)
  })

  await t.test('nobody gets in without a certificate', async (t) => {
    const client = greet(addresses['inbound'])
    t.equal(await client.exited(), 1)
    t.match(client.stderr, /^error: UNAVAILABLE: /m)
  })

  await t.test('a stopped service is reported as unavailable', async (t) => {
    t.equal(await server.stop(), 0, server.stderr)
    const client = greet(addresses['outbound'])
    t.equal(await client.exited(), 1)
    t.match(client.stderr, /^error: UNAVAILABLE: /m)
  })

  await t.test('the sidecars stop in order', async (t) => {
    t.equal(await clientSidecar.stop(), 0, clientSidecar.stderr)
    t.equal(await serverSidecar.stop(), 0, serverSidecar.stderr)
  })
})

/** The line that `pillion run` prints when it is ready names its addresses. */
function readyWith(address: string | undefined): RegExp {
  return new RegExp(`^.*ready.*${address?.replaceAll('.', '\\.')}.*$`, 'm')
}
