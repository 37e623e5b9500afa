import { connect as connectPlain } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { createMesh, meshId } from '../support/mesh-folder.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { createMeshCertificates } from '../support/peers/mesh-certificates.ts'
import type { TlsMaterial } from '../support/peers/tls-material.ts'
import { startSidecar } from '../support/sidecar.ts'

const HOUR = 3_600_000
const LONG_AGO = { now: () => Date.now() - 48 * HOUR, ttl: HOUR }

t.test('who may call', async (t) => {
  const app = await startHttp1()
  t.teardown(() => app.close())
  const mesh = await createMesh(t, 'app', 'web')
  const sidecar = await startSidecar(t, {
    mesh,
    service: 'app',
    config: `listeners:
  - name: inbound
    address: 127.0.0.1:0
    tls: mutual
    authorize:
      - allow: { principals: ["${meshId('web')}"] }
      - allow: { principals: ["${meshId('reader')}"], methods: [GET] }
      - deny: { paths: ["/status/*"] }
    routes: [{ upstream: app }]
upstreams:
  app: { protocol: http1, endpoints: ["127.0.0.1:${app.port}"] }`,
  })
  const port = sidecar.port('inbound')
  const web = await mesh.issue('web')
  const good = new Http2Client({ port, tls: web })
  t.teardown(() => good.close())

  const works = async (t: Test) => {
    // A connection made before, and a new one.
    t.match(await good.request({ path: '/headers' }), { status: 200 })
    const fresh = new Http1Client({ port, tls: web })
    t.match(await fresh.request({ path: '/headers' }), { status: 200 })
    fresh.close()
  }
  await works(t)

  const foreign = await createMeshCertificates()
  const otherDomain = await createMeshCertificates('elsewhere.example')
  const strangers: Record<string, { tls: TlsMaterial; log: RegExp }> = {
    'with a certificate of another CA': {
      tls: { ...(await foreign.issue('web')), ca: mesh.authority.ca },
      log: /the caller's certificate is not trusted: none of our roots issued it/,
    },
    'with a certificate of another trust domain': {
      tls: { ...(await otherDomain.issue('web')), ca: mesh.authority.ca },
      log: /the caller's certificate is not trusted/,
    },
    'with an expired certificate': {
      tls: await mesh.authority.issue('web', LONG_AGO),
      log: /the caller's certificate is not trusted: it has expired/,
    },
  }
  for (const [who, { tls, log }] of Object.entries(strangers)) {
    await t.test(`a caller ${who} is refused`, async (t) => {
      const client = new Http1Client({ port, tls })
      await t.rejects(client.request({ path: '/headers' }), { name: 'HttpCallError' })
      client.close()
      const line = await sidecar.logged(log)
      t.match(line, { level: 'warn', listener: 'inbound', remote: /^127\.0\.0\.1:\d+$/ })
      await works(t)
    })
  }

  await t.test('a caller without a certificate is refused', async (t) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: mesh.authority.ca, servername: 'localhost' })
    socket.on('error', () => {})
    socket.write('GET /headers HTTP/1.1\r\nHost: a\r\n\r\n')
    let heard = 0
    socket.on('data', (chunk) => {
      heard += chunk.length
    })
    await new Promise((resolve) => socket.once('close', resolve))
    t.equal(heard, 0, 'no byte of an answer')
    await sidecar.logged(/the caller presented no certificate/)
    await works(t)
  })

  await t.test('a caller that speaks plain text is refused', async (t) => {
    const socket = connectPlain({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    socket.write('GET /headers HTTP/1.1\r\nHost: a\r\n\r\n')
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
    const line = await sidecar.logged(/does not speak TLS/)
    t.notMatch(line.msg, '\n')
    await works(t)
  })

  await t.test('a caller with an identity that no rule allows gets an answer that says so', async (t) => {
    const client = new Http2Client({ port, tls: await mesh.issue('intruder') })
    const reply = await client.request({ path: '/headers' })
    t.match(reply, { status: 403, headers: { 'x-pillion-reason': 'denied' } })
    const headers = { 'content-type': 'application/grpc' }
    t.match(await client.request({ method: 'POST', path: '/x.Y/Z', headers }), {
      status: 200,
      headers: { 'grpc-status': '7' },
    })
    client.close()
    const line = await sidecar.logged(
      /no rule allows spiffe:\/\/mesh\.local\/ns\/default\/sa\/intruder GET \/headers/,
    )
    t.match(line, { level: 'warn', listener: 'inbound', reason: 'denied', principal: meshId('intruder') })
    t.notOk(app.requests.some(({ path }) => path === '/x.Y/Z'))
    await works(t)
  })

  await t.test('rules hold method by method and path by path', async (t) => {
    const reader = new Http2Client({ port, tls: await mesh.issue('reader') })
    t.match(await reader.request({ path: '/headers' }), { status: 200 })
    t.match(await reader.request({ method: 'POST', path: '/headers' }), { status: 403 })
    reader.close()
    t.match(await good.request({ path: '/status/200' }), { status: 403 }, 'deny wins')
  })

  const failures = await sidecar.metric('pillion_tls_handshake_failures_total')
  t.same(failures, {
    'listener=inbound,reason=untrusted-certificate': 3,
    'listener=inbound,reason=no-certificate': 1,
    'listener=inbound,reason=handshake': 1,
  })
  t.same(await sidecar.metric('pillion_authorization_denied_total'), { 'listener=inbound': 4 })
  good.close()
  await sidecar.stop(t)
})

