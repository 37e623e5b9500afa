import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2'
import { createServer as createTcpServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { HttpProbe } from '../../../../proxy/balance/health-check/http-probe.ts'
import type { ProbeTransport } from '../../../../proxy/balance/health-check/probe.ts'
import { at, check, listen, refusedPort, silentServer } from './probing.ts'

const OK = [{ from: 200, to: 299 }]

function probeOf(t: Test, transport: ProbeTransport = {}, path = '/healthz', expect = OK): HttpProbe {
  const probe = new HttpProbe({ path, expect }, transport)
  t.teardown(() => probe.close())
  return probe
}

async function http1Server(t: Test, handle: RequestListener) {
  const server = createServer(handle)
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  return { server, port: await listen(t, server), connections: () => connections }
}

t.test('HTTP/1.1: the expected status passes, and the connection is kept', async (t) => {
  const seen: string[] = []
  const { port, connections } = await http1Server(t, (request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.host} ${request.headers['user-agent']}`)
    response.end('fine')
  })
  const probe = probeOf(t)
  const endpoint = at(port)
  for (let i = 0; i < 3; i++) t.same(await check(probe, endpoint), { ok: true, detail: 'status 200' })
  t.same(seen, Array(3).fill(`GET /healthz 127.0.0.1:${port} pillion-health`))
  t.equal(connections(), 1)
})

t.test('another status fails and says what was expected', async (t) => {
  const { port } = await http1Server(t, (_request, response) => {
    response.statusCode = 503
    response.end()
  })
  const ranges = [
    { from: 200, to: 299 },
    { from: 401, to: 401 },
  ]
  const probe = probeOf(t, {}, '/up?full=1', ranges)
  t.same(await check(probe, at(port)), {
    ok: false,
    detail: 'status 503 for /up?full=1, expected 200-299, 401',
  })
})

t.test('an expected status outside 2xx passes', async (t) => {
  const { port } = await http1Server(t, (_request, response) => {
    response.statusCode = 401
    response.end('who are you?')
  })
  t.match(await check(probeOf(t, {}, '/', [{ from: 401, to: 401 }]), at(port)), { ok: true })
})

t.test('the server name is used as Host', async (t) => {
  let host: string | undefined
  const { port } = await http1Server(t, (request, response) => {
    host = request.headers.host
    response.end()
  })
  await check(probeOf(t, { serverName: 'orders.mesh' }), at(port))
  t.equal(host, 'orders.mesh')
})

t.test('a large body and a server that closes each time are fine', async (t) => {
  const { port, connections } = await http1Server(t, (_request, response) => {
    response.setHeader('connection', 'close')
    response.end(Buffer.alloc(1_000_000))
  })
  const probe = probeOf(t)
  const endpoint = at(port)
  for (let i = 0; i < 3; i++) t.match(await check(probe, endpoint), { ok: true })
  t.equal(connections(), 3)
})

t.test('a kept connection that the server closed meanwhile is no failure', async (t) => {
  const sockets: Socket[] = []
  const { server, port } = await http1Server(t, (_request, response) => response.end())
  server.on('connection', (socket) => sockets.push(socket))
  const probe = probeOf(t)
  const endpoint = at(port)
  await check(probe, endpoint)
  // The reset is under way while the next request goes out.
  sockets[0]?.resetAndDestroy()
  t.match(await check(probe, endpoint), { ok: true })
  t.equal(sockets.length, 2)
})

t.test('HTTP/2 without TLS', async (t) => {
  const seen: unknown[] = []
  let sessions = 0
  const server = createHttp2Server((request, response) => {
    seen.push(request.headers[':authority'], request.headers['user-agent'], request.headers[':path'])
    response.end('fine')
  })
  server.on('session', () => {
    sessions += 1
  })
  const port = await listen(t, server)
  const probe = probeOf(t, { protocol: 'h2' })
  const endpoint = at(port)
  for (let i = 0; i < 3; i++) t.same(await check(probe, endpoint), { ok: true, detail: 'status 200' })
  t.equal(sessions, 1)
  t.same(seen.slice(0, 3), [`127.0.0.1:${port}`, 'pillion-health', '/healthz'])
})

t.test('HTTP/2: GOAWAY between two checks means a new connection, not a failure', async (t) => {
  const server = createHttp2Server((_request, response) => response.end())
  const sessions: ServerHttp2Session[] = []
  server.on('session', (session) => sessions.push(session))
  const port = await listen(t, server)
  const probe = probeOf(t, { protocol: 'h2' })
  const endpoint = at(port)
  await check(probe, endpoint)
  sessions[0]?.close()
  t.match(await check(probe, endpoint), { ok: true })
  t.equal(sessions.length, 2)
})

t.test('what does not speak the protocol fails with a reason', async (t) => {
  const greeting = createTcpServer((socket) => {
    socket.end('SSH-2.0-OpenSSH_9.2\r\n')
  })
  const port = await listen(t, greeting)
  for (const protocol of ['http1', 'h2'] as const) {
    const result = await check(probeOf(t, { protocol }), at(port))
    t.equal(result.ok, false)
    t.match(result.detail, /speak HTTP|closed|reset/, `${protocol}: ${result.detail}`)
  }
})

t.test('a refused connection fails', async (t) => {
  const port = await refusedPort()
  for (const protocol of ['http1', 'h2'] as const) {
    const result = await check(probeOf(t, { protocol }), at(port))
    t.same(result, { ok: false, detail: 'connection refused: nothing listens there' })
  }
})

t.test('a path that cannot be sent fails instead of throwing', async (t) => {
  const { port } = await http1Server(t, (_request, response) => response.end())
  t.match(await check(probeOf(t, {}, '/a b'), at(port)), { ok: false, detail: /unescaped/ })
})

t.test('a dialer that throws fails the check', async (t) => {
  const dial = () => {
    throw new Error('no certificate yet')
  }
  t.same(await check(probeOf(t, { dial }), at(1)), { ok: false, detail: 'no certificate yet' })
})

t.test('a server that stays silent: cancel closes the connection', async (t) => {
  for (const protocol of ['http1', 'h2'] as const) {
    const { port, connected, gone } = await silentServer(t)
    let results = 0
    const run = probeOf(t, { protocol }).run(at(port), () => {
      results += 1
    })
    t.equal(run.waitingFor(), 'no connection was established')
    await connected
    run.cancel()
    await gone
    t.equal(results, 0)
  }
})

t.test('close ends the kept connections', async (t) => {
  const { server, port } = await http1Server(t, (_request, response) => response.end())
  const connected = once(server, 'connection')
  const probe = new HttpProbe({ path: '/', expect: OK }, {})
  await check(probe, at(port))
  const [socket] = (await connected) as [Socket]
  const closed = once(socket, 'close')
  probe.close()
  await closed
  t.equal(socket.destroyed, true)
})

t.test('an answer may say degraded, by its status or a header', async (t) => {
  let status = 200
  let headers: Record<string, string> = {}
  const server = createServer((_request, response) => response.writeHead(status, headers).end())
  const port = await listen(t, server)
  const options = { path: '/', expect: [{ from: 200, to: 299 }], degraded: [{ from: 429, to: 429 }] }
  const probe = new HttpProbe(options, {})
  t.teardown(() => probe.close())
  const run = (): Promise<[boolean, string, boolean | undefined]> =>
    new Promise((resolve) => {
      probe.run(at(port), (ok, detail, degraded) => resolve([ok, detail, degraded]))
    })
  t.same(await run(), [true, 'status 200', undefined])
  status = 429
  t.same(await run(), [true, 'status 429, which means degraded', true])
  status = 428
  t.match(await run(), [false, /^status 428/])
  for (const name of ['x-pillion-degraded', 'X-Envoy-Degraded']) {
    status = 200
    headers = { [name]: '' }
    t.same(await run(), [true, `status 200, degraded by ${name.toLowerCase()}`, true])
    headers = { [name]: 'false' }
    t.same(await run(), [true, 'status 200', undefined])
    headers = { [name]: 'true' }
    status = 503
    t.match(await run(), [false, /^status 503/, undefined], 'not in an answer that is not healthy')
  }
})
