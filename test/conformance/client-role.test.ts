import t, { type Test } from 'tap'
import { data, END_STREAM, type Frame, goaway, headers, OK, ping, settings } from '../support/frames.ts'
import { createMesh } from '../support/mesh-folder.ts'
import { type HttpCall, HttpCallError, type HttpReply } from '../support/peers/http-call.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { type RawPeer, RawServer } from '../support/raw-peers.ts'
import { startSidecar } from '../support/sidecar.ts'
import { CASES, type ClientCase, type Gets } from './client-role/cases.ts'

// A server that misbehaves, one way at a time, and a whole sidecar as its client. Each case is tried with every kind of
// caller: it must get an answer or an error, never a part that looks whole, and the sidecar must serve the next request.

interface Caller {
  readonly name: string
  readonly grpc: boolean
  request(call: HttpCall): Promise<HttpReply>
}

const GRPC: HttpCall = {
  method: 'POST',
  path: '/a.B/C',
  headers: { 'content-type': 'application/grpc', te: 'trailers' },
  body: Buffer.alloc(5),
}

/** How a request went for its caller. */
interface Fate {
  /** 0 when no head came. */
  readonly status: number
  /** All of the answer came. */
  readonly whole: boolean
  readonly body: string
  /** "" when none came. */
  readonly grpcStatus: string
  readonly reason: string
}

async function fateOf(reply: Promise<HttpReply>): Promise<Fate> {
  try {
    const { status, body, headers, trailers } = await reply
    const grpcStatus = trailers['grpc-status'] ?? headers['grpc-status'] ?? ''
    return {
      status,
      whole: true,
      body: body.toString('latin1'),
      grpcStatus,
      reason: headers['x-pillion-reason'] ?? '',
    }
  } catch (error) {
    const status = error instanceof HttpCallError ? error.status : 0
    return { status, whole: false, body: '', grpcStatus: '', reason: String(error) }
  }
}

/** The next frame of one of these types; null when the connection ends before. */
async function next(peer: RawPeer, ...types: Frame['type'][]): Promise<Frame | null> {
  for (;;) {
    const frame = await peer.next()
    if (frame === null || types.includes(frame.type)) return frame
  }
}

/** The next request; what came before it must be no error. */
async function nextRequest(t: Test, peer: RawPeer): Promise<number> {
  const frame = await next(peer, 'HEADERS', 'GOAWAY')
  t.equal(frame?.type, 'HEADERS', 'a request comes')
  return frame?.type === 'HEADERS' ? frame.stream : 0
}

function answerWith(peer: RawPeer, id: number, body: string): void {
  peer.send(headers(id, OK), data(id, body, END_STREAM))
}

t.setTimeout(300_000)

t.test('the client role of a whole sidecar', { timeout: 290_000 }, async (t) => {
  const server = new RawServer(null)
  const port = await server.listen()
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t),
    service: 'edge',
    anonymous: true,
    config: `listeners:
  - { name: outbound, address: 127.0.0.1:0, routes: [{ upstream: server }] }
upstreams:
  server: { protocol: h2, endpoints: ["127.0.0.1:${port}"] }`,
  })
  const http1 = new Http1Client({ port: sidecar.port('outbound') })
  const h2 = new Http2Client({ port: sidecar.port('outbound') })
  t.teardown(() => {
    http1.close()
    h2.close()
    server.close()
  })
  const callers: readonly Caller[] = [
    { name: 'HTTP/1.1', grpc: false, request: (call) => http1.request(call) },
    { name: 'HTTP/2', grpc: false, request: (call) => h2.request(call) },
    { name: 'gRPC', grpc: true, request: (call) => h2.request({ ...call, ...GRPC }) },
  ]

  t.ok(CASES.length >= 60, `${CASES.length} cases`)
  for (const each of CASES) {
    const { section, title, must } = each
    const name = `${section === '' ? '' : `RFC 9113 §${section}: `}${title} -> ${must.is}${'code' in must ? ` ${must.code}` : ''}`
    await t.test(name, { timeout: 30_000 }, async (t) => {
      for (const caller of callers) {
        if (caller.grpc && each.method !== undefined) continue
        // Over HTTP/1.1 the answer to HEAD is whole with its head: there is nothing to break off.
        if (each.method === 'HEAD' && each.gets === 'cut off' && caller.name === 'HTTP/1.1') continue
        await behave(t, server, caller, each)
      }
    })
  }
  t.ok(sidecar.child.running)
  await sidecar.stop(t)
})