t.test('who may be called', async (t) => {
  const mesh = await createMesh(t, 'web', 'app')
  const foreign = await createMeshCertificates()
  const app = await startHttp1({ tls: await mesh.issue('app') })
  const impostor = await startHttp1({ tls: await mesh.issue('impostor') })
  const stranger = await startHttp1({ tls: { ...(await foreign.issue('app')), ca: mesh.authority.ca } })
  const expired = await startHttp1({ tls: await mesh.authority.issue('app', LONG_AGO) })
  const plain = await startHttp1()
  const upstreams = { app, impostor, stranger, expired, plain }
  t.teardown(() => Promise.all(Object.values(upstreams).map((upstream) => upstream.close())))
  const sidecar = await startSidecar(t, {
    mesh,
    service: 'web',
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes:
${Object.keys(upstreams)
  .map((name) => `      - { match: { authority: ${name}.mesh }, upstream: ${name} }`)
  .join('\n')}
upstreams:
${Object.entries(upstreams)
  .map(([name, { port }]) => upstreamOf(name, port))
  .join('\n')}`,
  })
  const client = new Http1Client({ port: sidecar.port('outbound') })
  t.teardown(() => client.close())

  for (const [authority, reason, words] of [
    [
      'impostor',
      'peer-identity',
      new RegExp(`expected ${meshId('app')}, but the endpoint is ${meshId('impostor')}`),
    ],
    ['stranger', 'peer-identity', /certificate/],
    ['expired', 'peer-identity', /expired/],
    ['plain', 'connect-failure', /does not speak TLS/],
  ] as const) {
    await t.test(`${authority}: the answer is 503 and says why`, async (t) => {
      const reply = await client.request({ authority: `${authority}.mesh`, path: '/headers' })
      t.match(reply, { status: 503, headers: { 'x-pillion-reason': reason } })
      t.match(reply.body.toString(), words)
      t.match(
        await client.request({ authority: 'app.mesh', path: '/headers' }),
        { status: 200 },
        'others are served',
      )
    })
  }
  t.equal(impostor.begun + stranger.begun + expired.begun + plain.begun, 0, 'no request got there')
  client.close()
  await sidecar.stop(t)
})

function upstreamOf(name: string, port: number): string {
  return `  ${name}: { protocol: http1, endpoints: ["127.0.0.1:${port}"], tls: { mode: mutual, peer: "${meshId('app')}" } }`
}
