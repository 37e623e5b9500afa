import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type Settings,
} from 'node:http2'
import { HttpUpstream, type UpstreamOptions } from './http-upstream.ts'

export interface Http2UpstreamOptions extends UpstreamOptions {
  /** SETTINGS to announce, such as `{ maxConcurrentStreams: 2 }`. */
  readonly settings?: Settings
}

/** An HTTP/2 upstream on node:http2, with prior knowledge or over TLS (ALPN h2). */
export class Http2Upstream extends HttpUpstream {
  readonly #server: Http2Server | Http2SecureServer
  readonly #sessions = new Set<ServerHttp2Session>()

  constructor(options: Http2UpstreamOptions) {
    super(options)
    const { tls, settings = {} } = options
    this.#server =
      tls === undefined
        ? createServer({ settings })
        : createSecureServer({ ...tls, settings, requestCert: tls.ca !== undefined })
    this.#server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.on('error', () => {})
      session.on('close', () => this.#sessions.delete(session))
    })
    this.#server.on('request', (request, response) => this.handle(request, response))
    this.#server.on('checkContinue', (request, response) => {
      if (!request.url?.startsWith('/refuse')) response.writeContinue()
      this.handle(request, response)
    })
  }

  start(port: number): Promise<void> {
    return this.listen(this.#server, port)
  }

  override goaway(): void {
    for (const session of this.#sessions) session.close()
  }

  override close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const session of this.#sessions) session.destroy()
      this.destroySockets()
    })
  }
}

/** Starts an HTTP/2 upstream on 127.0.0.1. */
export async function startHttp2(options: Http2UpstreamOptions = {}): Promise<Http2Upstream> {
  const upstream = new Http2Upstream(options)
  await upstream.start(options.port ?? 0)
  return upstream
}
