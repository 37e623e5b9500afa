import type { Added } from '../../message/added.ts'
import type { Fields } from '../../message/fields.ts'
import { type Head, TUNNEL_CONNECT } from '../../message/head.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import type { MessageSink, MessageSource, MessageStream } from '../../message/stream.ts'
import { BodyQueue } from '../body-queue.ts'
import type { ConnectionCore } from './connection-core.ts'
import type { Progress } from './progress.ts'
import { CLOSED, mayReceive, maySend, OPEN, receivedEnd, sentEnd } from './stream-state.ts'

/** Bytes one stream may send before the next one gets its turn, when several wait for the same window. */
const QUANTUM = 16384

/** One HTTP/2 stream, either role (RFC 9113 §5). */
export class Http2Stream implements MessageStream {
  receiver: MessageSink | null
  source: MessageSource | null
  silenceMs: number
  readonly connection: ConnectionCore
  readonly id: number
  state: number

  /** What we may still send, in bytes; below zero after the peer shrank its initial window. */
  sendWindow: number
  /** What the peer may still send us, in bytes. */
  receiveWindow: number
  /** The window that we keep restoring for the peer; grows while its bytes leave promptly. */
  windowSize: number
  /** Bytes given to the receiver and not yet credited. */
  uncredited: number
  /** Credited bytes that no WINDOW_UPDATE has told the peer of yet. */
  unannounced: number

  /** Declared content-length of the incoming message, -1 when none was, and what has come of it. */
  expected: number
  received: number
  /** The final head (not an interim one) has come: what follows are trailers. */
  headReceived: boolean
  /** Interim heads that have come. */
  interims: number
  /** The response to HEAD may declare a length and yet have no body. */
  bodiless: boolean

  /** The server role: what was asked. */
  request: Head | null
  /** The size of that head, as the connection counts it among those it holds, in bytes. */
  headBytes: number
  /** The final head of our response has been sent. */
  responded: boolean
  /** Bytes of body sent. */
  sent: number
  /** What the connection's sweep saw last; null until it has seen the stream. */
  seen: Progress | null

  /** `Head.tunnel` of the request, "" for an ordinary one and for one whose tunnel was refused. */
  tunnel: string

  /** Bytes that wait for a window or the socket, null while nothing waits. */
  waiting: BodyQueue | null
  waitingEnd: boolean
  waitingTrailers: Fields | null
  /** Resets the stream behind the end of what it sends; null: it goes on. */
  stopped: Reason | null
  /** Next stream in the connection's list of those that wait for the connection. */
  nextReady: Http2Stream | null
  previousReady: Http2Stream | null
  ready: boolean

  constructor(connection: ConnectionCore, id: number, sendWindow: number, receiveWindow: number) {
    this.connection = connection
    connection.opened += 1
    this.id = id
    this.sendWindow = sendWindow
    this.receiveWindow = receiveWindow
    this.windowSize = receiveWindow
    this.receiver = null
    this.source = null
    this.silenceMs = -1
    this.state = OPEN
    this.uncredited = 0
    this.unannounced = 0
    this.expected = -1
    this.received = 0
    this.headReceived = false
    this.interims = 0
    this.bodiless = false
    this.request = null
    this.headBytes = 0
    this.responded = false
    this.sent = 0
    this.seen = null
    this.tunnel = ''
    this.waiting = null
    this.waitingEnd = false
    this.waitingTrailers = null
    this.stopped = null
    this.nextReady = null
    this.previousReady = null
    this.ready = false
  }

  // What goes out: MessageSink.

  head(head: Head, added: Added | null, end: boolean): void {
    if (!maySend(this.state)) return
    const connection = this.connection
    if (head.tunnel !== '' && head.status === 0) {
      if (head.tunnel !== TUNNEL_CONNECT && !connection.extendedConnect) return this.#noTunnel()
      this.tunnel = head.tunnel
    }
    // Interim heads wait for no window: those to a caller that does not read would pile up here.
    if (head.status > 100 && head.status < 200 && connection.transport.congested) return
    connection.encoder.write(connection.transport, this.id, head, added, end)
    if (head.method === 'HEAD') this.bodiless = true
    else if (head.status >= 200) this.responded = true
    if (end) this.#ended()
  }

