import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { WebSocket } from 'ws'
import { createMesh } from '../support/mesh-folder.ts'
import { pattern } from '../support/peers/pattern.ts'
import { startHttp1Tunnels, startHttp2Tunnels } from '../support/peers/tunnel-upstream.ts'
import { openHttp2WebSocket } from '../support/peers/websocket-stream.ts'
import { startSidecar } from '../support/sidecar.ts'
import { pairAuthority, type Spoken, startPair, WAYS } from '../support/sidecar-pair.ts'

interface Refusal extends Error {
  readonly status: number
  readonly body: string
}

async function openHttp1(
  port: number,
  authority: string,
  path: string,
): Promise<{ socket: WebSocket; protocol: string }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, ['chat'], { headers: { host: authority } })
  return new Promise((resolve, reject) => {
    // What comes first may come with the handshake: it waits until somebody listens.
    socket.on('open', () => {
      socket.pause()
      resolve({ socket, protocol: socket.protocol })
    })
    socket.on('error', reject)
    socket.on('unexpected-response', (_, response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () =>
        reject(Object.assign(new Error('refused'), { status: response.statusCode, body })),
      )
    })
  })
}

/** The next messages, as many as asked for. */
function messages(socket: WebSocket): (count: number) => Promise<Buffer[]> {
  const got: Buffer[] = []
  let wake = () => {}
  socket.on('message', (message: Buffer) => {
    got.push(message)
    wake()
  })
  socket.resume()
  return async (count) => {
    while (got.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return got.splice(0, count)
  }
}

t.test('tunnels through two sidecars', async (t) => {
  const apps = { http1: await startHttp1Tunnels(), h2: await startHttp2Tunnels() }
  t.teardown(() => Promise.all([apps.http1.close(), apps.h2.close()]))
  const pair = await startPair(t, {
    apps: { http1: apps.http1.port, h2: apps.h2.port },
    route: 'upgrades: [websocket, connect]',
  })
  const sessions: ClientHttp2Session[] = []
  t.teardown(() => {
    for (const session of sessions) session.destroy()
  })
  const session = (): ClientHttp2Session => {
    const made = connectHttp2(`http://127.0.0.1:${pair.port}`)
    sessions.push(made)
    return made
  }

  for (const [from, hop, to] of WAYS) {
    const authority = pairAuthority(hop, to)
    const open = (path: string) =>
      from === 'http1'
        ? openHttp1(pair.port, authority, path)
        : openHttp2WebSocket(session(), authority, path, 'chat')

    await t.test(`WebSocket ${from} -> ${hop} -> ${to}`, async (t) => {
      const { socket, protocol } = await open('/chat?room=1')
      const next = messages(socket)
      t.equal(protocol, 'chat')
      t.equal(String((await next(1))[0]), 'hello')
      const fields = apps[to].fields
      t.match(String(fields['x-forwarded-client-cert']), 'URI=spiffe://mesh.local/ns/default/sa/web')
      t.match(String(fields['x-request-id']), /^[0-9a-f-]{36}$/)
      t.equal(fields['sec-websocket-version'], '13')

      // Sizes around those of frames, windows and buffers.
      const sizes = [0, 1, 125, 126, 16_384, 65_535, 65_536, 1_500_000]
      for (const size of sizes) socket.send(pattern(size))
      const echoes = await next(sizes.length)
      sizes.forEach((size, i) => {
        t.ok(echoes[i]?.equals(pattern(size)), `${size} bytes came back as they went`)
      })

      const many = 300
      for (let i = 0; i < many; i++) socket.send(`message ${i}`)
      t.strictSame(
        (await next(many)).map(String),
        Array.from({ length: many }, (_, i) => `message ${i}`),
      )
      socket.ping('are you there')
      const [pong] = (await once(socket, 'pong')) as [Buffer]
      t.equal(String(pong), 'are you there')

      const there = apps[to].sockets.at(-1) as WebSocket
      const closed = once(there, 'close')
      socket.close(1000, 'done')
      t.match((await closed).map(String), ['1000', 'done'])
      if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close')
    })

    await t.test(
      `WebSocket ${from} -> ${hop} -> ${to}, ended by the application, cut, refused`,
      async (t) => {
        const polite = (await open('/')).socket
        polite.resume()
        const goodbye = once(polite, 'close')
        apps[to].sockets.at(-1)?.close(1001, 'going')
        t.match((await goodbye).map(String), ['1001', 'going'])

        const cutHere = (await open('/')).socket
        const seen = once(apps[to].sockets.at(-1) as WebSocket, 'close')
        cutHere.on('error', () => {})
        cutHere.terminate()
        t.equal((await seen)[0], 1006, 'the application sees that its caller is gone')

        const cutThere = (await open('/')).socket
        cutThere.resume()
        cutThere.on('error', () => {})
        const lost = once(cutThere, 'close')
        apps[to].sockets.at(-1)?.terminate()
        t.equal((await lost)[0], 1006, 'the caller sees that the application is gone')

        const refusal = (await open('/refuse').catch((error: unknown) => error)) as Refusal
        t.equal(refusal.status, 401)
        t.equal(refusal.body, 'not you')
      },
    )

    await t.test(`CONNECT ${from} -> ${hop} -> ${to}`, async (t) => {
      const target = createServer({ allowHalfOpen: true }, (socket: Socket) => {
        let got = ''
        socket.on('error', () => {})
        socket.on('data', (chunk) => {
          got += chunk
          if (got === 'break') socket.resetAndDestroy()
        })
        socket.on('end', () => socket.end(`got ${got}`))
      })
      target.listen(0, '127.0.0.1')
      await once(target, 'listening')
      t.teardown(() => target.close())
      const { port } = target.address() as AddressInfo
      const stream = await openConnect(from, pair.port, session, `${authority}:${port}`)
      stream.write('some ')
      stream.end('bytes')
      let answer = ''
      for await (const chunk of stream) answer += chunk
      t.equal(answer, 'got some bytes', 'each side ends for itself')

      const broken = await openConnect(from, pair.port, session, `${authority}:${port}`)
      const seen: string[] = []
      broken.on('end', () => seen.push('end'))
      broken.on('error', () => seen.push('error'))
      broken.resume()
      // `once` would reject at the error.
      const closed = new Promise((resolve) => broken.on('close', resolve))
      broken.write('break')
      await closed
      t.strictSame(seen, ['error'], 'what breaks on one side does not look like an end on the other')
    })
  }

  t.strictSame(await pair.client.metric('pillion_tunnels_open'), { 'listener=outbound': 0 })
  t.strictSame(await pair.server.metric('pillion_tunnels_open'), { 'listener=inbound': 0 })
  for (const session of sessions) session.destroy()
  await pair.client.stop(t)
  await pair.server.stop(t)
})

async function openConnect(
  from: Spoken,
  port: number,
  session: () => ClientHttp2Session,
  authority: string,
): Promise<Duplex> {
  if (from === 'h2') {
    const stream = session().request({ ':method': 'CONNECT', ':authority': authority })
    const [fields] = (await once(stream, 'response')) as [Record<string, unknown>]
    if (fields[':status'] !== 200) throw new Error(`refused with ${fields[':status']}`)
    return stream
  }
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    method: 'CONNECT',
    path: authority,
    headers: { host: authority },
  })
  request.end()
  const [response, socket] = (await once(request, 'connect')) as [{ statusCode: number }, Duplex]
  if (response.statusCode !== 200) throw new Error(`refused with ${response.statusCode}`)
  return socket
}

