import type { Server as HttpServer } from 'node:http'
import type { Http2SecureServer, Http2Server } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { behaviours, json } from './behaviours.ts'
import { Changes } from './changes.ts'
import {
  authorityOf,
  fieldsOf,
  type PeerRequest,
  type PeerResponse,
  type SeenRequest,
} from './http-exchange.ts'
import { PatternCheck } from './pattern.ts'
import type { TlsMaterial } from './tls-material.ts'

export interface UpstreamOptions {
  /** Value of the `x-instance` field of every answer, "upstream" by default. */
  readonly name?: string
  /** TCP port, 0 (a free one) by default. */
  readonly port?: number
  readonly tls?: TlsMaterial
}

/** Requests kept in `requests`; the oldest goes first. */
const RECORD_LIMIT = 1000

/** What the HTTP/1.1 and the HTTP/2 upstream have in common: see behaviours.ts for the paths they answer. */
export abstract class HttpUpstream {
  readonly #changes = new Changes()
  readonly #sockets = new Set<Socket>()
  readonly #held = new Map<SeenRequest, () => void>()
  readonly #name: string
  port = 0
  /** What the upstream saw, the latest 1000 requests. */
  readonly requests: SeenRequest[] = []
  begun = 0
  finished = 0
  aborted = 0
  /** Connections accepted since the start. */
  connections = 0

  constructor(options: UpstreamOptions) {
    this.#name = options.name ?? 'upstream'
  }

  /** Requests under way. */
  get active(): number {
    return this.begun - this.finished - this.aborted
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sockets.size
  }

  /** Requests that wait for `release`. */
  get held(): number {
    return this.#held.size
  }

  /** Waits for a state, such as `when('aborted', () => upstream.aborted === 1)`; rejects after 20 s. */
  when(what: string, holds: () => boolean): Promise<void> {
    return this.#changes.when(what, holds)
  }

  /** Lets every held request go on. */
  release(): void {
    const waiting = [...this.#held.values()]
    this.#held.clear()
    for (const go of waiting) go()
  }

  /** Asks every client to go elsewhere: HTTP/2 GOAWAY, HTTP/1.1 closes idle connections. */
  abstract goaway(): void

  /** Closes the listening socket and, at once, every connection. */
  abstract close(): Promise<void>

  protected destroySockets(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  protected changed(): void {
    this.#changes.notify()
  }

  protected listen(server: HttpServer | Http2Server | Http2SecureServer, port: number): Promise<void> {
    const track = (socket: Socket) => {
      this.connections += 1
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        this.changed()
      })
      this.changed()
    }
    // Below TLS too: a connection counts from its TCP handshake on.
    server.on('connection', track)
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        this.port = (server.address() as AddressInfo).port
        resolve()
      })
    })
  }

  /** Handles one request; to be called for every request the server hands over. */
  protected handle(request: PeerRequest, response: PeerResponse): void {
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      authority: authorityOf(request),
      httpVersion: request.httpVersion,
      fields: fieldsOf(request),
      body: new PatternCheck(),
      trailers: {},
      state: 'active',
    }
    this.begun += 1
    this.requests.push(seen)
    if (this.requests.length > RECORD_LIMIT) this.requests.shift()
    request.on('error', () => {})
    response.on('error', () => {})
    request.on('end', () => {
      seen.trailers = request.trailers as Record<string, string>
    })
    response.on('close', () => this.#end(seen, request, response))
    response.setHeader('x-instance', this.#name)
    this.changed()
    this.#behave(request, response, seen).catch(() => {
      // The caller is gone, or the behaviour cut it off: `close` has told or will tell.
      response.destroy()
    })
  }

  async #behave(request: PeerRequest, response: PeerResponse, seen: SeenRequest): Promise<void> {
    const url = new URL(seen.path, 'http://upstream')
    const [, first = '', argument = ''] = url.pathname.split('/')
    const behaviour = behaviours[first]
    if (behaviour === undefined) {
      request.resume()
      json(response, 404, {
        error: `no behaviour "${first}", there are: ${Object.keys(behaviours).join(' ')}`,
      })
      return
    }
    await behaviour({
      request,
      response,
      query: url.searchParams,
      argument,
      seen,
      held: () => this.#hold(seen, response),
      changed: () => this.changed(),
    })
  }

  #hold(seen: SeenRequest, response: PeerResponse): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#held.set(seen, resolve)
      response.once('close', () => reject(new Error('the caller is gone')))
      this.changed()
    })
  }

  #end(seen: SeenRequest, request: PeerRequest, response: PeerResponse): void {
    if (seen.state !== 'active') return
    const whole = response.writableFinished && !isReset(request)
    seen.state = whole ? 'finished' : 'aborted'
    if (whole) this.finished += 1
    else this.aborted += 1
    this.#held.delete(seen)
    this.changed()
  }
}

function isReset(request: PeerRequest): boolean {
  return 'stream' in request && request.stream.rstCode !== 0
}
