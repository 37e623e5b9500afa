import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createMesh } from '../support/mesh-folder.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { startHttp2 } from '../support/peers/http2-upstream.ts'
import { SteadyLoad } from '../support/peers/steady-load.ts'
import { startSidecar } from '../support/sidecar.ts'

/** How long the sidecar stands still, in milliseconds: longer than every time limit that it has. */
const STALL_MS = 4000

t.test('a sidecar that stands still blames nobody', async (t) => {
  const http1 = [await startHttp1(), await startHttp1()]
  const http2 = [await startHttp2(), await startHttp2()]
  for (const upstream of [...http1, ...http2]) t.teardown(() => upstream.close())
  const addresses = (ports: readonly { port: number }[]) =>
    ports.map(({ port }) => `"127.0.0.1:${port}"`).join(', ')
  const judges = `outlier: { consecutive: 1, maxEjected: 100% }
    health: { http: { path: /status/200 }, interval: 100ms, timeout: 3s, unhealthyAfter: 1 }`
  const route = 'timeout: 3s, retry: { on: [reset], attempts: 1, perTryTimeout: 2500ms }'
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t),
    service: 'web',
    anonymous: true,
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    timeouts: { head: 3s, idle: 3s, body: 3s, write: 3s, stream: 3s }
    routes:
      - { match: { authority: one.mesh }, upstream: one, ${route} }
      - { match: { authority: two.mesh }, upstream: two, ${route} }
upstreams:
  one:
    protocol: http1
    endpoints: [${addresses(http1)}]
    ${judges}
  two:
    protocol: h2
    endpoints: [${addresses(http2)}]
    ${judges}`,
  })
  const port = sidecar.port('outbound')
  const clients = ['one', 'two'].map(
    (name) => new Http1Client({ port, authority: `${name}.mesh`, connections: 8 }),
  )
  t.teardown(() => {
    for (const client of clients) client.close()
  })
  let turn = 0
  const load = new SteadyLoad(16, async () => {
    const index = turn++ % 2
    const reply = await (clients[index] as Http1Client).request({
      method: 'POST',
      path: '/delay/30',
      body: 'x',
    })
    if (reply.status !== 200) throw new Error(`status ${reply.status}: ${reply.body}`)
    return `${index}`
  })
  t.teardown(() => load.stop())
  for (const name of ['0', '1']) await load.more(name, 40)
  for (let round = 0; round < 2; round++) {
    sidecar.child.signal('SIGSTOP')
    await sleep(STALL_MS)
    sidecar.child.signal('SIGCONT')
    for (const name of ['0', '1']) await load.more(name, 40)
  }
  await load.stop()
  t.same(load.failures, [], 'no request failed')
  for (const state of ['ejected', 'unhealthy']) {
    const counts = await sidecar.metric('pillion_upstream_endpoints')
    for (const upstream of ['one', 'two']) {
      t.equal(counts[`state=${state},upstream=${upstream}`], 0, `none of ${upstream} is ${state}`)
    }
  }
  const said = sidecar.log.filter(({ change }) => change === 'ejected' || change === 'unhealthy')
  t.same(said, [], 'nor has been')
  await sidecar.stop(t)
})
