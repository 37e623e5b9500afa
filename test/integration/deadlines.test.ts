import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createMesh, meshId } from '../support/mesh-folder.ts'
import { EchoClient } from '../support/peers/echo-client.ts'
import { startEcho } from '../support/peers/echo-server.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { startHttp2 } from '../support/peers/http2-upstream.ts'
import { startSidecar } from '../support/sidecar.ts'

/** How long the way to the server is closed, in milliseconds. */
const HELD_UP = 400

t.test('deadlines of gRPC calls through two sidecars', async (t) => {
  const echo = await startEcho()
  // It knows nothing of gRPC, so that nobody but the sidecars ends a call in time.
  const deaf = await startHttp2()
  for (const upstream of [echo, deaf]) t.teardown(() => upstream.close())
  const mesh = await createMesh(t, 'web', 'app')
  const server = await startSidecar(t, {
    mesh,
    service: 'app',
    config: `listeners:
  - name: inbound
    address: 127.0.0.1:0
    tls: mutual
    authorize: [{ allow: { principals: ["${meshId('web')}"] } }]
    routes:
      - { match: { prefix: /hold }, upstream: deaf, timeout: off }
      - { upstream: echo, timeout: off }
upstreams:
  echo: { protocol: h2, endpoints: ["127.0.0.1:${echo.port}"] }
  deaf: { protocol: h2, endpoints: ["127.0.0.1:${deaf.port}"] }`,
  })
  const client = await startSidecar(t, {
    mesh,
    service: 'web',
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes:
      - { match: { authority: short.mesh }, upstream: app, timeout: off, maxDuration: 500ms }
      - { upstream: app, timeout: off }
upstreams:
  app:
    protocol: h2
    endpoints: ["127.0.0.1:${server.port('inbound')}"]
    tls: { mode: mutual, peer: "${meshId('app')}" }
    timeouts: { connect: 20s }`,
  })
  const port = client.port('outbound')

  await t.test('the server is told what is left', async (t) => {
    const caller = new EchoClient(`127.0.0.1:${port}`, { authority: 'app.mesh' })
    t.teardown(() => caller.close())
    // The handshake between the sidecars, and with it the call, has to wait.
    server.child.signal('SIGSTOP')
    const call = caller.unary({}, { deadlineMs: 60_000 })
    while ((await client.metric('pillion_upstream_pending'))['upstream=app'] !== 1) await sleep(10)
    await sleep(HELD_UP)
    server.child.signal('SIGCONT')
    t.match(await call, { code: 0 })
    const left = echo.calls.at(-1)?.deadlineMs ?? 0
    t.ok(left > 0 && left < 60_000 - HELD_UP / 2, `${left} ms of 60000 were left`)
  })

  await t.test('a route that limits calls limits the server', async (t) => {
    const caller = new EchoClient(`127.0.0.1:${port}`, { authority: 'short.mesh' })
    t.teardown(() => caller.close())
    const { cancelled } = echo
    t.match(await caller.unary({ hold: true }), { code: 4 })
    await echo.when('the call to be cancelled', () => echo.cancelled === cancelled + 1)
    const left = echo.calls.at(-1)?.deadlineMs ?? 0
    t.ok(left > 0 && left <= 500, `${left} ms were left`)
    t.match(await caller.unary({}), { code: 0 })
  })

  await t.test('a server that takes no notice: the sidecar answers, and the work ends', async (t) => {
    const headers = { 'content-type': 'application/grpc', te: 'trailers' }
    for (const [authority, timeout] of [
      ['app.mesh', { 'grpc-timeout': '300m' }],
      ['short.mesh', {}],
    ] as const) {
      const caller = new Http2Client({ port, authority })
      t.teardown(() => caller.close())
      const { aborted } = deaf
      const reply = await caller.request({ path: '/hold', headers: { ...headers, ...timeout }, body: 'x' })
      t.match(reply, { status: 200, headers: { 'grpc-status': '4' } })
      // Either sidecar may be the first to say so.
      t.equal(reply.headers['x-pillion-reason'], 'deadline-exceeded')
      await deaf.when('the request to be aborted', () => deaf.aborted === aborted + 1)
    }
  })

  await t.test('a deadline that cannot be read', async (t) => {
    const caller = new Http2Client({ port, authority: 'app.mesh' })
    t.teardown(() => caller.close())
    const headers = { 'content-type': 'application/grpc', te: 'trailers', 'grpc-timeout': '5 minutes' }
    const reply = await caller.request({ path: '/hold', headers, body: 'x' })
    t.match(reply, { status: 200, headers: { 'grpc-status': '13', 'x-pillion-reason': 'bad-request' } })
  })

  await client.stop(t)
  await server.stop(t)
})
