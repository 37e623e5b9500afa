import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2'
import { type AddressInfo, connect, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { adoptWebSocket } from './websocket-stream.ts'

/** An application that takes WebSockets and CONNECT. */
export interface TunnelUpstream {
  readonly port: number
  /** WebSockets accepted so far, in order. */
  readonly sockets: WebSocket[]
  /** Fields of the last handshake. */
  fields: Readonly<Record<string, unknown>>
  close(): Promise<void>
}

/** Echoes what it gets, says "hello" first. Refuses the path /refuse with 401. */
function serve(socket: WebSocket): void {
  socket.on('message', (message, binary) => socket.send(message, { binary }))
  socket.send('hello')
}

/** Answers CONNECT by connecting to 127.0.0.1 at the port named. */
async function tunnelTo(authority: string, accept: () => Duplex, refuse: () => void): Promise<void> {
  const target = connect({
    host: '127.0.0.1',
    port: Number(authority.slice(authority.lastIndexOf(':') + 1)),
    allowHalfOpen: true,
  })
  try {
    await once(target, 'connect')
  } catch {
    refuse()
    return
  }
  const stream = accept()
  stream.on('error', () => target.destroy())
  // A target that breaks off is told apart from one that ends (RFC 9113 §8.5).
  target.on('error', () => {
    if (stream instanceof Socket) stream.resetAndDestroy()
    else stream.destroy(new Error('the target broke off'))
  })
  stream.pipe(target)
  target.pipe(stream)
}

/** Over HTTP/1.1. */
export async function startHttp1Tunnels(): Promise<TunnelUpstream> {
  const websockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (names) => [...names][0] ?? false,
  })
  const server = createServer((_, response) => response.writeHead(426).end('upgrade me'))
  const open = new Set<Duplex>()
  const upstream = { port: 0, sockets: [] as WebSocket[], fields: {}, close }
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  server.on('upgrade', (request: IncomingMessage, socket, head) => {
    upstream.fields = request.headers
    if (request.url === '/refuse') {
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 7\r\n\r\nnot you')
      return
    }
    websockets.handleUpgrade(request, socket, head, (accepted) => {
      upstream.sockets.push(accepted)
      serve(accepted)
    })
  })
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    tunnelTo(
      request.url ?? '',
      () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        return socket
      },
      () => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'),
    )
  })
  async function close(): Promise<void> {
    for (const socket of open) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  upstream.port = (server.address() as AddressInfo).port
  return upstream
}

/** Over HTTP/2 (RFC 8441). */
export async function startHttp2Tunnels(): Promise<TunnelUpstream> {
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } })
  const sessions = new Set<ServerHttp2Session>()
  const upstream = { port: 0, sockets: [] as WebSocket[], fields: {}, close }
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream, fields) => {
    upstream.fields = fields
    stream.on('error', () => {})
    if (fields[':method'] !== 'CONNECT') {
      stream.respond({ ':status': 426 })
      stream.end('upgrade me')
    } else if (fields[':protocol'] === undefined) {
      tunnelTo(
        fields[':authority'] ?? '',
        () => {
          stream.respond({ ':status': 200 })
          return stream
        },
        () => stream.respond({ ':status': 502 }, { endStream: true }),
      )
    } else if (fields[':path'] === '/refuse') {
      stream.respond({ ':status': 401 })
      stream.end('not you')
    } else {
      const [protocol] = String(fields['sec-websocket-protocol'] ?? '').split(',')
      stream.respond({ ':status': 200, ...(protocol ? { 'sec-websocket-protocol': protocol } : {}) })
      const accepted = adoptWebSocket(stream, 'server')
      upstream.sockets.push(accepted)
      serve(accepted)
    }
  })
  async function close(): Promise<void> {
    for (const session of sessions) session.destroy()
    server.close()
    await once(server, 'close')
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  upstream.port = (server.address() as AddressInfo).port
  return upstream
}
