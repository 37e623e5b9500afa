import { type Head, tunnelHead } from '../../message/head.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import type { ClientSession, ClientSessionOwner } from '../../message/session.ts'
import type { MessageSink, MessageSource, MessageStream } from '../../message/stream.ts'
import type { Transport } from '../transport.ts'
import { Http2Connection } from './connection.ts'
import {
  ERROR_NAMES,
  LAST_STREAM_ID,
  MAX_WINDOW,
  NO_ERROR,
  PREFACE,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  SETTINGS_ENABLE_PUSH,
} from './constants.ts'
import { writeSettings } from './frame/frame-writer.ts'
import { RESPONSE } from './head-builder.ts'
import type { Http2Options } from './options.ts'
import { Http2Stream } from './stream.ts'
import { CLOSED } from './stream-state.ts'

export interface Http2ClientOptions extends Http2Options {
  /** Most streams that we open at a time, whatever more the peer allows. */
  readonly maxStreams: number
}

/** Interim (1xx) responses before a final one. */
const MAX_INTERIMS = 32

/** The client role of an HTTP/2 connection. */
export class Http2ClientConnection extends Http2Connection implements ClientSession {
  protected readonly isClient = true
  protected readonly protocolReason = reasons.upstreamProtocol
  protected readonly closedReason = reasons.upstreamClosed
  protected readonly floodReason = reasons.upstreamProtocol
  protected readonly lateReason = reasons.upstreamProtocol
  protected readonly lateLimit = 'timeouts.connect'
  protected readonly stalledReason = reasons.timeout

  readonly #owner: ClientSessionOwner
  readonly #maxStreams: number
  #nextId = 1
  #settled = false
  #retired = false
  #lastAccepted = MAX_WINDOW

  constructor(transport: Transport, options: Http2ClientOptions, owner: ClientSessionOwner) {
    super(transport, options)
    this.#owner = owner
    this.#maxStreams = options.maxStreams
    const at = transport.reserve(PREFACE.length)
    PREFACE.copy(transport.buffer, at)
    transport.length = at + PREFACE.length
    writeSettings(transport, [SETTINGS_ENABLE_PUSH, 0, ...this.own.entries()])
    this.window.open(transport)
  }

