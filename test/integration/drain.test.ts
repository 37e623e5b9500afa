import t from 'tap'
import { createMesh, meshId } from '../support/mesh-folder.ts'
import { EchoClient } from '../support/peers/echo-client.ts'
import { startEcho } from '../support/peers/echo-server.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { SteadyLoad } from '../support/peers/steady-load.ts'
import { type Sidecar, startSidecar } from '../support/sidecar.ts'

t.test('SIGTERM: what is under way is finished', async (t) => {
  const app = await startHttp1()
  const echo = await startEcho()
  t.teardown(() => Promise.all([app.close(), echo.close()]))
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t),
    service: 'edge',
    anonymous: true,
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes:
      - { match: { grpc: pillion.test.Echo }, upstream: echo }
      - upstream: app
upstreams:
  echo: { protocol: h2, endpoints: ["127.0.0.1:${echo.port}"] }
  app: { protocol: http1, endpoints: ["127.0.0.1:${app.port}"] }`,
  })
  const port = sidecar.port('outbound')
  const rest = new Http1Client({ port, connections: 8 })
  const grpc = new EchoClient(`127.0.0.1:${port}`)
  t.teardown(() => {
    rest.close()
    grpc.close()
  })
  const held = [rest.request({ path: '/hold' }), rest.request({ path: '/events/2?hold' })]
  const call = grpc.bidiStream()
  await call.send({ payload: Buffer.from('before') })
  t.match(await call.next(), { payload: Buffer.from('before') })
  await app.when('both requests to be held', () => app.held === 2)

  sidecar.child.signal('SIGTERM')
  await sidecar.logged(/SIGTERM/)
  await call.send({ payload: Buffer.from('behind') })
  t.match(await call.next(), { payload: Buffer.from('behind') }, 'a stream goes on')
  call.end()
  t.match(await call.outcome, { code: 0 })
  app.release()
  await app.when('the second event to be held', () => app.held === 1)
  app.release()
  for (const reply of await Promise.all(held)) {
    t.match(reply, { status: 200 })
    t.equal(reply.intact, false)
  }
  t.equal(await sidecar.child.exited(), 0, 'then it ends')
})

t.test('SIGTERM under load: the sidecar that calls moves its requests, none fails', async (t) => {
  const app = await startHttp1({ name: 'app' })
  t.teardown(() => app.close())
  const mesh = await createMesh(t, 'web', 'first', 'second')
  const start = (service: string): Promise<Sidecar> =>
    startSidecar(t, {
      mesh,
      service,
      config: `listeners:
  - name: inbound
    address: 127.0.0.1:0
    tls: mutual
    routes: [{ upstream: app }]
upstreams:
  app: { protocol: http1, endpoints: ["127.0.0.1:${app.port}"] }`,
    })
  const [first, second] = await Promise.all([start('first'), start('second')])
  const web = await startSidecar(t, {
    mesh,
    service: 'web',
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes:
      - { match: { authority: h2.mesh }, upstream: over-h2 }
      - { match: { authority: http1.mesh }, upstream: over-http1 }
upstreams:
${(['h2', 'http1'] as const)
  .map(
    (protocol) => `  over-${protocol}:
    protocol: ${protocol}
    endpoints: ["127.0.0.1:${first.port('inbound')}", "127.0.0.1:${second.port('inbound')}"]
    tls: { mode: mutual, peer: ["${meshId('first')}", "${meshId('second')}"] }`,
  )
  .join('\n')}`,
  })
  const client = new Http1Client({ port: web.port('outbound'), connections: 16 })
  t.teardown(() => client.close())
  let count = 0
  const load = new SteadyLoad(16, async () => {
    count += 1
    const authority = count % 2 === 0 ? 'h2.mesh' : 'http1.mesh'
    // Neither idempotent nor covered by a policy: only what was certainly not processed may be sent again.
    const { status, body } = await client.request({ method: 'POST', authority, path: '/sink', body: 'once' })
    if (status !== 200) throw new Error(`${authority}: status ${status}: ${body}`)
    return 'app'
  })
  t.teardown(() => load.stop())
  await load.more('app', 200)
  t.equal(await first.child.stop('SIGTERM'), 0, 'the first ends in order')
  await load.more('app', 200)
  await load.stop()
  t.same(load.failures, [], 'no request failed')
  t.equal(app.begun, load.answered('app'), 'and none was made twice')
  client.close()
  await web.stop(t)
  await second.stop(t)
})

t.test('SIGTERM with a request that does not end: the grace is kept', async (t) => {
  const app = await startHttp1()
  t.teardown(() => app.close())
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t),
    service: 'edge',
    anonymous: true,
    config: `shutdown: { grace: 300ms }
listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes: [{ upstream: app }]
upstreams:
  app: { endpoints: ["127.0.0.1:${app.port}"] }`,
  })
  const client = new Http1Client({ port: sidecar.port('outbound') })
  t.teardown(() => client.close())
  const lost = t.rejects(client.request({ path: '/hold' }))
  await app.when('the request to be held', () => app.held === 1)
  sidecar.child.signal('SIGTERM')
  await sidecar.logged(/closing connections that did not end in time/)
  await lost
  t.equal(await sidecar.child.exited(), 0)
})
