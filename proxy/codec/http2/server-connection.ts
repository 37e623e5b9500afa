import { Fields } from '../../message/fields.ts'
import { Head } from '../../message/head.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import type { RequestAcceptor, ServerSession } from '../../message/session.ts'
import type { Transport } from '../transport.ts'
import { Http2Connection } from './connection.ts'
import {
  ENHANCE_YOUR_CALM,
  ERROR_NAMES,
  LAST_STREAM_ID,
  MAX_WINDOW,
  NO_ERROR,
  PREFACE,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_MAX_CONCURRENT_STREAMS,
} from './constants.ts'
import { writeGoaway, writePing, writeSettings } from './frame/frame-writer.ts'
import { REQUEST } from './head-builder.ts'
import type { Http2Options } from './options.ts'
import { Http2Stream } from './stream.ts'
import { receivedEnd } from './stream-state.ts'

export interface Http2ServerOptions extends Http2Options {
  /** SETTINGS_MAX_CONCURRENT_STREAMS: more are refused. */
  readonly maxStreams: number
}

/** Answers that a peer may leave unread while it asks for more, in bytes. */
const MAX_UNREAD = 4 * 1024 * 1024

/** Hears of the connection's end. */
export interface ServerSessionOwner {
  sessionClosed(session: ServerSession, reason: Reason): void
}

/** The server role of an HTTP/2 connection. */
export class Http2ServerConnection extends Http2Connection implements ServerSession {
  protected readonly isClient = false
  protected readonly protocolReason = reasons.badRequest
  protected readonly closedReason = reasons.downstreamClosed
  protected readonly lateReason = reasons.requestTimeout

  readonly #acceptor: RequestAcceptor
  readonly #owner: ServerSessionOwner
  readonly #maxStreams: number
  #prefaceRead = 0
  #last = 0
  // The last streams that were passed over lie between these two.
  #gapFrom = 0
  #gapTo = 0
  // Why we go away, "" while we do not.
  #leaving = ''
  // The last stream that we have said we would process, and whether that was the final word.
  #lastOffered = MAX_WINDOW
  #final = false

  /** `transport` is fresh: no byte of the client's preface has been read from it. */
  constructor(
    transport: Transport,
    options: Http2ServerOptions,
    acceptor: RequestAcceptor,
    owner: ServerSessionOwner,
  ) {
    super(transport, options)
    this.#acceptor = acceptor
    this.#owner = owner
    this.#maxStreams = options.maxStreams
    writeSettings(transport, [
      SETTINGS_MAX_CONCURRENT_STREAMS,
      options.maxStreams,
      SETTINGS_ENABLE_CONNECT_PROTOCOL,
      1,
      ...this.own.entries(),
    ])
    this.openWindow()
  }

  override read(chunk: Buffer): void {
    this.activity = true
    let from = 0
    if (this.#prefaceRead < PREFACE.length) {
      while (from < chunk.length && this.#prefaceRead < PREFACE.length) {
        if (chunk[from] !== PREFACE[this.#prefaceRead]) {
          this.frameError(PROTOCOL_ERROR, 'the connection does not start with the HTTP/2 preface')
          return
        }
        from += 1
        this.#prefaceRead += 1
      }
      if (this.#prefaceRead < PREFACE.length) return
    }
    this.reader.read(chunk, from, chunk.length)
  }

  protected lastProcessed(): number {
    return Math.min(this.#last, this.#lastOffered)
  }

  protected wasPassedOver(id: number): boolean {
    return id > this.#gapFrom && id < this.#gapTo
  }

  /** Streams above the one that the final GOAWAY named are ignored (RFC 9113 §6.8). */
  protected override mayHaveCrossed(id: number): boolean {
    return id > this.#lastOffered || super.mayHaveCrossed(id)
  }

  protected isIdle(id: number): boolean {
    return (id & 1) === 0 || id > this.#last
  }

  protected headBlock(id: number, block: Buffer, from: number, to: number, end: boolean): void {
    if (id <= this.#last) {
      this.trailers(id, block, from, to, end)
      return
    }
    const head = this.decoder.head(block, from, to, REQUEST)
    if (this.decoder.broken !== '' && head === null) {
      this.compressionError()
      return
    }
    if (id !== this.#last + 2) {
      this.#gapFrom = this.#last
      this.#gapTo = id
    }
    this.#last = id
    if (id > LAST_STREAM_ID) this.#goAway('stream identifiers are running out')
    if (id > this.#lastOffered) return
    if (this.streams.size >= this.#maxStreams) {
      this.limitReached('limits.streams')
      this.resetClosed(id, REFUSED_STREAM)
      return
    }
    // The heads of answers wait for no window: those to a peer that asks without reading would pile up here. One that
    // reads has at most as many on their way as it may have streams.
    if (this.transport.congested && this.transport.unsent > MAX_UNREAD) {
      this.fail(ENHANCE_YOUR_CALM, reasons.flood.with('it asks and does not read the answers'))
      return
    }
    if (head === null) {
      this.#refuse(id, end)
      return
    }
    const stream = new Http2Stream(this, id, this.peer.initialWindow, this.own.streamWindow)
    stream.headReceived = true
    stream.expected = head.contentLength
    stream.tunnel = head.tunnel
    if (end) {
      stream.state = receivedEnd(stream.state)
      if (head.contentLength > 0) {
        this.resetClosed(id, PROTOCOL_ERROR)
        return
      }
    }
    this.streams.add(stream)
    this.#acceptor.request(stream, head, end)
  }

  /** Answers a request whose head cannot be used. */
  #refuse(id: number, end: boolean): void {
    this.glitch(1)
    if (this.failure !== null) return
    if (this.decoder.tooLarge === '') {
      this.writeReset(id, PROTOCOL_ERROR)
      return
    }
    const fields = Fields.of({ 'content-length': '0', 'x-pillion-reason': reasons.headTooLarge.code })
    this.encoder.write(this.transport, id, Head.response(reasons.headTooLarge.status, fields), null, true)
    if (!end) this.writeReset(id, NO_ERROR)
  }

  protected resetReason(code: number): Reason {
    return RESET_REASONS[code] ?? reasons.downstreamReset
  }

  protected goaway(): void {
    // The client will open no more streams; those under way go on, and it closes when they have ended.
  }

  protected settingsReceived(): void {}

  /**
   * Two steps (RFC 9113 §6.8): first a GOAWAY that refuses nothing, and once its PING is answered, so that the peer has
   * seen it, the final one.
   */
  drain(): void {
    this.#goAway(reasons.draining.sentence)
  }

  #goAway(why: string): void {
    if (this.#leaving !== '' || this.failure !== null) return
    this.#leaving = why
    writeGoaway(this.transport, MAX_WINDOW, NO_ERROR, why)
    writePing(this.transport)
  }

  protected pingAcknowledged(): void {
    if (this.#leaving === '' || this.#final) return
    this.#final = true
    this.#lastOffered = this.#last
    writeGoaway(this.transport, this.#last, NO_ERROR, this.#leaving)
    this.streamsEnded()
  }

  protected streamsEnded(): void {
    if (this.#final && this.streams.size === 0 && this.failure === null) {
      this.failure = reasons.draining
      this.stopReading()
      this.finish()
    }
  }

  protected connectionClosed(reason: Reason): void {
    this.#owner.sessionClosed(this, reason)
  }
}

// A reset by the caller, passed on upstream with the caller's own code.
const RESET_REASONS: readonly Reason[] = ERROR_NAMES.map((name, code) =>
  reasons.downstreamReset.withHttp2(code, name),
)
