import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { EVERY, GoingAway } from '../support/going-away.ts'
import { createMesh } from '../support/mesh-folder.ts'
import type { HttpCall, HttpReply } from '../support/peers/http-call.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { type Sidecar, startSidecar } from '../support/sidecar.ts'

t.setTimeout(400_000)

const REQUESTS = 10_000
/** In flight at a time. */
const WINDOW = 16

/** HTTP/1.1 that closes each connection behind its `every`-th response, without a word before. */
async function closing(t: Test, every: number): Promise<{ port: number; connections: () => number }> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer({ noDelay: true }, (socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let text = ''
    let responses = 0
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        text = text.slice(end + 4)
        responses += 1
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello\n')
        if (responses === every) {
          socket.end()
          return
        }
      }
    })
  })
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, connections: () => connections }
}

async function sidecarBefore(t: Test, protocol: 'http1' | 'h2', port: number): Promise<Sidecar> {
  return startSidecar(t, {
    mesh: await createMesh(t),
    service: 'web',
    anonymous: true,
    config: `listeners:
  - { name: outbound, address: 127.0.0.1:0, routes: [{ upstream: only }] }
upstreams:
  only: { protocol: ${protocol}, endpoints: ["127.0.0.1:${port}"] }`,
  })
}

/** Makes the requests, always so many at a time; gives how often each outcome came. */
async function load(request: (call: HttpCall) => Promise<HttpReply>): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {}
  let next = 0
  const caller = async () => {
    while (next < REQUESTS) {
      const number = next++
      const outcome = await request({ path: `/${number}` }).then(
        ({ status, body, headers }) =>
          status === 200 ? `200 ${body}` : `${status} ${headers['x-pillion-reason']} ${body}`,
        (error: unknown) => String(error),
      )
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: WINDOW }, caller))
  return outcomes
}

t.test('10,000 requests to an HTTP/2 endpoint that goes away every 100', async (t) => {
  const upstream = new GoingAway('one step')
  const port = await upstream.server.listen()
  t.teardown(() => upstream.server.close())
  void upstream.serve()
  const sidecar = await sidecarBefore(t, 'h2', port)
  const client = new Http2Client({ port: sidecar.port('outbound') })
  t.teardown(() => client.close())
  // Not idempotent: nothing but the certainty that it was not processed allows another try.
  t.strictSame(await load((call) => client.request({ ...call, method: 'POST' })), { '200 ': REQUESTS })
  t.ok(upstream.connections >= REQUESTS / (EVERY + WINDOW), `${upstream.connections} connections`)
  t.equal(upstream.processed.size, REQUESTS)
  const twice = [...upstream.processed].filter(([, times]) => times !== 1)
  t.strictSame(twice, [], 'none was processed twice')
  client.close()
  await sidecar.stop(t)
})

t.test('10,000 requests to an HTTP/1.1 endpoint that closes behind every 50th response', async (t) => {
  const upstream = await closing(t, 50)
  const sidecar = await sidecarBefore(t, 'http1', upstream.port)
  const client = new Http1Client({ port: sidecar.port('outbound'), connections: WINDOW })
  t.teardown(() => client.close())
  t.strictSame(await load((call) => client.request(call)), { '200 hello\n': REQUESTS })
  t.ok(upstream.connections() >= REQUESTS / 50, `${upstream.connections()} connections`)
  client.close()
  await sidecar.stop(t)
})