  /** The peer has not said that it takes extended CONNECT (RFC 8441 §3). Nothing was written: its id is passed over. */
  #noTunnel(): void {
    const receiver = this.receiver
    this.release()
    this.connection.forget(this)
    receiver?.reset(reasons.tunnelUnsupported)
  }

  data(chunk: Buffer, from: number, to: number, end: boolean): void {
    const bytes = to - from
    if (!maySend(this.state)) {
      if (bytes > 0 && this.source !== null) this.source.credit(bytes)
      return
    }
    const connection = this.connection
    if (bytes === 0 && this.waiting === null) {
      // An end needs no window and so waits for none (RFC 9113 §6.9.1).
      if (!end) return
      connection.sendData(this.id, chunk, from, to, true)
      this.#ended()
      return
    }
    if (
      this.waiting === null &&
      bytes <= this.sendWindow &&
      bytes <= connection.sendWindow &&
      !connection.transport.congested
    ) {
      this.sendWindow -= bytes
      this.sent += bytes
      connection.sendWindow -= bytes
      connection.sendData(this.id, chunk, from, to, end)
      if (this.source !== null) this.source.credit(bytes)
      if (end) this.#ended()
      return
    }
    if (this.waiting === null) this.waiting = new BodyQueue()
    if (bytes > 0) this.waiting.append(chunk, from, to)
    this.waitingEnd = end
    connection.whenReady(this)
    connection.pump()
  }

  trailers(fields: Fields): void {
    if (!maySend(this.state)) return
    if (this.waiting !== null) {
      this.waitingTrailers = fields
      this.waitingEnd = true
      return
    }
    this.connection.encoder.trailers(this.connection.transport, this.id, fields)
    this.#ended()
  }

  reset(reason: Reason): void {
    this.cancel(reason)
  }

  /** Sends what waits, as far as the windows and one turn's share allow. True when more could be sent right away. */
  pump(): boolean {
    const queue = this.waiting
    if (queue === null) return false
    const connection = this.connection
    let share = QUANTUM
    while (queue.length > 0 && share > 0) {
      if (connection.transport.congested) return true
      const from = queue.from
      const bytes = Math.min(queue.to - from, this.sendWindow, connection.sendWindow, share)
      if (bytes <= 0) return this.sendWindow > 0
      const last = bytes === queue.length && this.waitingEnd && this.waitingTrailers === null
      this.sendWindow -= bytes
      this.sent += bytes
      connection.sendWindow -= bytes
      share -= bytes
      connection.sendData(this.id, queue.block, from, from + bytes, last)
      queue.consume(bytes)
      if (this.source !== null) this.source.credit(bytes)
      // The credit may have led to the stream's end, or to more bytes that were sent from within it.
      if (this.waiting !== queue) return false
      if (last) {
        this.waiting = null
        this.#ended()
        return false
      }
    }
    if (queue.length > 0) return true
    this.waiting = null
    if (this.waitingTrailers !== null) {
      connection.encoder.trailers(connection.transport, this.id, this.waitingTrailers)
      this.#ended()
    } else if (this.waitingEnd) {
      // An empty end that came while bytes waited.
      connection.sendData(this.id, EMPTY, 0, 0, true)
      this.#ended()
    }
    return false
  }

  #ended(): void {
    this.state = sentEnd(this.state)
    if (this.state === CLOSED) this.connection.forget(this)
    else if (this.stopped !== null) this.cancel(this.stopped)
  }

  /** A body that a deadline may be set to: a call or a tunnel may be silent for as long as it likes. */
  get hasDeadlineForBody(): boolean {
    const request = this.request
    return request !== null && !request.grpc && this.tunnel === ''
  }

  // What comes in: MessageSource.

  credit(bytes: number): void {
    const due = Math.min(bytes, this.uncredited)
    if (due <= 0) return
    this.uncredited -= due
    this.connection.passedOn += 1
    this.connection.credit(due)
    if (mayReceive(this.state)) this.restore(due)
  }

  /** `bytes` more bytes are the peer's to send on the stream: told once they are half its window. */
  restore(bytes: number): void {
    this.unannounced += bytes
    if (this.unannounced * 2 >= this.windowSize) this.connection.restoreWindow(this)
  }

  /** The window that the stream started with turned out to be `bytes` smaller; it may fall below zero. */
  shrinkReceiveWindow(bytes: number): void {
    this.receiveWindow -= bytes
    this.windowSize -= bytes
  }

  cancel(reason: Reason): void {
    if (this.state !== CLOSED) {
      this.connection.sendReset(this, reason.http2)
    }
    this.release()
  }

  stop(reason: Reason): void {
    if (maySend(this.state)) this.stopped = reason
    else this.cancel(reason)
  }

  /** Ends the stream here: frees what it holds and gives the connection's window back. */
  release(): void {
    this.state = CLOSED
    this.receiver = null
    this.source = null
    this.waiting = null
    this.waitingTrailers = null
    if (this.ready) this.connection.notReady(this)
    if (this.uncredited > 0) {
      this.connection.credit(this.uncredited)
      this.uncredited = 0
    }
  }

  // Called by the connection as frames arrive.

  /** END_STREAM has come. Returns "" or what contradicts the declared length (RFC 9113 §8.1.1). */
  receiveEnd(): string {
    this.state = receivedEnd(this.state)
    if (this.expected >= 0 && this.received !== this.expected) {
      return `content-length is ${this.expected} but ${this.received} bytes of body came`
    }
    return ''
  }

  /** The stream ended by the peer's doing or with the connection: tells the receiver, once. */
  abort(reason: Reason): void {
    const receiver = this.receiver
    this.release()
    if (receiver !== null) receiver.reset(reason)
  }
}

const EMPTY = Buffer.alloc(0)