/** Plays one case against one kind of caller, from a fresh connection to its end. */
async function behave(t: Test, server: RawServer, caller: Caller, each: ClientCase): Promise<void> {
  const { first, sends, must, gets, method = 'GET' } = each
  const fate = fateOf(caller.request({ path: '/', method }))
  let peer = await server.accept()
  let id = 0
  if (typeof first === 'string') peer.socket.write(first)
  else peer.send(...(first ?? [settings()]))
  if (sends !== undefined) {
    id = await nextRequest(t, peer)
    peer.send(...sends(id))
  }
  if (each.hangsUp === true) peer.socket.end()

  if (must.is === 'connection error') {
    const frame = await next(peer, 'GOAWAY')
    t.match(frame, { type: 'GOAWAY', last: 0, code: must.code }, `${caller.name}: its GOAWAY has the code`)
    if (frame?.type === 'GOAWAY') t.not(frame.debug, '', 'and says why')
    await ends(t, peer)
  } else if (must.is === 'stream error') {
    const frame = await next(peer, 'RST_STREAM', 'GOAWAY')
    t.strictSame(
      frame,
      { type: 'RST_STREAM', stream: id, code: must.code },
      `${caller.name}: its RST_STREAM has the code`,
    )
  } else if (must.is === 'asks again') {
    id = await nextRequest(t, peer)
    answerWith(peer, id, 'again')
  } else if (must.is === 'moves on') {
    await ends(t, peer)
    peer = await acceptGood(server)
    id = await nextRequest(t, peer)
    answerWith(peer, id, 'again')
  } else if (must.is === 'leaves') {
    await ends(t, peer)
  }
  check(t, caller, gets, await fate)

  // The next request works: over the same connection where that is still good.
  const elsewhere = must.is === 'connection error' || must.is === 'leaves'
  if (!elsewhere) {
    peer.send(ping('all well'))
    let answer = await next(peer, 'PING_ACK', 'GOAWAY', 'RST_STREAM')
    // Pings of the case itself are answered before.
    while (answer?.type === 'PING_ACK' && answer.payload !== 'all well')
      answer = await next(peer, 'PING_ACK', 'GOAWAY', 'RST_STREAM')
    t.match(answer, { type: 'PING_ACK', payload: 'all well' }, `${caller.name}: the connection is well`)
  }
  const good = fateOf(caller.request({ path: '/next' }))
  if (elsewhere) peer = await acceptGood(server)
  id = await nextRequest(t, peer)
  answerWith(peer, id, 'next')
  check(t, caller, { status: 200, body: 'next' }, await good)
  peer.send(goaway(id, 'NO_ERROR'))
  await ends(t, peer)
}

async function acceptGood(server: RawServer): Promise<RawPeer> {
  const peer = await server.accept()
  peer.send(settings())
  return peer
}

/** The sidecar closes the connection without another request or complaint, and so does the server. */
async function ends(t: Test, peer: RawPeer): Promise<void> {
  t.equal(await next(peer, 'HEADERS', 'GOAWAY', 'RST_STREAM'), null, 'nothing more comes, and it closes')
  peer.close()
}

function check(t: Test, caller: Caller, gets: Gets, fate: Fate): void {
  const { name, grpc } = caller
  if (gets === 'cut off') {
    t.notOk(fate.whole && fate.grpcStatus !== '14', `${name}: what is cut off does not look whole`)
  } else if (gets.status === 200) {
    t.match(fate, { status: 200, whole: true, body: gets.body }, `${name}: the answer arrives`)
  } else if (grpc) {
    t.match(fate, { status: 200, whole: true, body: '', grpcStatus: '14' }, `${name}: UNAVAILABLE`)
  } else {
    t.match(
      fate,
      { status: gets.status, whole: true, reason: /^[a-z-]+$/ },
      `${name}: ${gets.status}, with the reason`,
    )
  }
}
