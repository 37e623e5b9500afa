import t from 'tap'
import { createMesh, meshId } from '../support/mesh-folder.ts'
import { EchoClient } from '../support/peers/echo-client.ts'
import { startEcho } from '../support/peers/echo-server.ts'
import { freePorts } from '../support/peers/free-port.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { startSidecar } from '../support/sidecar.ts'

t.test('one of two instances has lost its application: no request fails, whatever its method', async (t) => {
  const app = await startHttp1({ name: 'alive' })
  const echo = await startEcho({ name: 'alive' })
  t.teardown(() => Promise.all([app.close(), echo.close()]))
  const mesh = await createMesh(t, 'web', 'shop')
  const dead = await freePorts(2)
  const inbound = (ports: readonly number[]) => `listeners:
  - name: inbound
    address: 127.0.0.1:0
    tls: mutual
    authorize: [{ allow: { principals: ["${meshId('web')}"] } }]
    routes: [{ match: { authority: echo.mesh }, upstream: echo }, { upstream: app }]
upstreams:
  app: { protocol: http1, endpoints: ["127.0.0.1:${ports[0]}"] }
  echo: { protocol: h2, endpoints: ["127.0.0.1:${ports[1]}"] }`
  const lost = await startSidecar(t, { mesh, service: 'shop', config: inbound(dead) })
  const well = await startSidecar(t, { mesh, service: 'shop', config: inbound([app.port, echo.port]) })
  const endpoints = [lost, well].map((sidecar) => `"127.0.0.1:${sidecar.port('inbound')}"`).join(', ')
  const shop = (protocol: string) =>
    `{ protocol: ${protocol}, balance: round-robin, endpoints: [${endpoints}], tls: { mode: mutual, peer: "${meshId('shop')}" } }`
  const web = await startSidecar(t, {
    mesh,
    service: 'web',
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes: [{ match: { authority: one.mesh }, upstream: over-http1 }, { upstream: over-h2 }]
upstreams:
  over-http1: ${shop('http1')}
  over-h2: ${shop('h2')}`,
  })

  for (const authority of ['one.mesh', 'two.mesh']) {
    const client = new Http1Client({ port: web.port('outbound'), connections: 8, authority })
    t.teardown(() => client.close())
    const before = app.begun
    const replies = await Promise.all(
      Array.from({ length: 100 }, () => client.request({ method: 'POST', path: '/sink', body: 'once' })),
    )
    t.strictSame(
      replies.filter(({ status }) => status !== 200).map(({ status, body }) => `${status} ${body}`),
      [],
    )
    t.ok(replies.every(({ headers }) => !Object.keys(headers).some((name) => name.startsWith('x-pillion'))))
    t.equal(app.begun - before, 100, 'each was made once')
    client.close()
  }
  const client = new EchoClient(`127.0.0.1:${web.port('outbound')}`, { authority: 'echo.mesh' })
  t.teardown(() => client.close())
  for (let i = 0; i < 20; i++) t.match(await client.unary({ payload: Buffer.from('hi') }), { code: 0 })
  t.equal(echo.begun, 20)
  client.close()

  const retries = await web.metric('pillion_upstream_retries_total')
  t.strictSame(Object.keys(retries).sort(), [
    'cause=connect-failure,upstream=over-h2',
    'cause=connect-failure,upstream=over-http1',
  ])
  t.ok(Object.values(retries).every((count) => count >= 40))
  t.same(await web.metric('pillion_upstream_retries_overflow_total'), {
    'upstream=over-http1': 0,
    'upstream=over-h2': 0,
  })
  for (const sidecar of [web, lost, well]) await sidecar.stop(t)
})
