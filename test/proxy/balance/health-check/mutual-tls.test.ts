// Checks of endpoints that demand a certificate of the mesh and prove a SPIFFE ID, over real connections.
import { createSecureServer } from 'node:http2'
import type { Server } from 'node:net'
import { createSecureContext } from 'node:tls'
import t, { type Test } from 'tap'
import { GrpcProbe } from '../../../../proxy/balance/health-check/grpc-probe.ts'
import { HttpProbe } from '../../../../proxy/balance/health-check/http-probe.ts'
import type { Probe, ProbeTransport } from '../../../../proxy/balance/health-check/probe.ts'
import { TcpProbe } from '../../../../proxy/balance/health-check/tcp-probe.ts'
import { UpstreamTls } from '../../../../proxy/upstream/upstream-tls.ts'
import { createMesh, type MeshFolder, meshId } from '../../../support/mesh-folder.ts'
import { createMeshCertificates } from '../../../support/peers/mesh-certificates.ts'
import type { TlsMaterial } from '../../../support/peers/tls-material.ts'
import { at, check, listen } from './probing.ts'

/** SERVING in a gRPC frame. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 1])

/** An endpoint that serves HTTP/1.1, HTTP/2 and the health service to callers of the mesh alone. */
async function startEndpoint(t: Test, material: Required<TlsMaterial>): Promise<number> {
  const server = createSecureServer(
    { ...material, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3', allowHTTP1: true },
    (request, response) => {
      if (request.method === 'GET') {
        response.writeHead(204).end()
        return
      }
      response.writeHead(200, { 'content-type': 'application/grpc' })
      response.addTrailers({ 'grpc-status': '0' })
      response.end(SERVING)
    },
  )
  server.on('tlsClientError', () => {})
  server.on('sessionError', () => {})
  return listen(t, server as unknown as Server)
}

interface Trust {
  readonly peer?: string
  readonly own?: Partial<TlsMaterial>
  readonly ca?: string
}

/** One probe of each kind, as an upstream with `tls.mode: mutual` has them. */
async function probes(t: Test, mesh: MeshFolder, trust: Trust = {}): Promise<[string, Probe][]> {
  const own = trust.own ?? (await mesh.issue('checkout'))
  const tls = new UpstreamTls({
    secureContext: createSecureContext({
      cert: own.cert,
      key: own.key,
      ca: trust.ca ?? mesh.authority.ca,
      minVersion: 'TLSv1.3',
    }),
    peers: [trust.peer ?? meshId('greeter')],
    serverName: null,
  })
  const transport = (protocol: 'http1' | 'h2'): ProbeTransport => ({
    dial: (endpoint, alpn) => tls.connect(endpoint.host, endpoint.port, alpn),
    tls: true,
    protocol,
  })
  const http = { path: '/', expect: [{ from: 204, to: 204 }] }
  const all: [string, Probe][] = [
    ['HTTP/1.1', new HttpProbe(http, transport('http1'))],
    ['HTTP/2', new HttpProbe(http, transport('h2'))],
    ['gRPC', new GrpcProbe({ service: '' }, transport('h2'))],
    ['TCP', new TcpProbe(transport('h2'))],
  ]
  t.teardown(() => {
    for (const [, probe] of all) probe.close()
  })
  return all
}

t.test('an endpoint of the mesh that is the one expected passes', async (t) => {
  const mesh = await createMesh(t)
  const endpoint = at(await startEndpoint(t, await mesh.issue('greeter')))
  for (const [kind, probe] of await probes(t, mesh)) {
    for (let i = 0; i < 3; i++) t.match(await check(probe, endpoint), { ok: true }, kind)
  }
})

t.test('another service at that address fails, and is named', async (t) => {
  const mesh = await createMesh(t)
  const endpoint = at(await startEndpoint(t, await mesh.issue('orders')))
  for (const [kind, probe] of await probes(t, mesh)) {
    t.same(
      await check(probe, endpoint),
      { ok: false, detail: `expected ${meshId('greeter')}, but the endpoint is ${meshId('orders')}` },
      kind,
    )
  }
})

t.test('a certificate of another authority fails', async (t) => {
  const mesh = await createMesh(t)
  const endpoint = at(await startEndpoint(t, await (await createMeshCertificates()).issue('greeter')))
  for (const [kind, probe] of await probes(t, mesh)) {
    const { ok, detail } = await check(probe, endpoint)
    t.equal(ok, false, kind)
    t.match(
      detail,
      /self-signed certificate in certificate chain|unable to (get|verify)/,
      `${kind}: ${detail}`,
    )
  }
})

t.test('an endpoint that does not take our certificate fails, in words', async (t) => {
  const mesh = await createMesh(t)
  const endpoint = at(await startEndpoint(t, await mesh.issue('greeter')))
  const strangers: [Partial<TlsMaterial>, RegExp][] = [
    [{}, /the other side demands a certificate/],
    [
      await (await createMeshCertificates('other.mesh')).issue('checkout'),
      /connection reset by the endpoint|closed the stream without an answer|the other side/,
    ],
  ]
  for (const [own, words] of strangers) {
    for (const [kind, probe] of await probes(t, mesh, { own })) {
      const { ok, detail } = await check(probe, endpoint)
      // With TLS 1.3 the refusal comes after the handshake, which is all that a TCP check sees.
      if (kind === 'TCP') t.equal(ok, true)
      else {
        t.equal(ok, false, kind)
        t.match(detail, words, `${kind}: ${detail}`)
        t.notMatch(detail, /SSL routines|\.c:\d+/)
      }
    }
  }
})
