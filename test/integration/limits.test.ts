// Limits of the configuration as callers meet them, over both protocols, and what the metrics say of them.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import t from 'tap'
import { createMesh } from '../support/mesh-folder.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { RawConnection } from '../support/raw-connection.ts'
import { startSidecar } from '../support/sidecar.ts'

const app = await startHttp1()
t.teardown(() => app.close())

/** An endpoint that accepts, and reads and answers nothing. */
async function startDeaf(): Promise<{ readonly port: number; readonly sockets: Socket[]; close(): void }> {
  const sockets: Socket[] = []
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {})
    sockets.push(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: (server.address() as { port: number }).port, sockets, close }
}

t.test('sizes', async (t) => {
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t),
    service: 'edge',
    anonymous: true,
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    limits: { uriBytes: 200B, bodyBytes: 100KiB }
    http1: { requests: 5 }
    routes: [{ upstream: app }]
upstreams:
  app: { protocol: http1, endpoints: ["127.0.0.1:${app.port}"] }`,
  })
  const port = sidecar.port('outbound')
  for (const [name, client] of [
    ['http1', new Http1Client({ port })],
    ['h2', new Http2Client({ port })],
  ] as const) {
    t.teardown(() => client.close())
    t.match(await client.request({ path: `/status/200?${'a'.repeat(188)}` }), { status: 200 }, name)
    const long = await client.request({ path: `/status/200?${'a'.repeat(189)}` })
    t.match(long, { status: 414, headers: { 'x-pillion-reason': 'uri-too-long' } }, name)

    const body = Buffer.alloc(100 * 1024)
    t.match(await client.request({ path: '/sink', body }), { status: 200 }, name)
    const large = await client.request({ path: '/sink', body: Buffer.concat([body, Buffer.alloc(1)]) })
    t.match(large, { status: 413, headers: { 'x-pillion-reason': 'body-too-large' } }, name)
    t.match(await client.request({ path: '/status/200' }), { status: 200 }, `${name}: and goes on`)
  }
  const limits = await sidecar.metric('pillion_listener_limits_total')
  t.match(limits, {
    'limit=limits.uriBytes,listener=outbound': 2,
    'limit=limits.bodyBytes,listener=outbound': 2,
  })
  await sidecar.stop(t)
})

t.test(
  'limits.connections: one more is turned away and counted; as many as allowed are served',
  async (t) => {
    const sidecar = await startSidecar(t, {
      mesh: await createMesh(t),
      service: 'edge',
      anonymous: true,
      config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    limits: { connections: 50 }
    routes: [{ upstream: app }]
upstreams:
  app: { protocol: http1, endpoints: ["127.0.0.1:${app.port}"] }`,
    })
    const port = sidecar.port('outbound')
    const ask = 'GET /status/200 HTTP/1.1\r\nHost: a\r\n\r\n'
    const crowd: RawConnection[] = []
    for (let i = 0; i < 50; i++) {
      const connection = new RawConnection(port)
      await connection.connected()
      crowd.push(connection)
    }
    for (const connection of crowd) connection.send(ask)
    const answered = () => crowd.every(({ received }) => /^HTTP\/1\.1 200 /.test(received))
    while (!answered()) await new Promise((resolve) => setTimeout(resolve, 10))
    t.pass('fifty connections at once are served')

    const more = new RawConnection(port)
    more.send(ask)
    t.equal(await more.ended(), '', 'the next is closed')
    t.match(await sidecar.metric('pillion_connections_refused_total'), {
      'listener=outbound,reason=limit': 1,
    })
    t.match(await sidecar.metric('pillion_connections_open'), { 'listener=outbound': 50 })

    crowd[0]?.socket.destroy()
    let open = 50
    while (open === 50) open = (await sidecar.metric('pillion_connections_open'))['listener=outbound'] ?? 0
    const next = new Http1Client({ port, connections: 0 })
    t.match(await next.request({ path: '/status/200' }), { status: 200 }, 'a place that became free is given')
    next.close()
    for (const { socket } of crowd) socket.destroy()
    await sidecar.stop(t)
  },
)

