import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  BodyReader,
  type HttpCall,
  HttpCallError,
  type HttpReply,
  type Interim,
  plainFields,
} from './http-call.ts'
import type { TlsMaterial } from './tls-material.ts'

export interface Http2ClientOptions {
  readonly port: number
  /** `:authority` of requests that name none, `127.0.0.1:PORT` by default. */
  readonly authority?: string
  readonly tls?: TlsMaterial
  readonly settings?: ClientSessionOptions['settings']
}

/** An HTTP/2 client on node:http2 with one connection to 127.0.0.1 (prior knowledge, or TLS with ALPN h2). */
export class Http2Client {
  readonly session: ClientHttp2Session
  readonly #authority: string
  readonly #scheme: string

  constructor(options: Http2ClientOptions) {
    const { port, tls, authority = `127.0.0.1:${port}`, settings = {} } = options
    this.#authority = authority
    this.#scheme = tls === undefined ? 'http' : 'https'
    const sessionOptions: SecureClientSessionOptions = { settings, ...tls }
    this.session = connect(`${this.#scheme}://127.0.0.1:${port}`, sessionOptions)
    // Requests under way fail with it.
    this.session.on('error', () => {})
  }

  /**
   * Sends one request. With `expect: 100-continue` the body waits for the 100 and is left out when a final response
   * comes first.
   * @throws HttpCallError when no complete response arrives
   */
  async request(call: HttpCall): Promise<HttpReply> {
    const reader = new BodyReader(call)
    const interim: Interim[] = []
    let head: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders = {}
    let stream: ClientHttp2Stream | null = null
    try {
      stream = this.#open(call)
      stream.on('headers', (headers: IncomingHttpHeaders) =>
        interim.push({ status: Number(headers[':status']), headers: plainFields(headers) }),
      )
      stream.on('response', (headers) => {
        head = headers
      })
      stream.on('trailers', (headers) => {
        trailers = headers
      })
      sendBody(stream, call)
      await reader.read(stream)
      await closed(stream)
      // A stream that was reset with NO_ERROR or CANCEL ends without an error.
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw new Error(`reset with code ${stream.rstCode}`)
      if (head[':status'] === undefined) throw new Error('the stream closed without a response')
    } catch (error) {
      const rstCode = stream?.rstCode ?? -1
      throw new HttpCallError(error, rstCode, Number(head[':status'] ?? 0), reader.check.bytes)
    }
    return {
      status: Number(head[':status']),
      headers: plainFields(head),
      trailers: plainFields(trailers),
      body: reader.body,
      bytes: reader.check.bytes,
      intact: reader.check.intact,
      interim,
    }
  }

  /** Closes the connection at once; requests under way fail. */
  close(): void {
    this.session.destroy()
  }

  #open(call: HttpCall): ClientHttp2Stream {
    const headers: OutgoingHttpHeaders = {
      ':method': call.method ?? (call.body === undefined ? 'GET' : 'POST'),
      ':scheme': this.#scheme,
      ':authority': call.authority ?? this.#authority,
      ':path': call.path ?? '/',
      ...call.headers,
    }
    return this.session.request(headers, {
      endStream: call.body === undefined && call.trailers === undefined,
      waitForTrailers: call.trailers !== undefined,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    })
  }
}

function sendBody(stream: ClientHttp2Stream, call: HttpCall): void {
  const { body, trailers, headers = {} } = call
  if (body === undefined && trailers === undefined) return
  if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  const send = () => {
    if (body instanceof Readable) {
      pipeline(body, stream, { end: true }).catch(() => stream.close(constants.NGHTTP2_CANCEL))
    } else {
      stream.end(body)
    }
  }
  if (headers['expect'] === undefined) {
    send()
    return
  }
  stream.once('continue', send)
  stream.once('response', () => stream.removeListener('continue', send))
  stream.once('end', () => {
    if (!stream.writableEnded) stream.close()
  })
}

function closed(stream: ClientHttp2Stream): Promise<void> {
  if (stream.closed) return Promise.resolve()
  return new Promise((resolve) => {
    stream.once('close', resolve)
  })
}
