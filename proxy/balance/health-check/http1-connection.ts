import { Agent, request as httpRequest } from 'node:http'
import type { Socket } from 'node:net'
import { type Answered, BodyHead, type HttpConnection, type ProbeRequest } from './http-connection.ts'

/** HTTP/1.1 over an established socket, kept alive between requests when the server agrees. */
export class Http1Connection implements HttpConnection {
  readonly #socket: Socket
  readonly #agent: Agent
  #given = false

  constructor(socket: Socket) {
    this.#socket = socket
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 })
    Object.assign(this.#agent, { createConnection: () => this.#take() })
  }

  usable(): boolean {
    return !this.#socket.destroyed && this.#socket.readable && this.#socket.writable
  }

  send(request: ProbeRequest, answered: Answered): void {
    let over = false
    let begun = false
    const finish: Answered = (error, answer) => {
      if (over) return
      over = true
      answered(error, answer, begun)
    }
    const headers: Record<string, string> = { host: request.authority, ...request.fields }
    if (request.body !== null) headers['content-length'] = String(request.body.length)
    const { method, path } = request
    const message = httpRequest({ agent: this.#agent, method, path, headers, setHost: false }, (response) => {
      begun = true
      const body = new BodyHead()
      response.on('data', (chunk: Buffer) => body.add(chunk))
      response.on('error', (error) => finish(error, null, begun))
      response.on('end', () => {
        const answer = {
          status: response.statusCode ?? 0,
          fields: response.headers,
          trailers: response.trailers,
          body: body.whole(),
        }
        // The socket is free for the next request only when the end was handled.
        process.nextTick(finish, null, answer, begun)
      })
    })
    message.on('error', (error) => finish(error, null, begun))
    // 101 would hand the socket over: not an answer to a check.
    message.on('upgrade', (_response, socket) => {
      socket.destroy()
      finish(new Error('the endpoint switched protocols (status 101) unasked'), null, true)
    })
    message.end(request.body ?? undefined)
  }

  close(): void {
    this.#socket.destroy()
    this.#agent.destroy()
  }

  /** The agent asks again only when the socket is gone. */
  #take(): Socket {
    if (this.#given) throw Object.assign(new Error('connection closed'), { code: 'ECONNRESET' })
    this.#given = true
    return this.#socket
  }
}
