import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { Http2ClientConnection } from '../../../../proxy/codec/http2/client-connection.ts'
import { CONNECTION_WINDOW, MAX_STREAM_WINDOW, STREAM_WINDOW } from '../../../../proxy/codec/http2/options.ts'
import { Http2ServerConnection } from '../../../../proxy/codec/http2/server-connection.ts'
import { Transport } from '../../../../proxy/codec/transport.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import {
  data,
  END_STREAM,
  type Frame,
  GET,
  goaway,
  headers,
  OK,
  POST,
  ping,
  pingAck,
  settings,
  settingsAck,
  windowUpdate,
} from '../../../support/frames.ts'
import { Accepted } from '../../../support/http2-bench.ts'
import { RawServer, rawClient } from '../../../support/raw-peers.ts'
import { Received } from '../../../support/recorded.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const OPTIONS = {
  timers: new VirtualClock().timers,
  streamWindow: STREAM_WINDOW,
  maxStreamWindow: MAX_STREAM_WINDOW,
  connectionWindow: CONNECTION_WINDOW,
  maxHeadBytes: 65_536,
  maxFields: 100,
  idleMs: 0,
  headMs: 10_000,
  maxStreams: 100,
}

/** A server that does with each request what `answer` says. */
async function serve(answer: (accepted: Accepted) => void): Promise<{ port: number; close: () => void }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const transport = new Transport(socket)
    const accept = {
      request: (...[stream, head, end]: ConstructorParameters<typeof Accepted>) => {
        answer(new Accepted(stream, head, end))
      },
    }
    new Http2ServerConnection(transport, OPTIONS, accept, { sessionClosed: () => {} })
    transport.start()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as { port: number }).port, close: () => server.close() }
}

t.test('a server over a socket', async (t) => {
  const { port, close } = await serve(({ stream }) => stream.head(Head.response(200), null, true))
  const client = await rawClient(port)
  client.send(headers(1, GET, END_STREAM), ping())
  await client.expect(headers(1, OK, END_STREAM), pingAck())
  client.send(windowUpdate(0, 0))
  await client.expect(goaway(1, 'PROTOCOL_ERROR'))
  await client.expectEnd()
  client.close()
  close()
  t.pass('every frame was as expected')
})

t.test('a large body in each direction over a socket, with small windows', async (t) => {
  const size = 3_000_000
  const { port, close } = await serve((accepted) => {
    // An echo: what comes goes back, and is credited when it has left.
    accepted.stream.head(Head.response(200), null, false)
    accepted.stream.source = accepted.stream
    accepted.stream.receiver = accepted.stream
  })
  const client = await rawClient(port)
  client.send(headers(1, POST))
  await client.expect(headers(1, OK))
  let window = 65_535
  let streamWindow = STREAM_WINDOW
  let sent = 0
  let got = ''
  const text = Array.from({ length: size / 10 }, (_, i) => String(i).padStart(10, '0')).join('')
  const push = (): void => {
    const frames: Frame[] = []
    for (;;) {
      const bytes = Math.min(window, streamWindow, 16_384, size - sent)
      if (bytes <= 0) break
      frames.push(data(1, text.slice(sent, sent + bytes), sent + bytes === size))
      window -= bytes
      streamWindow -= bytes
      sent += bytes
    }
    if (frames.length > 0) client.send(...frames)
  }
  window += CONNECTION_WINDOW - 65_535
  push()
  for (let ended = false; !ended; ) {
    const frame = await client.next()
    if (frame === null) break
    if (frame.type === 'WINDOW_UPDATE') {
      if (frame.stream === 0) window += frame.increment
      else streamWindow += frame.increment
      push()
    } else if (frame.type === 'DATA') {
      got += frame.data
      ended = frame.end
      if (frame.data.length > 0)
        client.send(windowUpdate(0, frame.data.length), windowUpdate(1, frame.data.length))
    }
  }
  t.equal(got.length, size)
  t.ok(got === text, 'byte for byte')
  client.close()
  close()
})

t.test('a client over a socket', async (t) => {
  const server = new RawServer()
  const port = await server.listen()
  const socket: Socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  await once(socket, 'connect')
  const transport = new Transport(socket)
  let ready: () => void = () => {}
  let over: (code: string) => void = () => {}
  const settled = new Promise<void>((resolve) => {
    ready = resolve
  })
  const closed = new Promise<string>((resolve) => {
    over = resolve
  })
  const connection = new Http2ClientConnection(transport, OPTIONS, {
    capacityChanged: () => ready(),
    retired: () => {},
    closed: (_session, reason) => over(reason.code),
  })
  transport.start()
  const peer = await server.accept()
  await peer.expect(
    settings({ 2: 0, 4: STREAM_WINDOW, 6: 65_536 }),
    windowUpdate(0, CONNECTION_WINDOW - 65_535),
    settingsAck(),
  )
  await settled
  const response = new Received()
  const stream = connection.open(response, response)
  stream.head(Head.request('GET', 'http', 'a.test', '/'), null, true)
  await peer.expect(headers(1, GET.slice(0, 2).concat(GET.slice(2)), END_STREAM))
  connection.drain()
  peer.send(headers(1, OK), data(1, 'hello', END_STREAM))
  await peer.expectEnd()
  t.equal(response.body, 'hello')
  peer.socket.end()
  t.equal(await closed, reasons.goaway.code)
  server.close()
})
