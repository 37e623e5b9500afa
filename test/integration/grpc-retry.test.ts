import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import t, { type Test } from 'tap'
import { createMesh } from '../support/mesh-folder.ts'
import { EchoClient } from '../support/peers/echo-client.ts'
import { startEcho } from '../support/peers/echo-server.ts'
import { startSidecar } from '../support/sidecar.ts'

/** An EchoReply without any field, framed. */
const EMPTY_REPLY = Buffer.alloc(5)

/** What an instance does that cannot finish calls, by name. */
const FAILINGS: Record<string, (stream: ServerHttp2Stream) => void> = {
  'says so in a head': (stream) => stream.respond({ ...GRPC, 'grpc-status': '14' }, { endStream: true }),
  'says so in trailers': (stream) => {
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '14' }))
    stream.respond(GRPC, { waitForTrailers: true })
    stream.end()
  },
  'says so behind a message': (stream) => {
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '14' }))
    stream.respond(GRPC, { waitForTrailers: true })
    stream.end(EMPTY_REPLY)
  },
  'dies behind a message': (stream) => {
    stream.respond(GRPC, { waitForTrailers: true })
    stream.write(EMPTY_REPLY, () => setImmediate(() => stream.session?.destroy()))
  },
}
const GRPC = { ':status': 200, 'content-type': 'application/grpc' }

async function startFailing(t: Test) {
  const failing = { port: 0, calls: 0, fail: (_stream: ServerHttp2Stream) => {} }
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {})
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream) => {
    failing.calls += 1
    stream.on('error', () => {})
    stream.resume()
    failing.fail(stream)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  failing.port = (server.address() as { port: number }).port
  t.teardown(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return failing
}

t.test('gRPC calls to an instance that fails and one that does not', async (t) => {
  const failing = await startFailing(t)
  const echo = await startEcho()
  t.teardown(() => echo.close())
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t),
    service: 'web',
    anonymous: true,
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes: [{ upstream: echo, retry: { on: [unavailable] } }]
upstreams:
  echo:
    protocol: h2
    balance: round-robin
    endpoints: ["127.0.0.1:${failing.port}", "127.0.0.1:${echo.port}"]
    limits: { retryBudget: 100% }`,
  })
  const client = new EchoClient(`127.0.0.1:${sidecar.port('outbound')}`)
  t.teardown(() => client.close())

  for (const [name, fail] of Object.entries(FAILINGS)) {
    await t.test(`unary, it ${name}`, async (t) => {
      failing.fail = fail
      const before = failing.calls
      for (let i = 0; i < 20; i++) {
        const outcome = await client.unary({ payload: Buffer.from(`${i}`) })
        t.match(outcome, { code: 0, replies: [{ payload: Buffer.from(`${i}`) }] })
      }
      t.ok(failing.calls - before >= 5, 'it was asked')
    })
  }

  await t.test('a stream is not kept back for what follows', async (t) => {
    for (const name of ['says so in a head', 'says so in trailers']) {
      failing.fail = FAILINGS[name] ?? failing.fail
      for (let i = 0; i < 4; i++) {
        const call = client.serverStream({ messages: 1, hold: true })
        t.match(await call.next(), { index: 0 }, 'the first message comes while the server waits')
        echo.release()
        t.match(await call.outcome, { code: 0 })
      }
    }
  })

  await t.test('message by message, both ways', async (t) => {
    failing.fail = (stream) => stream.close(7)
    const call = client.bidiStream()
    for (let i = 0; i < 20; i++) {
      await call.send({ payload: Buffer.from(`${i}`) })
      t.match(await call.next(), { payload: Buffer.from(`${i}`) })
    }
    call.end()
    t.match(await call.outcome, { code: 0 })
  })
  client.close()
  await sidecar.stop(t)
})
