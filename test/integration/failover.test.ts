import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createMesh } from '../support/mesh-folder.ts'
import { type Child, runTypeScript } from '../support/peers/child.ts'
import { freePorts } from '../support/peers/free-port.ts'
import { GreeterClient } from '../support/peers/greeter-client.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { SteadyLoad } from '../support/peers/steady-load.ts'
import { type Sidecar, START_PATIENCE, startSidecar } from '../support/sidecar.ts'

/** One instance of a service of the demo, in a process that can be killed. */
interface Instance {
  readonly name: string
  readonly port: number
  readonly child: Child
}

async function startInstance(
  t: Test,
  service: 'greeter' | 'orders',
  name: string,
  port = 0,
): Promise<Instance> {
  const file = fileURLToPath(new URL(`../../examples/demo/services/${service}.ts`, import.meta.url))
  const child = runTypeScript(file, ['--name', name, '--port', String(port)])
  t.teardown(() => child.stop('SIGKILL'))
  const [, bound] = await child.line(/^\{"port":(\d+)\}$/m, START_PATIENCE)
  return { name, port: Number(bound), child }
}

const SERVICES = {
  greeter: { protocol: 'h2', health: 'grpc: { service: example.Greeter }', retry: 'unavailable' },
  orders: { protocol: 'http1', health: 'http: { path: /healthz }', retry: 'reset' },
} as const

for (const service of ['greeter', 'orders'] as const) {
  t.test(`one of three instances of ${service} is killed and comes back`, async (t) => {
    const { protocol, health, retry } = SERVICES[service]
    const instances = await Promise.all(
      ['one', 'two', 'three'].map((name) => startInstance(t, service, name)),
    )
    const [, victim] = instances as [Instance, Instance, Instance]
    const address = `127.0.0.1:${victim.port}`
    const sidecar = await startSidecar(t, {
      mesh: await createMesh(t),
      service: 'web',
      anonymous: true,
      config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes: [{ upstream: ${service}, retry: { on: [${retry}] } }]
upstreams:
  ${service}:
    protocol: ${protocol}
    endpoints: [${instances.map(({ port }) => `"127.0.0.1:${port}"`).join(', ')}]
    health: { ${health}, interval: 300ms, unhealthyAfter: 2, healthyAfter: 1 }`,
    })
    const load = new SteadyLoad(24, caller(t, service, sidecar))
    t.teardown(() => load.stop())
    for (const { name } of instances) await load.more(name, 30)

    await victim.child.stop('SIGKILL')
    const before = load.answered(victim.name)
    const line = await sidecar.logged(new RegExp(`endpoint ${address} of ${service} is unhealthy`))
    t.match(line, {
      level: 'warn',
      upstream: service,
      endpoint: address,
      change: 'unhealthy',
      why: /refused/,
    })
    t.equal((await sidecar.metric('pillion_upstream_healthy'))[`endpoint=${address},upstream=${service}`], 0)
    t.same(await sidecar.metric('pillion_upstream_endpoints'), {
      [`state=healthy,upstream=${service}`]: 2,
      [`state=degraded,upstream=${service}`]: 0,
      [`state=shut,upstream=${service}`]: 0,
      [`state=ejected,upstream=${service}`]: 0,
      [`state=unhealthy,upstream=${service}`]: 1,
    })
    for (const name of ['one', 'three']) await load.more(name, 100)
    t.ok(load.answered(victim.name) - before <= 24, 'nothing but what was under way came from it')

    await startInstance(t, service, victim.name, victim.port)
    await load.more(victim.name, 30)
    t.equal((await sidecar.metric('pillion_upstream_healthy'))[`endpoint=${address},upstream=${service}`], 1)
    await load.stop()
    t.same(load.failures, [], 'no request was lost')
    await sidecar.stop(t)
  })
}

function caller(t: Test, service: keyof typeof SERVICES, sidecar: Sidecar): () => Promise<string> {
  const port = sidecar.port('outbound')
  if (service === 'greeter') {
    const client = new GreeterClient(`127.0.0.1:${port}`, 'greeter.mesh')
    t.teardown(() => client.close())
    return () => client.greet()
  }
  const client = new Http1Client({ port, connections: 24 })
  t.teardown(() => client.close())
  return async () => {
    const { status, headers, body } = await client.request({ path: '/api/orders' })
    if (status !== 200) throw new Error(`status ${status}: ${body}`)
    return String(headers['x-instance'])
  }
}

t.test('an endpoint that refuses connections is passed over, without any policy', async (t) => {
  const alive = await startHttp1({ name: 'alive' })
  t.teardown(() => alive.close())
  const [dead] = await freePorts(1)
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t),
    service: 'web',
    anonymous: true,
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes: [{ upstream: pair }]
upstreams:
  pair: { protocol: http1, balance: round-robin, endpoints: ["127.0.0.1:${dead}", "127.0.0.1:${alive.port}"] }`,
  })
  const client = new Http1Client({ port: sidecar.port('outbound'), connections: 64 })
  t.teardown(() => client.close())

  for (let i = 0; i < 6; i++) {
    // Neither a method nor a body stands in the way: not a byte had been sent.
    t.match(await client.request({ method: 'POST', path: '/sink', body: 'once' }), { status: 200 })
  }
  const crowd = await Promise.all(Array.from({ length: 64 }, () => client.request({ path: '/status/200' })))
  t.same(
    new Set(crowd.map(({ status }) => status)),
    new Set([200]),
    'and it makes no difference how many are affected',
  )
  t.equal(alive.begun, 70, 'each request was made once')
  const failures = await sidecar.metric('pillion_upstream_connect_failures_total')
  t.ok((failures[`endpoint=127.0.0.1:${dead},upstream=pair`] ?? 0) >= 4)
  client.close()
  await sidecar.stop(t)
})