t.test('a route that opens no tunnels refuses them and says so', async (t) => {
  const app = await startHttp1Tunnels()
  t.teardown(() => app.close())
  const pair = await startPair(t, { apps: { http1: app.port }, route: 'upgrades: []' })
  const authority = pairAuthority('h2', 'http1')
  const refusal = (await openHttp1(pair.port, authority, '/').catch((error: unknown) => error)) as Refusal
  t.equal(refusal.status, 403)
  t.match(
    refusal.body,
    /the route opens no tunnel of this kind: websocket is not among the upgrades of route outbound\/1/,
  )
  t.equal(app.sockets.length, 0)
  await pair.client.stop(t)
  await pair.server.stop(t)
})

t.test('each side of a tunnel ends for itself on a permissive listener, in plain text too', async (t) => {
  const endpoint = createServer({ allowHalfOpen: true }, (socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    socket.on('end', () => socket.end('after the end'))
  })
  endpoint.listen(0, '127.0.0.1')
  await once(endpoint, 'listening')
  t.teardown(() => endpoint.close())
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t, 'app'),
    service: 'app',
    config: `listeners:
  - { name: inbound, address: "127.0.0.1:0", tls: permissive, routes: [{ upstream: app, upgrades: [connect] }] }
upstreams: { app: { endpoints: ["127.0.0.1:${(endpoint.address() as AddressInfo).port}"] } }`,
  })
  const request = httpRequest({
    host: '127.0.0.1',
    port: sidecar.port('inbound'),
    method: 'CONNECT',
    path: 'db:1',
    headers: { host: 'db:1' },
  })
  request.end()
  const [, socket] = (await once(request, 'connect')) as [unknown, Duplex]
  socket.end('hello')
  let answer = ''
  for await (const chunk of socket) answer += chunk
  t.equal(answer, 'after the end')
  await sidecar.stop(t)
})
