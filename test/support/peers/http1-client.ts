import { Agent, type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { type Duplex, Readable } from 'node:stream'
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

export interface Http1ClientOptions {
  readonly port: number
  /** Host of requests that name none, `127.0.0.1:PORT` by default. */
  readonly authority?: string
  readonly tls?: TlsMaterial
  /** Connections kept alive and shared by requests, 1 by default; 0 makes one per request. */
  readonly connections?: number
}

/** An HTTP/1.1 client on node:http, to 127.0.0.1. */
export class Http1Client {
  readonly #options: Http1ClientOptions
  readonly #agent: Agent

  constructor(options: Http1ClientOptions) {
    this.#options = options
    const { connections = 1 } = options
    const agentOptions = { keepAlive: connections > 0, maxSockets: connections > 0 ? connections : 256 }
    this.#agent = options.tls === undefined ? new Agent(agentOptions) : new TlsAgent(agentOptions)
  }

  /**
   * Sends one request. With `expect: 100-continue` the body waits for the 100 and is left out when a final response
   * comes first.
   * @throws HttpCallError when no complete response arrives
   */
  request(call: HttpCall): Promise<HttpReply> {
    return new Promise((resolve, reject) => {
      const request = this.#send(call)
      const reader = new BodyReader(call)
      const interim: Interim[] = []
      let status = 0
      const fail = (error: unknown) => reject(new HttpCallError(error, -1, status, reader.check.bytes))
      request.on('information', (info) =>
        interim.push({ status: info.statusCode, headers: plainFields(info.headers) }),
      )
      request.on('error', fail)
      request.on('response', (response: IncomingMessage) => {
        status = response.statusCode ?? 0
        reader.read(response).then(
          () => resolve(this.#reply(response, reader, interim)),
          (error: unknown) => {
            request.destroy()
            fail(error)
          },
        )
      })
      sendBody(request, call)
    })
  }

  /** Sends an upgrade request; resolves with the response's status and, on 101, the socket (then the caller's). */
  upgrade(call: HttpCall & { protocol: string }): Promise<{ status: number; socket: Duplex | null }> {
    const headers = { connection: 'upgrade', upgrade: call.protocol, ...call.headers }
    return new Promise((resolve, reject) => {
      const request = this.#send({ ...call, headers })
      request.on('error', reject)
      request.on('upgrade', (response, socket, early) => {
        if (early.length > 0) socket.unshift(early)
        resolve({ status: response.statusCode ?? 0, socket })
      })
      request.on('response', (response) => {
        response.resume()
        resolve({ status: response.statusCode ?? 0, socket: null })
      })
      request.end()
    })
  }

  /** Closes every connection. */
  close(): void {
    this.#agent.destroy()
  }

  #send(call: HttpCall): ClientRequest {
    const { port, tls, authority = `127.0.0.1:${port}` } = this.#options
    const headers: Record<string, string | string[]> = {
      host: call.authority ?? authority,
      ...call.headers,
    }
    if (call.trailers !== undefined) headers['trailer'] = Object.keys(call.trailers).join(', ')
    const options = {
      host: '127.0.0.1',
      port,
      agent: this.#agent,
      method: call.method ?? (call.body === undefined ? 'GET' : 'POST'),
      path: call.path ?? '/',
      headers,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    }
    return tls === undefined ? plainRequest(options) : tlsRequest({ ...options, ...tls })
  }

  #reply(response: IncomingMessage, reader: BodyReader, interim: Interim[]): HttpReply {
    return {
      status: response.statusCode ?? 0,
      headers: plainFields(response.headers),
      trailers: plainFields(response.trailers),
      body: reader.body,
      bytes: reader.check.bytes,
      intact: reader.check.intact,
      interim,
    }
  }
}

function sendBody(request: ClientRequest, call: HttpCall): void {
  const { body, trailers } = call
  const send = () => {
    if (trailers !== undefined) request.addTrailers(trailers)
    // A stream that breaks off takes the request with it: `error` of the request tells.
    if (body instanceof Readable) pipeline(body, request).catch(() => request.destroy())
    else request.end(body)
  }
  if (request.getHeader('expect') === undefined) {
    // Trailers need the chunked coding, which a body known at once would not get.
    if (trailers !== undefined) request.setHeader('transfer-encoding', 'chunked')
    send()
    return
  }
  request.flushHeaders()
  request.once('continue', send)
  request.once('response', (response: IncomingMessage) => {
    request.removeListener('continue', send)
    // The server still expects a body: this connection cannot carry another request.
    response.once('end', () => {
      if (!request.writableEnded) request.destroy()
    })
  })
}
