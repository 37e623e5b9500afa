import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { createMesh, meshId } from '../support/mesh-folder.ts'
import { freePorts } from '../support/peers/free-port.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { startHttp2 } from '../support/peers/http2-upstream.ts'
import { RawConnection } from '../support/raw-connection.ts'
import { type Sidecar, startSidecar } from '../support/sidecar.ts'

/** An application that keeps every byte of the requests it gets, and answers each with 200. */
class ByteRecorder {
  readonly #server = createServer((socket) => {
    let pending = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1')
      for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
        this.heads.push(pending.slice(0, end))
        pending = pending.slice(end + 4)
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
      }
    })
  })
  /** Heads of requests (none has a body) as they came, without the empty line. */
  readonly heads: string[] = []
  port = 0

  async start(t: Test): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
    t.teardown(() => this.#server.close())
  }

  /** The requests since last asked. */
  take(): string[] {
    return this.heads.splice(0)
  }
}

/** Path as it comes -> path that the application gets, or the status without it. */
const ASKED: readonly (readonly [string, string | number])[] = [
  ['/public', '/public'],
  ['/public/x?to=/../admin//%2f', '/public/x?to=/../admin//%2f'],
  ['/public/./x//y/../%7ez', '/public/x/~z'],
  ['/public/%c3%a4;v=1', '/public/%C3%A4;v=1'],
  ['/admin/../public', '/public'],
  ['/admin', 403],
  ['/admin/x', 403],
  ['/public/../admin', 403],
  ['/public/%2e%2e/admin', 403],
  ['/public/%2E./admin/x', 403],
  ['//admin', 403],
  ['/admin//', 403],
  ['/admin/.', 403],
  ['/./admin', 403],
  ['/%61dmin', 403],
  ['/%61%64%6D%69%6e/x', 403],
  ['/admin;x', 403],
  ['/admin;x=y/z', 403],
  ['/admin%3Bx', 403],
  ['/;/admin', 403],
  ['/public/..;/admin', 400],
  ['/public/..%2fadmin', 400],
  ['/public%2f..%2fadmin', 400],
  ['/public/..%5cadmin', 400],
  ['/public/..\\admin', 400],
  ['/../admin', 400],
  ['/admin%00', 400],
  ['/admin%', 400],
]

/** The same where escaped slashes are kept. */
const KEPT: readonly (readonly [string, string | number])[] = [
  ['/public/group%2fname/issues', '/public/group%2Fname/issues'],
  ['/public%2fx', 403],
  ['/admin%2fx', 403],
  ['/%2Fadmin', 403],
  ['/public/..%2fadmin', 400],
  ['/public/..%5cadmin', 400],
]

const AUTHORIZE =
  'authorize: [{ deny: { paths: [/admin, "/admin/*"] } }, { allow: { paths: [/public, "/public/*"] } }]'

async function startEdge(t: Test, http1: number, h2: number): Promise<Sidecar> {
  const listeners = ['http1', 'h2'].flatMap((upstream) =>
    ['refuse', 'keep'].map(
      (slashes) => `  - name: inbound-${upstream}-${slashes}
    address: 127.0.0.1:0
    paths: { escapedSlashes: ${slashes} }
    ${AUTHORIZE}
    routes: [{ upstream: ${upstream} }]`,
    ),
  )
  return startSidecar(t, {
    mesh: await createMesh(t),
    service: 'edge',
    anonymous: true,
    config: `log: { access: true }
listeners:
${listeners.join('\n')}
upstreams:
  http1: { protocol: http1, endpoints: ["127.0.0.1:${http1}"] }
  h2: { protocol: h2, endpoints: ["127.0.0.1:${h2}"] }`,
  })
}

