import { Added } from '../../message/added.ts'
import { Fields } from '../../message/fields.ts'
import type { Head } from '../../message/head.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import { BODY_CHUNKED, BODY_CLOSE, BODY_LENGTH, BODY_NONE, type HeadRecord } from './head-record.ts'
import {
  headFailure,
  SHAPE_BARE,
  SHAPE_CHUNKED,
  SHAPE_CLOSE,
  SHAPE_EMPTY,
  SHAPE_KEEP_ALIVE,
  SHAPE_PLAIN,
  SHAPE_RESPONSE,
  writeHead,
} from './head-writer.ts'
import { NO_OCTETS } from './octets.ts'
import { OUT_BODY, OUT_DEAD, OUT_DONE, OUT_HEAD, OutgoingStream } from './outgoing.ts'
import type { Http1ServerConnection } from './server-connection.ts'
import { webSocketAccept } from './upgrade.ts'

/** One request that was read and the response that is written to it. */
export class Http1ServerStream extends OutgoingStream {
  readonly connection: Http1ServerConnection
  readonly record: HeadRecord
  /** The whole request was read. */
  incomingDone: boolean
  /** The connection persists behind this exchange; known once the response's head is written. */
  keepAlive: boolean
  /** The response has turned the connection into a tunnel. */
  tunnel: boolean
  /** The caller still waits for 100 (Continue). */
  expecting: boolean

  constructor(connection: Http1ServerConnection, record: HeadRecord) {
    super(connection.transport, null, null)
    this.connection = connection
    this.record = record
    this.incomingDone = record.framing === BODY_NONE && record.head.tunnel === ''
    this.keepAlive = record.keepAlive
    this.tunnel = false
    this.expecting = record.expectContinue
  }

  head(head: Head, added: Added | null, end: boolean): void {
    if (this.out !== OUT_HEAD) return
    const status = head.status
    if (status < 200) {
      this.#interim(head, added)
      return
    }
    const record = this.record
    if (record.head.tunnel !== '') {
      if (head.tunnel !== '') return this.#openTunnel(head, end)
      // Bytes that the caller sent as if its tunnel were open must not be read as requests.
      this.keepAlive = false
      this.incomingDone = true
    }
    let shape = SHAPE_RESPONSE
    if (record.head.method === 'HEAD' || status === 204 || status === 304) {
      this.framing = BODY_NONE
      if (status === 204) shape |= SHAPE_BARE
    } else if (end) {
      if (head.contentLength > 0) return this.contradiction('a body shorter than its content-length')
      this.framing = BODY_NONE
      shape |= SHAPE_EMPTY
    } else if (head.contentLength >= 0) {
      this.framing = BODY_LENGTH
      this.remaining = head.contentLength
      shape |= SHAPE_PLAIN
    } else if (record.http10) {
      this.framing = BODY_CLOSE
      this.keepAlive = false
    } else {
      this.framing = BODY_CHUNKED
      shape |= SHAPE_CHUNKED
    }
    // A caller that was not told to continue may send the body or may not: what follows cannot be told apart.
    if (this.expecting && !this.incomingDone) this.keepAlive = false
    if (this.connection.draining) this.keepAlive = false
    // Said now, since nobody else would tell the caller that its next request must go elsewhere.
    if (!this.incomingDone && this.receiver?.discards === true && this.connection.restTooLong) {
      this.keepAlive = false
    }
    if (!this.keepAlive) shape |= SHAPE_CLOSE
    else if (record.http10) shape |= SHAPE_KEEP_ALIVE
    if (!writeHead(this.transport, head, shape, added)) return this.contradiction(headFailure)
    this.out = OUT_BODY
    if (end) {
      this.out = OUT_DONE
      this.sent()
    }
  }

  #openTunnel(head: Head, end: boolean): void {
    const key = this.record.upgrade?.key ?? ''
    let added: Added | null = null
    if (key !== '') {
      added = new Added()
      added.fields = Fields.of({ 'sec-websocket-accept': webSocketAccept(key) })
    }
    if (!writeHead(this.transport, head, SHAPE_RESPONSE | SHAPE_BARE, added))
      return this.contradiction(headFailure)
    this.framing = BODY_CLOSE
    this.keepAlive = false
    this.out = OUT_BODY
    this.tunnel = true
    this.connection.tunnelOpen()
    if (end) this.data(NO_OCTETS, 0, 0, true)
  }

  #interim(head: Head, added: Added | null): void {
    // RFC 9110 §15.2: HTTP/1.0 knows no interim responses. 101 would change the protocol, which nobody asked for.
    if (this.record.http10 || head.status === 101) return
    if (head.status === 100) this.expecting = false
    // Others wait for nothing: those to a caller that does not read would pile up here.
    else if (this.transport.congested) return
    if (!writeHead(this.transport, head, SHAPE_RESPONSE | SHAPE_BARE, added)) this.contradiction(headFailure)
  }

  reset(reason: Reason): void {
    if (this.out !== OUT_DEAD) this.connection.given(this, reason)
  }

  cancel(reason: Reason): void {
    if (this.out !== OUT_DEAD) this.connection.given(this, reason)
  }

  stop(): void {
    // The connection itself looks how much of the rest it reads once the response has left.
  }

  credit(bytes: number): void {
    // Behind its response the rest of a request is counted another way.
    if (this.out < OUT_DONE || this.tunnel) this.connection.credited(bytes)
  }

  protected sent(): void {
    this.connection.responseSent(this)
  }

  protected contradiction(detail: string): void {
    this.connection.fail(reasons.upstreamProtocol.with(detail))
  }

  protected takesTrailers(): boolean {
    return this.record.teTrailers
  }
}
