import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { HttpUpstream, type UpstreamOptions } from './http-upstream.ts'

/**
 * An HTTP/1.1 upstream on node:http. On top of the behaviours: `Expect: 100-continue` gets 100, except for `/refuse`,
 * which gets 413 without it; `Upgrade: echo` gets 101 and its bytes back.
 */
export class Http1Upstream extends HttpUpstream {
  readonly #server: Server

  constructor(options: UpstreamOptions) {
    super(options)
    const { tls } = options
    this.#server =
      tls === undefined
        ? createServer()
        : createTlsServer({ ...tls, requestCert: tls.ca !== undefined, ALPNProtocols: ['http/1.1'] })
    // Tests decide when a connection ends.
    this.#server.keepAliveTimeout = 0
    this.#server.requestTimeout = 0
    this.#server.on('request', (request, response) => this.handle(request, response))
    this.#server.on('checkContinue', (request, response) => {
      if (!request.url?.startsWith('/refuse')) response.writeContinue()
      this.handle(request, response)
    })
    this.#server.on('upgrade', tunnel)
  }

  start(port: number): Promise<void> {
    return this.listen(this.#server, port)
  }

  override goaway(): void {
    this.#server.closeIdleConnections()
  }

  override close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.destroySockets()
    })
  }
}

function tunnel(request: IncomingMessage, socket: Duplex, early: Buffer): void {
  socket.on('error', () => {})
  if (request.headers.upgrade !== 'echo') {
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    return
  }
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')
  if (early.length > 0) socket.write(early)
  socket.pipe(socket)
}

/** Starts an HTTP/1.1 upstream on 127.0.0.1. */
export async function startHttp1(options: UpstreamOptions = {}): Promise<Http1Upstream> {
  const upstream = new Http1Upstream(options)
  await upstream.start(options.port ?? 0)
  return upstream
}