t.test('what is authorized is what is forwarded', async (t) => {
  const recorder = new ByteRecorder()
  await recorder.start(t)
  const app = await startHttp2()
  t.teardown(() => app.close())
  const sidecar = await startEdge(t, recorder.port, app.port)

  const seen = (upstream: string): string[] =>
    upstream === 'http1'
      ? recorder.take().map((head) => head.split(' ')[1] ?? '')
      : app.requests.splice(0).map(({ path }) => path)

  for (const upstream of ['http1', 'h2']) {
    for (const [slashes, asked] of [
      ['refuse', ASKED],
      ['keep', KEPT],
    ] as const) {
      const port = sidecar.port(`inbound-${upstream}-${slashes}`)
      await t.test(`http1 -> ${upstream}, escaped slashes: ${slashes}`, async (t) => {
        for (const [path, outcome] of asked) {
          const connection = new RawConnection(port)
          connection.send(`GET ${path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n`)
          const answer = await connection.ended()
          if (typeof outcome === 'number') {
            t.match(answer, new RegExp(`^HTTP/1\\.1 ${outcome} `), path)
            t.strictSame(seen(upstream), [], `${path} reaches nobody`)
          } else t.strictSame(seen(upstream), [outcome], path)
        }
      })
      await t.test(`h2 -> ${upstream}, escaped slashes: ${slashes}`, async (t) => {
        const client = new Http2Client({ port })
        for (const [path, outcome] of asked) {
          const reply = await client.request({ path })
          if (typeof outcome === 'number') {
            t.match(reply, {
              status: outcome,
              headers: { 'x-pillion-reason': outcome === 400 ? 'bad-request' : 'denied' },
            })
            t.strictSame(seen(upstream), [], `${path} reaches nobody`)
          } else t.strictSame(seen(upstream), [outcome], path)
        }
        client.close()
      })
    }
  }
  const logged = sidecar.log.filter((line) => line['log'] === 'access').map((line) => line['path'])
  t.equal(logged.filter((path) => path === '/public/x/~z').length, 4, 'once for each way')
  t.notOk(logged.includes('/public/./x//y/../%7ez'), 'the log has paths as they were forwarded')
  await sidecar.stop(t)
})

/** Every byte of one request that reached the application. */
async function headOf(recorder: ByteRecorder, port: number, lines: readonly string[]): Promise<string[]> {
  const connection = new RawConnection(port)
  connection.send(`${['GET / HTTP/1.1', 'Connection: close', ...lines].join('\r\n')}\r\n\r\n`)
  await connection.ended()
  return (recorder.take()[0] ?? '').split('\r\n').filter((line) => !line.startsWith('x-request-id'))
}

t.test('hops through two sidecars, octet for octet', async (t) => {
  const recorder = new ByteRecorder()
  await recorder.start(t)
  const mesh = await createMesh(t, 'web', 'app')
  const app = await startSidecar(t, {
    mesh,
    service: 'app',
    config: `listeners:
  - { name: inbound, address: "127.0.0.1:0", tls: mutual, routes: [{ upstream: app }] }
  - { name: inbound-edge, address: "127.0.0.1:0", via: edge-1, forwarded: { trustedHops: 1, write: both }, routes: [{ upstream: app }] }
upstreams:
  app: { protocol: http1, endpoints: ["127.0.0.1:${recorder.port}"] }`,
  })
  const web = await startSidecar(t, {
    mesh,
    service: 'web',
    config: `listeners:
  - { name: outbound, address: "127.0.0.1:0", routes: [{ upstream: app }] }
upstreams:
  app: { protocol: h2, endpoints: ["127.0.0.1:${app.port('inbound')}"], tls: { mode: mutual, peer: "${meshId('app')}" } }`,
  })
  const forged = ['X-Forwarded-Client-Cert: URI=spiffe://mesh.local/admin', 'x_forwarded_for: 6.6.6.6']
  t.strictSame(
    await headOf(recorder, web.port('outbound'), ['Host: Shop.test:80', 'Via: 1.0 fred', ...forged]),
    [
      'GET / HTTP/1.1',
      'host: Shop.test:80',
      'x-forwarded-for: 127.0.0.1, 127.0.0.1',
      'x-forwarded-proto: http',
      'via: 1.0 fred, 1.1 pillion, 2.0 pillion',
      `x-forwarded-client-cert: By=${meshId('app')};URI=${meshId('web')}`,
    ],
  )
  const claims = [
    'X-Forwarded-For: 6.6.6.6, 2001:db8::1',
    'X-Forwarded-Proto: https',
    'X-Real-IP: 6.6.6.6',
    ...forged,
  ]
  t.strictSame(await headOf(recorder, app.port('inbound-edge'), ['Host: shop.test', ...claims]), [
    'GET / HTTP/1.1',
    'host: shop.test',
    'x-forwarded-for: 2001:db8::1, 127.0.0.1',
    'x-forwarded-proto: https',
    'forwarded: for="[2001:db8::1]";proto=https, for=127.0.0.1;proto=http',
    'via: 1.1 edge-1',
  ])
  await web.stop(t)
  await app.stop(t)
})