  /** 0 until the server's SETTINGS have come: how many streams it allows is not known before. */
  get capacity(): number {
    if (this.#retired || !this.#settled || this.failure !== null) return 0
    return Math.max(0, Math.min(this.peer.maxConcurrentStreams, this.#maxStreams) - this.streams.size)
  }

  open(receiver: MessageSink, source: MessageSource): MessageStream {
    const stream = new Http2Stream(this, this.#nextId, this.peer.initialWindow, this.own.streamWindow)
    stream.receiver = receiver
    stream.source = source
    this.add(stream)
    this.#nextId += 2
    if (this.#nextId > LAST_STREAM_ID) this.#retire()
    return stream
  }

  drain(): void {
    this.#retire()
  }

  /** The pool opens another connection for what comes. */
  protected part(): void {
    this.#retire()
  }

  /** A response has no deadline of this kind. */
  bodyOverdue(): void {}

  streamOverdue(stream: Http2Stream): void {
    this.limitReached('timeouts.stream')
    const reason = reasons.timeout.with(`nothing moved for ${this.options.streamMs} ms`)
    this.sendReset(stream, reason.http2)
    stream.abort(reason)
  }

  #retire(): void {
    if (this.#retired) return
    this.#retired = true
    this.#owner.retired(this)
    this.streamsEnded()
  }

  /** Whatever ends the connection, whoever owns it must not count on it any more. */
  protected override finish(): void {
    this.#retire()
    super.finish()
  }

  protected lastProcessed(): number {
    return 0
  }

  protected wasPassedOver(): boolean {
    return false
  }

  /** Streams that the server's GOAWAY named as unprocessed are given up. */
  protected override mayHaveCrossed(id: number): boolean {
    return id > this.#lastAccepted || super.mayHaveCrossed(id)
  }

  protected isIdle(id: number): boolean {
    return (id & 1) === 0 || id >= this.#nextId
  }

  protected headBlock(id: number, block: Buffer, from: number, to: number, end: boolean): void {
    const stream = this.streams.get(id)
    if (stream !== undefined && !stream.headReceived) {
      this.#responseHead(stream, block, from, to, end)
      return
    }
    this.trailers(id, block, from, to, end)
  }

  #responseHead(stream: Http2Stream, block: Buffer, from: number, to: number, end: boolean): void {
    const head = this.decoder.head(block, from, to, RESPONSE)
    if (head === null) {
      if (this.decoder.broken !== '') this.compressionError()
      else this.badBlock(stream)
      return
    }
    if (head.status < 200) {
      if (end) this.streamError(stream, PROTOCOL_ERROR, 'an interim response with END_STREAM')
      else if (++stream.interims > MAX_INTERIMS)
        this.streamError(stream, PROTOCOL_ERROR, `more than ${MAX_INTERIMS} interim responses`)
      else stream.receiver?.head(head, null, false)
      return
    }
    stream.headReceived = true
    if (stream.tunnel !== '') {
      if (head.status < 300) {
        this.#tunnelOpen(stream, head, end)
        return
      }
      stream.tunnel = ''
    }
    if (head.status === 204 || head.status === 304) stream.bodiless = true
    // What has no body whatever its length says is malformed with one.
    stream.expected = stream.bodiless ? 0 : head.contentLength
    if (end) {
      const problem = stream.receiveEnd()
      if (problem !== '') {
        this.streamError(stream, PROTOCOL_ERROR, problem)
        return
      }
    }
    if (stream.receiver !== null) stream.receiver.head(head, null, end)
    if (end && stream.state === CLOSED) this.forget(stream)
  }

  /** The server accepted: DATA frames are the tunnel's bytes from here on, however long it says its answer is. */
  #tunnelOpen(stream: Http2Stream, head: Head, end: boolean): void {
    if (end) stream.receiveEnd()
    stream.receiver?.head(tunnelHead(head, stream.tunnel), null, end)
    if (end && stream.state === CLOSED) this.forget(stream)
  }

  protected resetReason(code: number): Reason {
    return RESET_REASONS[code] ?? reasons.upstreamReset
  }

  /** Streams above the last one the server names were never processed, and it must not take that back (RFC 9113 §6.8). */
  protected goaway(lastStreamId: number, code: number, debug: string): void {
    if (lastStreamId > this.#lastAccepted) {
      this.frameError(
        PROTOCOL_ERROR,
        `GOAWAY raises the last stream from ${this.#lastAccepted} to ${lastStreamId}`,
      )
      return
    }
    const detail = `${ERROR_NAMES[code] ?? code}${debug === '' ? '' : `, ${debug}`}`
    const reason = reasons.goaway.with(detail)
    this.#lastAccepted = lastStreamId
    this.#retire()
    const lost: Http2Stream[] = []
    for (const stream of this.streams.all()) if (stream.id > lastStreamId) lost.push(stream)
    for (const stream of lost) {
      stream.state = CLOSED
      this.streams.delete(stream.id)
      stream.abort(reason)
    }
    if (lost.length > 0) this.streamsEnded()
  }

  protected settingsReceived(): void {
    this.#settled = true
    this.#owner.capacityChanged(this)
  }

  protected pingAcknowledged(): void {}

  protected streamsEnded(): void {
    if (this.failure !== null) return
    if (!this.#retired) {
      this.#owner.capacityChanged(this)
    } else if (this.streams.size === 0) {
      this.failure = reasons.goaway
      this.stopReading()
      this.finish()
    }
  }

  protected connectionClosed(reason: Reason): void {
    this.#retired = true
    this.#owner.closed(this, reason)
  }
}

// What a reset by the server means; its code is passed on to the caller.
const RESET_REASONS: readonly Reason[] = ERROR_NAMES.map((name, code) => {
  if (code === REFUSED_STREAM) return reasons.refusedStream
  // A response that was cut off must not look like one that was complete.
  if (code === NO_ERROR) return reasons.upstreamReset.with(name)
  return reasons.upstreamReset.withHttp2(code, name)
})
