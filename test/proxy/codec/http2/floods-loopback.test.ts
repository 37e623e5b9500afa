// What hangs on how sockets really behave: reading that stops and goes on, and output that the kernel does not take.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../../../../proxy/base/clock.ts'
import { TimerWheel } from '../../../../proxy/base/timer-wheel.ts'
import { PREFACE } from '../../../../proxy/codec/http2/constants.ts'
import { STREAM_WINDOW } from '../../../../proxy/codec/http2/options.ts'
import {
  Http2ServerConnection,
  type Http2ServerOptions,
} from '../../../../proxy/codec/http2/server-connection.ts'
import { acceptedTransport } from '../../../../proxy/codec/shared-read.ts'
import { Transport } from '../../../../proxy/codec/transport.ts'
import { Head } from '../../../../proxy/message/head.ts'
import type { Reason } from '../../../../proxy/message/reason.ts'
import type { MessageStream } from '../../../../proxy/message/stream.ts'
import { END_STREAM, type Frame, GET, headers, settings, windowUpdate } from '../../../support/frames.ts'
import { Accepted } from '../../../support/http2-bench.ts'
import { createMeshCertificates } from '../../../support/peers/mesh-certificates.ts'
import { RawPeer } from '../../../support/raw-peers.ts'

interface Served {
  readonly client: RawPeer
  readonly limits: string[]
  readonly reasons: Reason[]
  readonly closed: Promise<Reason>
}

/** A server connection over a real socket, and its client; `answer` is called for each request. */
async function serve(
  t: Test,
  tls: boolean,
  options: Partial<Http2ServerOptions>,
  answer: (stream: MessageStream) => void,
): Promise<Served> {
  const limits: string[] = []
  const reasons: Reason[] = []
  let ended: (reason: Reason) => void = () => {}
  const closed = new Promise<Reason>((resolve) => {
    ended = resolve
  })
  const start = (transport: Transport): void => {
    new Http2ServerConnection(
      transport,
      {
        timers: new TimerWheel(systemClock.now),
        streamWindow: STREAM_WINDOW,
        maxStreamWindow: STREAM_WINDOW,
        connectionWindow: STREAM_WINDOW,
        maxHeadBytes: 65_536,
        maxFields: 100,
        idleMs: 0,
        headMs: 10_000,
        maxStreams: 1024,
        limitReached: (limit) => limits.push(limit),
        ...options,
      },
      {
        request: (stream, head, end) => {
          const accepted = new Accepted(stream, head, end)
          accepted.reset = (reason) => reasons.push(reason)
          answer(stream)
        },
      },
      { sessionClosed: (_session, reason) => ended(reason) },
    )
    transport.start()
  }
  let server: Server
  let material = { cert: '', key: '', ca: '' }
  if (tls) {
    material = await (await createMeshCertificates()).issue('server')
    server = createTlsServer(material, (socket) => start(new Transport(socket)))
  } else {
    server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      start(acceptedTransport(socket)),
    )
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket: Socket = tls
    ? connectTls({ host: '127.0.0.1', port, ...material, checkServerIdentity: () => undefined })
    : connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  await once(socket, tls ? 'secureConnect' : 'connect')
  t.teardown(() => {
    socket.destroy()
    server.close()
  })
  socket.write(PREFACE)
  return { client: new RawPeer(socket), limits, reasons, closed }
}

for (const tls of [false, true]) {
  const over = tls ? 'over TLS' : 'over TCP'

  t.test(`1000 requests in one write, 100 a turn, ${over}`, async (t) => {
    const { client, limits } = await serve(t, tls, {}, (stream) =>
      stream.head(Head.response(204), null, true),
    )
    const frames: Frame[] = [settings()]
    for (let i = 0; i < 1000; i++) frames.push(headers(i * 2 + 1, GET, END_STREAM))
    // Again, so that reading is seen to go on.
    for (let round = 0; round < 3; round++) {
      client.send(...frames)
      for (let answered = 0; answered < 1000; ) {
        const frame = await client.next()
        if (frame === null) throw new Error(`${answered} answers in round ${round}`)
        if (frame.type === 'HEADERS') answered += 1
      }
      frames.length = 0
      for (let i = 0; i < 1000; i++) frames.push(headers((round + 1) * 2000 + i * 2 + 1, GET, END_STREAM))
    }
    t.ok(limits.length > 0)
    t.strictSame([...new Set(limits)], ['http2.streamsPerTurn'])
  })

  t.test(`a client that leaves its socket unread is cut off, ${over}`, async (t) => {
    const body = Buffer.alloc(32 * 1024 * 1024)
    const { client, limits, reasons, closed } = await serve(t, tls, { writeMs: 200 }, (stream) => {
      stream.head(Head.response(200), null, false)
      stream.data(body, 0, body.length, true)
    })
    client.socket.pause()
    client.send(settings({ 4: 2 ** 31 - 1 }), windowUpdate(0, 2 ** 30), headers(1, GET, END_STREAM))
    t.match(await closed, { code: 'write-timeout', detail: /the connection took nothing/ })
    t.ok(reasons.length <= 1)
    t.strictSame(limits, ['timeouts.write'])
  })

  t.test(`one that reads gets all of it, ${over}`, async (t) => {
    const body = Buffer.alloc(32 * 1024 * 1024)
    const { client, limits } = await serve(t, tls, { writeMs: 5000 }, (stream) => {
      stream.head(Head.response(200), null, false)
      stream.data(body, 0, body.length, true)
    })
    let bytes = 0
    client.send(settings({ 4: 2 ** 31 - 1 }), windowUpdate(0, 2 ** 30), headers(1, GET, END_STREAM))
    for (let end = false; !end; ) {
      const frame = await client.next()
      if (frame === null) break
      if (frame.type !== 'DATA') continue
      bytes += frame.data.length
      end = frame.end
    }
    t.equal(bytes, body.length)
    t.strictSame(limits, [])
  })
}