t.test('a loop of sidecars ends', async (t) => {
  const mesh = await createMesh(t)
  const [port = 0] = await freePorts(1)
  const sidecar = await startSidecar(t, {
    mesh,
    service: 'loop',
    anonymous: true,
    config: `listeners:
  - { name: outbound, address: "127.0.0.1:${port}", routes: [{ upstream: itself }] }
upstreams:
  itself: { protocol: http1, endpoints: ["127.0.0.1:${port}"] }`,
  })
  const connection = new RawConnection(port)
  connection.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  t.match(
    await connection.ended(),
    /^HTTP\/1\.1 508 Loop Detected\r\n(?:.+\r\n)*x-pillion-reason: loop-detected\r\n/,
  )
  const replies = await sidecar.metric('pillion_local_replies_total')
  t.equal(Object.entries(replies).find(([labels]) => labels.includes('loop-detected'))?.[1], 1)
  await sidecar.stop(t)
})

t.test('requests for hosts that are not served, or not asked for in the handshake', async (t) => {
  const app = await startHttp2()
  t.teardown(() => app.close())
  const mesh = await createMesh(t, 'edge')
  const sidecar = await startSidecar(t, {
    mesh,
    service: 'edge',
    config: `listeners:
  - name: inbound
    address: 127.0.0.1:0
    tls: server
    hosts: ["*.test"]
    matchServerName: true
    routes: [{ upstream: app }]
upstreams:
  app: { protocol: h2, endpoints: ["127.0.0.1:${app.port}"] }`,
  })
  const tls = (servername: string, protocol: string): TLSSocket =>
    connectTls({
      host: '127.0.0.1',
      port: sidecar.port('inbound'),
      ca: mesh.authority.ca,
      ...(servername === '' ? {} : { servername }),
      ALPNProtocols: [protocol],
      // Certificates of the mesh name no hosts.
      checkServerIdentity: () => undefined,
    })

  await t.test('over HTTP/2, a connection that is used for several hosts', async (t) => {
    const session = connectHttp2('https://shop.test', { createConnection: () => tls('Shop.test', 'h2') })
    t.teardown(() => session.destroy())
    for (const [authority, status] of [
      ['shop.test', 200],
      ['SHOP.test.:443', 200],
      ['other.test', 421],
      ['shop.example', 421],
      ['shop.test', 200],
    ] as const) {
      const headers = await ask(session, authority)
      t.equal(headers[':status'], status, authority)
      t.equal(headers['x-pillion-reason'], status === 421 ? 'misdirected-request' : undefined)
    }
  })

  await t.test('over HTTP/1.1', async (t) => {
    for (const [servername, host, status] of [
      ['shop.test', 'shop.test', 200],
      ['shop.test', 'a.test', 421],
      ['', 'shop.test', 421],
    ] as const) {
      const socket = tls(servername, 'http/1.1')
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1')
      })
      socket.write(`GET /status/200 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      await once(socket, 'close')
      t.match(
        answer,
        new RegExp(`^HTTP/1\\.1 ${status} `),
        `${host} over a connection for ${servername || 'no name'}`,
      )
    }
  })
  await sidecar.stop(t)
})

async function ask(session: ClientHttp2Session, authority: string): Promise<Record<string, unknown>> {
  const stream = session.request({ ':authority': authority, ':path': '/status/200' })
  stream.resume()
  const [headers] = await once(stream, 'response')
  await once(stream, 'close')
  return headers
}