// What goes on in time lasts as long as it wants: that is shown on virtual time, in codec/http1/deadlines.test.ts.
t.test('deadlines', async (t) => {
  const deaf = await startDeaf()
  t.teardown(() => deaf.close())
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t),
    service: 'edge',
    anonymous: true,
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    timeouts: { body: 400ms, stream: 800ms }
    routes: [{ match: { path: /deaf }, upstream: deaf, timeout: off }, { upstream: app }]
upstreams:
  app: { protocol: http1, endpoints: ["127.0.0.1:${app.port}"] }
  deaf: { protocol: http1, endpoints: ["127.0.0.1:${deaf.port}"] }`,
  })
  const port = sidecar.port('outbound')

  const dribbling = new RawConnection(port)
  dribbling.send('POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc')
  t.match(await dribbling.ended(), /^HTTP\/1\.1 408 [\s\S]*its body brings too little/)

  const silent = new RawConnection(port)
  silent.send('GET /deaf HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(await silent.ended(), /^HTTP\/1\.1 504 [\s\S]*nothing moved for too long/)

  const { begun, aborted } = app
  const half = new RawConnection(port)
  half.send('GET /events/2?hold HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(await half.ended(), /^HTTP\/1\.1 200 /, 'an endpoint that is silent within its response')
  t.notMatch(half.received, /0\r\n\r\n$/, 'the response does not look complete')
  await app.when('the request to be aborted', () => app.begun > begun && app.aborted > aborted)

  t.match(await sidecar.metric('pillion_listener_limits_total'), {
    'limit=timeouts.body,listener=outbound': 1,
    'limit=timeouts.stream,listener=outbound': 2,
  })
  await sidecar.stop(t)
})

t.test('a caller that leaves while its body waits for an endpoint that takes nothing', async (t) => {
  const deaf = await startDeaf()
  t.teardown(() => deaf.close())
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t),
    service: 'edge',
    anonymous: true,
    // The shortest deadline says how often a connection is looked at.
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    timeouts: { head: 200ms, stream: off }
    routes: [{ upstream: deaf, timeout: off }]
upstreams:
  deaf: { protocol: http1, endpoints: ["127.0.0.1:${deaf.port}"] }`,
  })
  const caller = new RawConnection(sidecar.port('outbound'))
  caller.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  // More than all buffers on the way hold, so that the sidecar stops reading.
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1024 * 1024), Buffer.from('\r\n')])
  let waiting = false
  while (!waiting) {
    waiting = !caller.socket.write(chunk)
    if (waiting) {
      const drained = once(caller.socket, 'drain').then(() => false)
      waiting = await Promise.race([drained, new Promise<boolean>((r) => setTimeout(() => r(true), 1000))])
    }
  }
  t.match(await sidecar.metric('pillion_upstream_requests_active'), {
    [`endpoint=127.0.0.1:${deaf.port},upstream=deaf`]: 1,
  })
  caller.socket.resetAndDestroy()
  let active = 1
  while (active !== 0) {
    active = Object.values(await sidecar.metric('pillion_upstream_requests_active'))[0] ?? -1
  }
  t.pass('the work behind it has ended')
  await sidecar.stop(t)
})

t.test('what the codec refuses by itself is counted and told like everything else', async (t) => {
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t),
    service: 'edge',
    anonymous: true,
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    limits: { uriBytes: 200B }
    routes: [{ upstream: app }]
upstreams: { app: { endpoints: ["127.0.0.1:${app.port}"] } }`,
  })
  const refused: readonly (readonly [string, string])[] = [
    ['GET / HTTP/3.0\r\nHost: a\r\n\r\n', 'version-not-supported'],
    ['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 'not-implemented'],
    ['POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n', 'expectation-failed'],
    [`GET /${'x'.repeat(300)} HTTP/1.1\r\nHost: a\r\n\r\n`, 'uri-too-long'],
    ['GET / HTTP/1.1\r\n\r\n', 'bad-request'],
  ]
  for (const [request, code] of refused) {
    const connection = new RawConnection(sidecar.port('outbound'))
    connection.send(request)
    t.match(await connection.ended(), `x-pillion-reason: ${code}`)
  }
  const replies = await sidecar.metric('pillion_local_replies_total')
  const errors = await sidecar.metric('pillion_protocol_errors_total')
  for (const [, code] of refused) {
    t.equal(replies[`listener=outbound,reason=${code}`], 1, `${code} among the replies`)
    t.equal(errors[`code=${code},listener=outbound`], 1, `${code} among the errors`)
  }
  await sidecar.logged(/only HTTP\/1\.1 and HTTP\/1\.0 are spoken here/)
  await sidecar.stop(t)
})

t.test(
  'limits of an upstream: what is refused says which limit, its value, and what to change',
  async (t) => {
    const busy = await startHttp1()
    t.teardown(() => busy.close())
    const sidecar = await startSidecar(t, {
      mesh: await createMesh(t),
      service: 'edge',
      anonymous: true,
      config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes: [{ upstream: busy }]
upstreams:
  busy:
    protocol: http1
    endpoints: ["127.0.0.1:${busy.port}"]
    outlier: { consecutive: 1 }
    breaker: { failures: 1 }
    limits: { connections: 1, pending: 1, requests: 3, pendingTimeout: 3s }`,
    })
    const client = new Http1Client({ port: sidecar.port('outbound'), connections: 8 })
    t.teardown(() => client.close())
    const ask = () => client.request({ path: '/hold' })
    const first = ask()
    await busy.when('the first to arrive', () => busy.held === 1)
    const second = ask()
    let pending = 0
    while (pending === 0) pending = (await sidecar.metric('pillion_upstream_pending'))['upstream=busy'] ?? 0
    const third = await ask()
    t.match(third, { status: 503, headers: { 'x-pillion-reason': 'overflow' } })
    t.match(third.body.toString(), /limits\.pending of upstream busy, 1 waiting for a connection; raise it/)
    const waited = await second
    t.match(waited, { status: 503, headers: { 'x-pillion-reason': 'overflow' } })
    t.match(
      waited.body.toString(),
      /limits\.pendingTimeout of upstream busy, no connection was free within 3000 ms/,
    )
    const fourth = ask()
    busy.release()
    t.match(await first, { status: 200 })
    await busy.when('the one that waited to arrive', () => busy.held === 1)
    busy.release()
    t.match(await fourth, { status: 200 }, 'one that waits for less is served')
    t.match(await sidecar.metric('pillion_upstream_limits_total'), {
      'limit=limits.pending,upstream=busy': 1,
      'limit=limits.pendingTimeout,upstream=busy': 1,
    })
    t.match(await sidecar.metric('pillion_upstream_overflow_total'), { 'upstream=busy': 2 })
    t.match(await sidecar.metric('pillion_upstream_request_failures_total'), {
      [`endpoint=127.0.0.1:${busy.port},upstream=busy`]: 0,
    })
    t.match(
      await sidecar.metric('pillion_upstream_endpoints'),
      { 'state=healthy,upstream=busy': 1 },
      'nobody is blamed',
    )
    await sidecar.stop(t)
  },
)
