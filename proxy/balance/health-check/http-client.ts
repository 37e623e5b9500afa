import type { Socket } from 'node:net'
import type { Endpoint } from '../endpoint.ts'
import { alpnOf, openSocket } from './connection.ts'
import type { Answered, HttpConnection, ProbeAnswer, ProbeRequest } from './http-connection.ts'
import { Http1Connection } from './http1-connection.ts'
import { Http2Connection } from './http2-connection.ts'
import { dialTcp, type ProbeRun, type ProbeTransport } from './probe.ts'

/** Requests after which a connection is replaced, so that a check also sees whether new ones are accepted. */
const MAX_REQUESTS = 100

type Protocol = 'http1' | 'h2' | 'auto'

class Kept {
  readonly connection: HttpConnection
  requests = 0

  constructor(connection: HttpConnection) {
    this.connection = connection
  }
}

/** `failure` is `null` when there is an answer. */
export type RequestDone = (failure: Error | null, answer: ProbeAnswer | null) => void

/**
 * Sends requests to endpoints, one at a time to each, over one connection per endpoint that is kept between
 * checks: with mutual TLS a handshake per check would cost both sides far more than the check.
 */
export class HttpClient {
  readonly #transport: ProbeTransport
  readonly #protocol: Protocol
  readonly #kept = new Map<Endpoint, Kept>()

  /** `protocol` overrides the transport's. */
  constructor(transport: ProbeTransport, protocol: Protocol = transport.protocol ?? 'auto') {
    this.#transport = transport
    this.#protocol = protocol
  }

  /** What goes into Host or `:authority`. */
  authorityOf(endpoint: Endpoint): string {
    return this.#transport.serverName ?? endpoint.address
  }

  send(endpoint: Endpoint, request: ProbeRequest, done: RequestDone): ProbeRun {
    return new HttpRun(this, endpoint, request, done)
  }

  forget(endpoint: Endpoint): void {
    this.#kept.get(endpoint)?.connection.close()
    this.#kept.delete(endpoint)
  }

  close(): void {
    for (const kept of this.#kept.values()) kept.connection.close()
    this.#kept.clear()
  }

  /** Takes the kept connection out, when it is still good. */
  take(endpoint: Endpoint): Kept | null {
    const kept = this.#kept.get(endpoint)
    if (kept === undefined) return null
    this.#kept.delete(endpoint)
    if (kept.connection.usable() && kept.requests < MAX_REQUESTS) return kept
    kept.connection.close()
    return null
  }

  keep(endpoint: Endpoint, kept: Kept): void {
    if (endpoint.removed || !kept.connection.usable()) kept.connection.close()
    else this.#kept.set(endpoint, kept)
  }

  open(endpoint: Endpoint, opened: (error: Error | null) => void): Socket | null {
    return openSocket(this.#transport.dial ?? dialTcp, endpoint, this.#alpn(), opened)
  }

  /** The connection over an established socket, by what was configured and agreed on. */
  wrap(socket: Socket): Kept | Error {
    const tls = this.#transport.tls === true
    const alpn = alpnOf(socket)
    if (tls && this.#protocol === 'h2' && alpn !== 'h2') {
      return new Error('the endpoint did not agree on HTTP/2 by ALPN; it has to offer h2 for this check')
    }
    const h2 = tls ? alpn === 'h2' : this.#protocol === 'h2'
    return new Kept(h2 ? new Http2Connection(socket, tls) : new Http1Connection(socket))
  }

  #alpn(): string[] {
    if (this.#protocol === 'h2') return ['h2']
    return this.#protocol === 'http1' ? ['http/1.1'] : ['h2', 'http/1.1']
  }
}

/** One request: over the kept connection, else over a new one. */
class HttpRun implements ProbeRun {
  readonly #client: HttpClient
  readonly #endpoint: Endpoint
  readonly #request: ProbeRequest
  readonly #done: RequestDone
  #socket: Socket | null = null
  #kept: Kept | null = null
  #over = false

  constructor(client: HttpClient, endpoint: Endpoint, request: ProbeRequest, done: RequestDone) {
    this.#client = client
    this.#endpoint = endpoint
    this.#request = request
    this.#done = done
    const kept = client.take(endpoint)
    if (kept === null) this.#dial()
    else this.#send(kept)
  }

  cancel(): void {
    this.#over = true
    this.#closeAll()
  }

  waitingFor(): string {
    return this.#kept === null ? 'no connection was established' : 'connected, but the answer is missing'
  }

  #dial(): void {
    this.#socket = this.#client.open(this.#endpoint, (error) => {
      if (this.#over) return
      if (error !== null) {
        this.#finish(error, null)
        return
      }
      const connection = this.#client.wrap(this.#socket as Socket)
      if (connection instanceof Error) this.#finish(connection, null)
      else this.#send(connection)
    })
  }

  #send(kept: Kept): void {
    this.#kept = kept
    const reused = kept.requests > 0
    kept.requests += 1
    const answered: Answered = (error, answer, begun) => {
      if (this.#over) return
      if (error !== null && reused && !begun) {
        // The server closed an idle connection just as the request went out: that says nothing about its health.
        this.#closeAll()
        this.#dial()
        return
      }
      this.#finish(error, answer)
    }
    try {
      kept.connection.send(this.#request, answered)
    } catch (error) {
      // Such as a path that cannot be sent; told later, as `run` may not have returned yet.
      process.nextTick(answered, asError(error), null, true)
    }
  }

  #finish(error: Error | null, answer: ProbeAnswer | null): void {
    this.#over = true
    if (error === null && this.#kept !== null) this.#client.keep(this.#endpoint, this.#kept)
    else this.#closeAll()
    this.#done(error, answer)
  }

  #closeAll(): void {
    this.#kept?.connection.close()
    this.#kept = null
    this.#socket?.destroy()
    this.#socket = null
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
