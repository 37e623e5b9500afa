import { renameSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SeededRandom } from '../../proxy/base/random.ts'
import { createMesh, type MeshFolder } from '../support/mesh-folder.ts'
import { DnsServer } from '../support/peers/dns-server.ts'
import { freePorts } from '../support/peers/free-port.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { SteadyLoad } from '../support/peers/steady-load.ts'
import { runSidecar, Sidecar, type SidecarOptions, START_PATIENCE, startSidecar } from '../support/sidecar.ts'

// Processes start one after the other, on machines that are busy.
t.setTimeout(300_000)

/** Answers every request with its own address, now and then slowly. */
async function startEndpoint(t: Test, host = '127.0.0.1', port = 0): Promise<Server> {
  let count = 0
  const server = createServer((request, response) => {
    count += 1
    const answer = () => response.end(`${host}:${(server.address() as AddressInfo).port}`)
    request.resume()
    request.on('end', () => (count % 10 === 0 ? setTimeout(answer, 30) : answer()))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

function options(mesh: MeshFolder, upstream: string): SidecarOptions {
  return {
    mesh,
    service: 'web',
    anonymous: true,
    config: `listeners:
  - { name: outbound, address: 127.0.0.1:0, routes: [{ upstream: app }] }
upstreams:
  app: { protocol: http1, balance: round-robin, ${upstream} }
`,
  }
}

async function startDns(t: Test): Promise<DnsServer> {
  const dns = new DnsServer()
  await dns.listen()
  t.teardown(() => dns.close())
  return dns
}

function dnsKey({ port }: DnsServer, name: string, more = ''): string {
  return `dns: { name: "${name}", resolvers: ["127.0.0.1:${port}"], minTtl: 100ms${more} }`
}

function get(client: Http1Client): () => Promise<string> {
  return async () => {
    const { status, body } = await client.request({ path: '/' })
    if (status !== 200) throw new Error(`${status} ${body}`)
    return body.toString()
  }
}

t.test('a name whose addresses change while requests flow', async (t) => {
  const dns = await startDns(t)
  const one = await startEndpoint(t)
  const port = portOf(one)
  await startEndpoint(t, '127.0.0.2', port)
  dns.set('app.test', 'A', 0, '127.0.0.1')
  const sidecar = await startSidecar(t, options(await createMesh(t), dnsKey(dns, `app.test:${port}`)))
  const client = new Http1Client({ port: sidecar.port('outbound'), connections: 8 })
  const load = new SteadyLoad(8, get(client))
  t.teardown(() => load.stop())
  await load.more(`127.0.0.1:${port}`, 20)
  dns.set('app.test', 'A', 0, '127.0.0.1', '127.0.0.2')
  await load.more(`127.0.0.2:${port}`, 20)
  dns.set('app.test', 'A', 0, '127.0.0.2')
  const line = await sidecar.logged(/endpoints of app: \+0 −1, now 1/)
  t.match(line, { removed: [`127.0.0.1:${port}`], added: [] })
  const before = load.answered(`127.0.0.1:${port}`)
  await load.more(`127.0.0.2:${port}`, 50)
  // What was under way when the log line was read.
  t.ok(load.answered(`127.0.0.1:${port}`) - before <= 8)

  dns.behaviour = () => ({ code: 2 })
  await sidecar.logged(/DNS for app.test: SERVFAIL; the last endpoint is kept/)
  await load.more(`127.0.0.2:${port}`, 50)
  await load.stop()
  t.strictSame(load.failures, [])
  client.close()

  const labels = 'source=dns,upstream=app'
  t.match(await sidecar.metric('pillion_discovery_endpoints'), { [labels]: 1 })
  t.match(await sidecar.metric('pillion_discovery_updates_total'), { [labels]: 3 })
  t.ok(((await sidecar.metric('pillion_discovery_failures_total'))[`reason=servfail,${labels}`] ?? 0) > 0)
  t.ok(((await sidecar.metric('pillion_discovery_last_success_timestamp_seconds'))[labels] ?? 0) > 1e9)
  t.strictSame(Object.keys(await sidecar.metric('pillion_upstream_requests_total')), [
    `endpoint=127.0.0.2:${port},upstream=app`,
  ])
  const [app] = JSON.parse((await sidecar.page('/upstreams')).text)
  t.match(app, { source: 'DNS for app.test', sourceProblem: 'DNS for app.test: SERVFAIL', total: 1 })
  await sidecar.stop(t)
})

t.test('listeners wait for the first answer, and the probe says for what', async (t) => {
  const dns = await startDns(t)
  const endpoint = await startEndpoint(t)
  let silent = true
  dns.behaviour = () => (silent ? { code: 2 } : undefined)
  dns.set('app.test', 'A', 60, '127.0.0.1')
  const [admin = 0] = await freePorts(1)
  const { config, ...rest } = options(await createMesh(t), dnsKey(dns, `app.test:${portOf(endpoint)}`))
  const child = runSidecar(t, { ...rest, config, admin })
  const probe = new Http1Client({ port: admin, connections: 0 })
  let text = ''
  while (!text.includes('SERVFAIL')) {
    text = await probe.request({ path: '/ready' }).then(
      ({ status, body }) => `${status} ${body}`,
      () => new Promise<string>((resolve) => setTimeout(resolve, 20, '')),
    )
  }
  t.equal(text, '503 not ready\n- the sidecar is in phase setup\n- DNS for app.test: SERVFAIL\n')
  silent = false
  const [, ready = ''] = await child.line(/^pillion \S+ is ready: (.*)$/m, START_PATIENCE)
  const sidecar = new Sidecar('web', child, ready)
  const client = new Http1Client({ port: sidecar.port('outbound') })
  t.equal(await get(client)(), `127.0.0.1:${portOf(endpoint)}`)
  t.equal((await probe.request({ path: '/ready' })).status, 200)
  client.close()
  probe.close()
  await sidecar.stop(t)
})

t.test('without endpoints a request is told why', async (t) => {
  const dns = await startDns(t)
  const mesh = await createMesh(t)
  const sidecar = await startSidecar(t, options(mesh, dnsKey(dns, 'app.test:80')))
  const client = new Http1Client({ port: sidecar.port('outbound'), connections: 0 })
  const { status, headers, body } = await client.request({ path: '/' })
  t.equal(status, 503)
  t.equal(headers['x-pillion-reason'], 'no-healthy-upstream')
  t.match(body.toString(), 'app: DNS for app.test: no such name (NXDOMAIN)')
  await sidecar.stop(t)

  const later = await startSidecar(t, options(mesh, 'file: endpoints.yaml'))
  const caller = new Http1Client({ port: later.port('outbound'), connections: 0 })
  t.match(
    (await caller.request({ path: '/' })).body.toString(),
    /app: the file .*endpoints.yaml: .*no such file/,
  )
  const endpoint = await startEndpoint(t)
  writeFileSync(join(mesh.path, 'endpoints.yaml'), `- 127.0.0.1:${portOf(endpoint)}\n`)
  while ((await caller.request({ path: '/' })).status !== 200)
    await new Promise((resolve) => setTimeout(resolve, 20))
  caller.close()
  client.close()
  await later.stop(t)
})

t.test('a file that changes again and again under load: no request fails, nothing is left', async (t) => {
  const mesh = await createMesh(t)
  const servers = await Promise.all(Array.from({ length: 6 }, () => startEndpoint(t)))
  const file = join(mesh.path, 'endpoints.yaml')
  const write = (list: readonly Server[]): void => {
    writeFileSync(`${file}.new`, `${list.map((server) => `- 127.0.0.1:${portOf(server)}`).join('\n')}\n`)
    renameSync(`${file}.new`, file)
  }
  write(servers)
  const sidecar = await startSidecar(
    t,
    options(mesh, 'file: endpoints.yaml, health: { tcp: {}, interval: 200ms }'),
  )
  const client = new Http1Client({ port: sidecar.port('outbound'), connections: 16 })
  const load = new SteadyLoad(16, get(client))
  t.teardown(() => load.stop())
  const random = new SeededRandom(2024)
  const updates = async () =>
    (await sidecar.metric('pillion_discovery_updates_total'))['source=file,upstream=app'] ?? 0
  for (let round = 1; round <= 25; round++) {
    const chosen = servers.filter(() => random.next() < 0.5)
    write(chosen.length === 0 ? servers.slice(0, 1) : chosen)
    await new Promise((resolve) => setTimeout(resolve, 130))
  }
  const [last] = servers as [Server]
  write([last])
  await sidecar.logged(/endpoints of app: .* now 1$/)
  await load.more(`127.0.0.1:${portOf(last)}`, 50)
  await load.stop()
  client.close()
  t.strictSame(load.failures, [])
  t.ok((await updates()) > 5)
  t.strictSame(Object.keys(await sidecar.metric('pillion_upstream_requests_total')), [
    `endpoint=127.0.0.1:${portOf(last)},upstream=app`,
  ])
  for (const server of servers.slice(1)) {
    const connections = () =>
      new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
    while ((await connections()) > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await sidecar.stop(t)
})
