import { createSecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { Server } from 'node:net'
import { connect, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import { GrpcProbe } from '../../../../proxy/balance/health-check/grpc-probe.ts'
import { HttpProbe } from '../../../../proxy/balance/health-check/http-probe.ts'
import type { Dialer } from '../../../../proxy/balance/health-check/probe.ts'
import { TcpProbe } from '../../../../proxy/balance/health-check/tcp-probe.ts'
import { at, check, listen, silentServer } from './probing.ts'
import { selfSigned } from './self-signed.ts'

const { key, cert } = selfSigned()
const HTTP = { path: '/', expect: [{ from: 200, to: 200 }] }

const trusting: Dialer = (endpoint, ALPNProtocols) =>
  connect({ host: endpoint.host, port: endpoint.port, ca: cert, ALPNProtocols })

const untrusting: Dialer = (endpoint, ALPNProtocols) =>
  connect({ host: endpoint.host, port: endpoint.port, ALPNProtocols })

/** Refuses after the handshake, as a check for a SPIFFE ID does. */
const refusing: Dialer = (endpoint, ALPNProtocols) => {
  const socket: TLSSocket = connect({ host: endpoint.host, port: endpoint.port, ca: cert, ALPNProtocols })
  socket.once('secureConnect', () => socket.destroy(new Error('the peer is not spiffe://mesh.local/x')))
  return socket
}

function h2Server(): { server: Server; versions: string[] } {
  const versions: string[] = []
  const server = createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
    versions.push(request.httpVersion)
    response.end()
  })
  server.on('tlsClientError', () => {})
  return { server, versions }
}

t.test('HTTP over TLS speaks what is configured, or what ALPN says', async (t) => {
  const { server, versions } = h2Server()
  const port = await listen(t, server)
  for (const protocol of ['http1', 'h2', 'auto'] as const) {
    const probe = new HttpProbe(HTTP, { dial: trusting, tls: true, protocol })
    t.teardown(() => probe.close())
    t.same(await check(probe, at(port)), { ok: true, detail: 'status 200' })
  }
  t.same(versions, ['1.1', '2.0', '2.0'])
})

t.test('auto falls back to HTTP/1.1; h2 and gRPC insist', async (t) => {
  const server = createHttpsServer({ key, cert }, (_request, response) => response.end())
  const port = await listen(t, server)
  const auto = new HttpProbe(HTTP, { dial: trusting, tls: true })
  t.teardown(() => auto.close())
  t.match(await check(auto, at(port)), { ok: true })
  const probes = [
    new HttpProbe(HTTP, { dial: trusting, tls: true, protocol: 'h2' }),
    new GrpcProbe({ service: '' }, { dial: trusting, tls: true }),
  ]
  for (const probe of probes) {
    const result = await check(probe, at(port))
    t.equal(result.ok, false)
    t.match(result.detail, /HTTP\/2 by ALPN|no protocol in common \(ALPN\)/)
  }
})

t.test('a peer that is not trusted, or not the one expected, fails every kind of check', async (t) => {
  const { server } = h2Server()
  const port = await listen(t, server)
  const reasons: readonly [Dialer, RegExp][] = [
    [untrusting, /self-signed certificate/],
    [refusing, /^the peer is not spiffe:\/\/mesh\.local\/x$/],
  ]
  for (const [dial, reason] of reasons) {
    const probes = [
      new HttpProbe(HTTP, { dial, tls: true }),
      new GrpcProbe({ service: '' }, { dial, tls: true }),
      new TcpProbe({ dial, tls: true }),
    ]
    for (const probe of probes) {
      const result = await check(probe, at(port))
      t.equal(result.ok, false)
      t.match(result.detail, reason)
    }
  }
})

t.test('TCP over TLS includes the handshake', async (t) => {
  const port = await listen(t, createTlsServer({ key, cert }))
  const probe = new TcpProbe({ dial: trusting, tls: true })
  t.same(await check(probe, at(port)), { ok: true, detail: 'TLS handshake done' })
  const silent = await silentServer(t)
  const run = probe.run(at(silent.port), () => t.fail('reported after cancel'))
  await silent.connected
  t.equal(run.waitingFor(), 'the TLS handshake did not complete')
  run.cancel()
  await silent.gone
})
