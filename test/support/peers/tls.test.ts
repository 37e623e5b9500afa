import t from 'tap'
import { EchoClient } from './echo-client.ts'
import { startEcho } from './echo-server.ts'
import { Http1Client } from './http1-client.ts'
import { startHttp1 } from './http1-upstream.ts'
import { Http2Client } from './http2-client.ts'
import { startHttp2 } from './http2-upstream.ts'
import { createMeshCertificates } from './mesh-certificates.ts'

t.test('peers speak mutual TLS and refuse strangers', async (t) => {
  const mesh = await createMeshCertificates()
  const server = await mesh.issue('server')
  const caller = await mesh.issue('client')
  const stranger = { ...(await (await createMeshCertificates()).issue('client')), ca: mesh.ca }

  await t.test('HTTP/1.1 and HTTP/2', async (t) => {
    for (const start of [startHttp1, startHttp2]) {
      const upstream = await start({ tls: server })
      const Client = start === startHttp1 ? Http1Client : Http2Client
      const client = new Client({ port: upstream.port, tls: caller })
      const unknown = new Client({ port: upstream.port, tls: stranger })
      t.match(await client.request({ path: '/echo', body: 'secret' }), { body: Buffer.from('secret') })
      await t.rejects(unknown.request({ path: '/echo', body: 'secret' }), { name: 'HttpCallError' })
      client.close()
      unknown.close()
      await upstream.close()
    }
  })

  await t.test('gRPC', async (t) => {
    const echo = await startEcho({ tls: server })
    const client = new EchoClient(`localhost:${echo.port}`, { tls: caller })
    const unknown = new EchoClient(`localhost:${echo.port}`, { tls: stranger })
    t.equal((await client.unary()).code, 0)
    t.equal((await unknown.unary()).code, 14)
    client.close()
    unknown.close()
    await echo.close()
  })
})
