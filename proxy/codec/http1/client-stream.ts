import { Added } from '../../message/added.ts'
import { Fields } from '../../message/fields.ts'
import { type Head, TUNNEL_CONNECT } from '../../message/head.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import type { MessageSink, MessageSource } from '../../message/stream.ts'
import type { Http1ClientConnection } from './client-connection.ts'
import { BODY_CHUNKED, BODY_CLOSE, BODY_LENGTH, BODY_NONE, type HeadRecord } from './head-record.ts'
import { headFailure, SHAPE_BARE, SHAPE_CHUNKED, SHAPE_EMPTY, SHAPE_PLAIN, writeHead } from './head-writer.ts'
import { OUT_BODY, OUT_DEAD, OUT_DONE, OUT_HEAD, OutgoingStream } from './outgoing.ts'
import { WEBSOCKET, webSocketAccept, webSocketKey } from './upgrade.ts'

/** One request that is written and the response that is read for it. */
export class Http1ClientStream extends OutgoingStream {
  readonly connection: Http1ClientConnection
  /** The request's method is HEAD: its response has no body. */
  headRequest: boolean
  /** `Head.tunnel` of the request, "" for an ordinary one and once it is refused. */
  tunnel: string
  #key: string

  constructor(connection: Http1ClientConnection, receiver: MessageSink, source: MessageSource) {
    super(connection.transport, receiver, source)
    this.connection = connection
    this.headRequest = false
    this.tunnel = ''
    this.#key = ''
  }

  head(head: Head, added: Added | null, end: boolean): void {
    if (this.out !== OUT_HEAD) return
    if (head.tunnel !== '') return this.#askForTunnel(head, added)
    let shape = SHAPE_PLAIN
    if (end) {
      if (head.contentLength > 0) return this.#unsendable('a body shorter than its content-length')
      // RFC 9110 §8.6: methods that define a body say so when there is none.
      const method = head.method
      const defined = method === 'POST' || method === 'PUT' || method === 'PATCH'
      shape = defined || head.contentLength === 0 ? SHAPE_EMPTY : SHAPE_BARE
      this.framing = BODY_NONE
    } else if (head.contentLength >= 0) {
      this.framing = BODY_LENGTH
      this.remaining = head.contentLength
    } else {
      this.framing = BODY_CHUNKED
      shape = SHAPE_CHUNKED
    }
    this.headRequest = head.method === 'HEAD'
    if (!writeHead(this.transport, head, shape, added)) return this.#unsendable(headFailure)
    this.out = end ? OUT_DONE : OUT_BODY
    this.connection.requestBegun()
  }

  /** No byte of the tunnel may be given before the response has opened it. */
  #askForTunnel(head: Head, added: Added | null): void {
    const asked = new Added()
    asked.requestId = added?.requestId ?? 0
    if (head.tunnel === WEBSOCKET) {
      this.#key = webSocketKey()
      asked.fields = Fields.of({ 'sec-websocket-key': this.#key })
    }
    if (!writeHead(this.transport, head, SHAPE_BARE, asked)) return this.#unsendable(headFailure)
    this.tunnel = head.tunnel
    this.framing = BODY_CLOSE
    this.out = OUT_BODY
    this.connection.requestBegun()
  }

  /** "" when the final response `record` opens the tunnel asked for, null when it refuses it, otherwise what is wrong. */
  opensTunnel(record: HeadRecord): string | null {
    const { status } = record.head
    if (this.tunnel === TUNNEL_CONNECT) return status >= 200 && status < 300 ? '' : null
    if (status !== 101) return null
    if (record.upgrade?.token !== this.tunnel) return 'status 101 for another protocol than the one asked for'
    if (this.tunnel === WEBSOCKET && record.upgrade.key !== webSocketAccept(this.#key))
      return 'a Sec-WebSocket-Accept that does not answer the key'
    return ''
  }

  /** The tunnel was refused: the request is over, what follows is an ordinary response. */
  tunnelRefused(): void {
    this.tunnel = ''
    this.framing = BODY_NONE
    this.out = OUT_DONE
  }

  /** Nothing was written, so only the request is lost. */
  #unsendable(detail: string): void {
    const receiver = this.receiver
    this.kill()
    this.connection.released(this)
    receiver?.reset(reasons.badRequest.with(detail))
  }

  reset(reason: Reason): void {
    if (this.out !== OUT_DEAD) this.connection.given(this, reason)
  }

  cancel(reason: Reason): void {
    if (this.out !== OUT_DEAD) this.connection.given(this, reason)
  }

  stop(reason: Reason): void {
    this.cancel(reason)
  }

  credit(bytes: number): void {
    this.connection.creditedBy(this, bytes)
  }

  protected sent(): void {
    if (this.tunnel !== '') this.connection.tunnelSent()
    // The connection looks at `out` when the response is complete.
  }

  protected contradiction(detail: string): void {
    this.connection.fail(reasons.badRequest.with(detail))
  }

  protected takesTrailers(): boolean {
    return true
  }
}
