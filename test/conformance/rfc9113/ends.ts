import { CONNECTION_WINDOW } from '../../../proxy/codec/http2/options.ts'
import type { Http2ServerOptions } from '../../../proxy/codec/http2/server-connection.ts'
import { Head } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { END_STREAM, type Frame, GET, headers, OK, POST, rstStream } from '../../support/frames.ts'
import { ClientBench, ServerBench } from '../../support/http2-bench.ts'
import type { Received } from '../../support/recorded.ts'

/** Which end of the connection is ours; the test is the other one. */
export type Role = 'server' | 'client'

/**
 * States of stream 1 (RFC 9113 §5.1), as our end sees it; "remote" is the test.
 *
 * `requested`: the request's head has gone over, no response yet; everywhere behind it the response has begun.
 */
export type State =
  | 'idle'
  | 'requested'
  | 'open'
  | 'half-closed (remote)'
  | 'half-closed (local)'
  | 'closed'
  | 'reset by us'
  | 'reset by the peer'

const GET_HEAD = Head.request('GET', 'http', 'a.test', '/')
const POST_HEAD = Head.request('POST', 'http', 'a.test', '/')
const OK_HEAD = Head.response(200)

/** Options of either role's bench. */
export type EndOptions = Partial<Http2ServerOptions>

/** Our end of a connection, in either role, with stream 1 in a given state. */
export abstract class End {
  readonly options: EndOptions
  abstract readonly role: Role
  abstract readonly bench: ServerBench | ClientBench
  /** What came on stream 1; null while it is idle. */
  abstract readonly first: Received | null
  /** Brings stream 1 from idle to `state`. */
  abstract reach(state: State): void
  /** Messages that have begun at our end, with the first. */
  abstract readonly begun: number
  /** One more whole exchange, on a new stream: true when it works. */
  abstract exchange(): boolean

  constructor(options: EndOptions) {
    this.options = options
  }

  send(...frames: Frame[]): void {
    this.bench.send(...frames)
  }

  /** The connection window that we grant when all is credited, in bytes. */
  get window(): number {
    return this.options.connectionWindow ?? CONNECTION_WINDOW
  }

  /** What our end has sent since last asked, but for the windows it opens. */
  take(): Frame[] {
    return this.bench.take().filter(({ type }) => type !== 'WINDOW_UPDATE')
  }
}

export class ServerEnd extends End {
  readonly role = 'server'
  readonly bench: ServerBench
  #next = 1001

  constructor(options: EndOptions = {}) {
    super(options)
    this.bench = new ServerBench(options)
    this.bench.onRequest = (accepted) => {
      accepted.autoCredit = true
    }
  }

  get first(): Received | null {
    return this.bench.accepted[0] ?? null
  }

  get begun(): number {
    return this.bench.accepted.length
  }

  reach(state: State): void {
    if (state === 'idle') return
    const ended = state === 'half-closed (remote)' || state === 'closed'
    this.send(headers(1, ended ? GET : POST, ended))
    const stream = this.bench.accepted[0]?.stream
    if (state === 'reset by us') stream?.cancel(reasons.internalError)
    else if (state === 'reset by the peer') this.send(rstStream(1, 'CANCEL'))
    else if (state !== 'requested')
      stream?.head(OK_HEAD, null, state === 'half-closed (local)' || state === 'closed')
    this.take()
  }

  exchange(): boolean {
    const before = this.bench.accepted.length
    this.send(headers(this.#next, GET, END_STREAM))
    this.#next += 2
    const accepted = this.bench.accepted[before]
    accepted?.stream.head(OK_HEAD, null, true)
    return this.take().some(({ type }) => type === 'HEADERS')
  }
}

export class ClientEnd extends End {
  readonly role = 'client'
  readonly bench: ClientBench
  #first: Received | null = null
  begun = 0

  constructor(options: EndOptions = {}) {
    super(options)
    this.bench = new ClientBench(options)
  }

  get first(): Received | null {
    return this.#first
  }

  /** Opens stream 1 with a request of `head`. */
  request(head: Head, end: boolean): Received {
    const { stream, response } = this.bench.request(head, end)
    response.autoCredit = true
    response.stream = stream
    this.#first ??= response
    this.begun += 1
    return response
  }

  reach(state: State): void {
    if (state === 'idle') return
    const ended = state === 'half-closed (local)' || state === 'closed'
    const response = this.request(ended ? GET_HEAD : POST_HEAD, ended)
    if (state === 'reset by us') response.stream?.cancel(reasons.downstreamReset)
    else if (state === 'reset by the peer') this.send(rstStream(1, 'CANCEL'))
    else if (state !== 'requested')
      this.send(headers(1, OK, state === 'half-closed (remote)' || state === 'closed'))
    this.take()
  }

  exchange(): boolean {
    if (this.bench.connection.capacity === 0) return false
    this.take()
    const response = this.request(GET_HEAD, true)
    const sent = this.take().find(({ type }) => type === 'HEADERS')
    if (sent?.type !== 'HEADERS') return false
    this.send(headers(sent.stream, OK, END_STREAM))
    return response.ended
  }
}

export function makeEnd(role: Role, state: State, options: EndOptions = {}): End {
  const end = role === 'server' ? new ServerEnd(options) : new ClientEnd(options)
  end.reach(state)
  return end
}
