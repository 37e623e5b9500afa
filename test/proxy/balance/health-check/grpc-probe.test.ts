import { createServer } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { fileURLToPath } from 'node:url'
import { Server, ServerCredentials, status, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import t, { type Test } from 'tap'
import { GrpcProbe } from '../../../../proxy/balance/health-check/grpc-probe.ts'
import { at, check, listen, refusedPort, silentServer } from './probing.ts'

const PROTO = fileURLToPath(new URL('../../../support/proto/health.proto', import.meta.url))

interface HealthRequest {
  request: { service: string }
  metadata: { get(name: string): unknown[] }
  getHost(): string
}

type Reply = (error: { code: number; details?: string } | null, value?: { status: string }) => void

/** A gRPC server of grpc-js whose health service does what `answer` says; without it there is no such service. */
async function grpcServer(t: Test, answer?: (call: HealthRequest, reply: Reply) => void): Promise<number> {
  const server = new Server()
  if (answer !== undefined) {
    const definition = loadSync(PROTO, { enums: String })['grpc.health.v1.Health']
    server.addService(
      definition as Parameters<Server['addService']>[0],
      { Check: answer } as unknown as UntypedServiceImplementation,
    )
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  t.teardown(() => server.forceShutdown())
  return port
}

function probeOf(t: Test, service = '', serverName: string | null = null): GrpcProbe {
  const probe = new GrpcProbe({ service }, { serverName })
  t.teardown(() => probe.close())
  return probe
}

t.test('SERVING passes; the service, the authority and the user agent are sent', async (t) => {
  const seen: unknown[] = []
  const port = await grpcServer(t, (call, reply) => {
    seen.push(call.request.service, call.getHost(), call.metadata.get('user-agent')[0])
    reply(null, { status: 'SERVING' })
  })
  const probe = probeOf(t, 'helloworld.Greeter', 'greeter.mesh')
  const endpoint = at(port)
  for (let i = 0; i < 3; i++) t.same(await check(probe, endpoint), { ok: true, detail: 'SERVING' })
  t.same(seen.slice(0, 3), ['helloworld.Greeter', 'greeter.mesh', 'pillion-health'])
})

t.test('every other status fails', async (t) => {
  for (const serving of ['UNKNOWN', 'NOT_SERVING', 'SERVICE_UNKNOWN']) {
    const port = await grpcServer(t, (_call, reply) => reply(null, { status: serving }))
    t.same(await check(probeOf(t), at(port)), { ok: false, detail: `${serving}, expected SERVING` })
  }
})

t.test('errors are named', async (t) => {
  const cases: readonly [number, string, RegExp][] = [
    [status.NOT_FOUND, 'nope', /^gRPC status 5 NOT_FOUND: the server's health service does not know "a\.B"$/],
    [status.UNAVAILABLE, 'starting: 50 % done', /^gRPC status 14 UNAVAILABLE: starting: 50 % done$/],
    [status.UNAUTHENTICATED, '', /^gRPC status 16 UNAUTHENTICATED/],
  ]
  for (const [code, details, expected] of cases) {
    const port = await grpcServer(t, (_call, reply) => reply({ code, details }))
    t.match(await check(probeOf(t, 'a.B'), at(port)), { ok: false, detail: expected })
  }
})

t.test('a server without the health service gets a hint', async (t) => {
  const port = await grpcServer(t)
  t.same(await check(probeOf(t), at(port)), {
    ok: false,
    detail:
      'gRPC status 12 UNIMPLEMENTED: the server has no grpc.health.v1.Health service; add it, or use an http or tcp check',
  })
})

t.test('what is no gRPC server fails with a reason', async (t) => {
  const answers: readonly [(stream: ServerHttp2Stream) => void, RegExp][] = [
    [
      (stream) => stream.respond({ ':status': 404 }, { endStream: true }),
      /^HTTP status 404 instead of a gRPC/,
    ],
    [(stream) => stream.respond({ ':status': 200 }, { endStream: true }), /^the answer has no grpc-status/],
    [(stream) => stream.close(7), /REFUSED_STREAM/],
    [
      (stream) => stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true }),
      /has no message/,
    ],
    [(stream) => stream.respond({ 'grpc-status': '\u007fx' }, { endStream: true }), /grpc-status|Protocol/],
    [
      (stream) => stream.respond({ 'grpc-status': '14', 'grpc-message': '%zz' }, { endStream: true }),
      /: %zz$/,
    ],
  ]
  for (const [answer, expected] of answers) {
    const server = createHttp2Server()
    server.on('stream', (stream) => {
      stream.on('error', () => {})
      answer(stream)
    })
    const result = await check(probeOf(t), at(await listen(t, server)))
    t.equal(result.ok, false)
    t.match(result.detail, expected)
  }
  const http1 = createServer((_request, response) => response.end())
  t.match(await check(probeOf(t), at(await listen(t, http1))), { ok: false })
})

t.test('a refused connection fails; a silent server is cancelled', async (t) => {
  t.match(await check(probeOf(t), at(await refusedPort())), { ok: false, detail: /^connection refused/ })
  const { port, connected, gone } = await silentServer(t)
  const run = probeOf(t).run(at(port), () => t.fail('reported after cancel'))
  await connected
  run.cancel()
  await gone
})
