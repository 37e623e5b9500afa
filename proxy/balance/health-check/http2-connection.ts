import type { ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import http2 from 'http2-wrapper'
import { type Answered, BodyHead, type HttpConnection, type ProbeRequest } from './http-connection.ts'

type Fields = Readonly<Record<string, string | string[] | undefined>>

/** HTTP/2 over an established socket, with prior knowledge or after ALPN (RFC 9113, 3.3). */
export class Http2Connection implements HttpConnection {
  readonly #session: ClientHttp2Session
  readonly #scheme: 'http' | 'https'
  #failure: Error | null = null
  #refused = false

  constructor(socket: Socket, tls: boolean) {
    this.#scheme = tls ? 'https' : 'http'
    // The URL only satisfies the library: the socket is there, and each request brings its own authority.
    this.#session = http2.connect(`${this.#scheme}://endpoint`, {
      createConnection: () => socket,
      settings: { enablePush: false },
    })
    this.#session.on('error', (error: Error) => {
      this.#failure = error
    })
    this.#session.on('goaway', () => {
      this.#refused = true
    })
  }

  usable(): boolean {
    return !this.#refused && !this.#session.closed && !this.#session.destroyed
  }

  send(request: ProbeRequest, answered: Answered): void {
    const headers: Record<string, string> = {
      ':method': request.method,
      ':scheme': this.#scheme,
      ':authority': request.authority,
      ':path': request.path,
      ...request.fields,
    }
    const stream = this.#session.request(headers, { endStream: request.body === null })
    let status = 0
    let fields: Fields = {}
    let trailers: Fields = {}
    let failure: Error | null = null
    const body = new BodyHead()
    stream.on('response', (head) => {
      status = Number(head[':status'])
      fields = head
    })
    stream.on('trailers', (tail) => {
      trailers = tail
    })
    stream.on('data', (chunk: Buffer) => body.add(chunk))
    stream.on('error', (error: Error) => {
      failure = error
    })
    stream.on('close', () => {
      const ended = stream.readableEnded && status !== 0
      const error = failure ?? this.#failure
      // A server may reset with NO_ERROR what it does not want to read of the request (RFC 9113, 8.1).
      if (ended) answered(null, { status, fields, trailers, body: body.whole() }, true)
      else
        answered(error ?? new Error('the endpoint closed the stream without an answer'), null, status !== 0)
    })
    if (request.body !== null) stream.end(request.body)
  }

  close(): void {
    this.#session.destroy()
  }
}
