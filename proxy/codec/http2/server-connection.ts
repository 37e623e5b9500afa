import { Fields } from '../../message/fields.ts'
import { Head } from '../../message/head.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import type { RequestAcceptor, ServerSession } from '../../message/session.ts'
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
  SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_MAX_CONCURRENT_STREAMS,
} from './constants.ts'
import { writeGoaway, writePing, writeSettings } from './frame/frame-writer.ts'
import { glitches } from './glitches.ts'
import { REQUEST } from './head-builder.ts'
import { DEFAULT_LIMITS, type Http2ServerLimits } from './limits.ts'
import type { Http2Options } from './options.ts'
import { Http2Stream } from './stream.ts'
import { CLOSED, mayReceive, maySend, receivedEnd } from './stream-state.ts'
import { TurnShare } from './turn-share.ts'

export interface Http2ServerOptions extends Http2Options {
  /** SETTINGS_MAX_CONCURRENT_STREAMS: more are refused. */
  readonly maxStreams: number
  /** A request was answered here, for `reason`; nobody is told by default. */
  readonly replied?: (reason: Reason) => void
  readonly limits?: Partial<Http2ServerLimits>
}

/** Hears of the connection's end. */
export interface ServerSessionOwner {
  sessionClosed(session: ServerSession, reason: Reason): void
}

/** The server role of an HTTP/2 connection. */
export class Http2ServerConnection extends Http2Connection implements ServerSession {
  protected readonly isClient = false
  protected readonly protocolReason = reasons.badRequest
  protected readonly closedReason = reasons.downstreamClosed
  protected readonly floodReason = reasons.flood
  protected readonly lateReason = reasons.requestTimeout
  protected readonly lateLimit = 'timeouts.head'
  protected readonly stalledReason = reasons.writeTimeout

  readonly #acceptor: RequestAcceptor
  readonly #owner: ServerSessionOwner
  readonly #maxStreams: number
  readonly #replied: ((reason: Reason) => void) | undefined
  readonly #share: TurnShare
  readonly #headBytesHeld: number
  readonly #unread: number
  #prefaceRead = 0
  #last = 0
  // The last streams that were passed over lie between these two.
  #gapFrom = 0
  #gapTo = 0
  // Why we go away, null while we do not, and how we put it to the client.
  #leaving: Reason | null = null
  #leavingWords = ''
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
    this.#replied = options.replied
    const { streamsPerTurn, headBytesHeld, unread } = { ...DEFAULT_LIMITS, ...options.limits }
    this.#share = new TurnShare(transport, streamsPerTurn)
    this.#headBytesHeld = headBytesHeld
    this.#unread = unread
    writeSettings(transport, [
      SETTINGS_MAX_CONCURRENT_STREAMS,
      options.maxStreams,
      SETTINGS_ENABLE_CONNECT_PROTOCOL,
      1,
      ...this.own.entries(),
    ])
    this.window.open(transport)
  }

  override read(chunk: Buffer): void {
    this.activity = true
    if (this.#share.holding) {
      this.#share.hold(chunk, 0)
      return
    }
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
    this.reader.paused = false
    const at = this.reader.read(chunk, from, chunk.length)
    if (at < chunk.length) {
      this.limitReached('http2.streamsPerTurn')
      this.#share.hold(chunk, at)
    } else if (this.reader.unfinished !== null) this.watchProgress()
  }

  protected override stopReading(): void {
    super.stopReading()
    this.#share.stop()
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
    if (this.#share.begin()) this.reader.paused = true
    if (id > LAST_STREAM_ID) this.#goAway(reasons.draining, 'stream identifiers are running out')
    if (id > this.#lastOffered) return
    // A stream that we reset counts no longer: `abort` has told the exchange within the same call, which has cancelled
    // the work upstream before it returned (CVE-2025-8671 was work that went on uncounted).
    if (this.streams.size >= this.#maxStreams) {
      this.limitReached('limits.streams')
      this.resetClosed(
        id,
        REFUSED_STREAM,
        this.settingsAcknowledged ? glitches.refused : glitches.earlyRefused,
      )
      return
    }
    // The heads of answers wait for no window: those to a peer that asks without reading would pile up here. One that
    // reads has at most as many on their way as it may have streams.
    if (this.transport.congested && this.transport.unsent > this.#unread) {
      this.calmDown('http2.unread', 'it asks and does not read the answers')
      return
    }
    if (head === null) {
      this.#refuse(id, end)
      return
    }
    const stream = new Http2Stream(this, id, this.peer.initialWindow, this.own.streamWindow)
    stream.request = head
    stream.headReceived = true
    stream.expected = head.contentLength
    stream.tunnel = head.tunnel
    if (end) {
      stream.state = receivedEnd(stream.state)
      if (head.contentLength > 0) {
        this.resetClosed(id, PROTOCOL_ERROR, glitches.streamError)
        return
      }
    }
    if (!this.holdHead(stream, this.decoder.size, this.#headBytesHeld)) {
      this.limitReached('http2.headBytesHeld')
      this.resetClosed(id, REFUSED_STREAM, glitches.headsHeld)
      return
    }
    this.add(stream)
    this.#acceptor.request(stream, head, end)
  }

  /** Answers a request whose head cannot be used. */
  #refuse(id: number, end: boolean): void {
    this.glitch(glitches.badHead)
    if (this.failure !== null) return
    if (this.decoder.tooLarge === '') {
      this.writeReset(id, PROTOCOL_ERROR)
      this.answered()
      return
    }
    this.limitReached(this.decoder.limit)
    const fields = Fields.of({ 'content-length': '0', 'x-pillion-reason': reasons.headTooLarge.code })
    this.encoder.write(this.transport, id, Head.response(reasons.headTooLarge.status, fields), null, true)
    this.#replied?.(reasons.headTooLarge)
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
    this.#goAway(reasons.draining, reasons.draining.sentence)
  }

  protected part(why: string): void {
    this.#goAway(reasons.flood, why)
  }

  #goAway(reason: Reason, why: string): void {
    if (this.#leaving !== null || this.failure !== null) return
    this.#leaving = reason
    this.#leavingWords = why
    writeGoaway(this.transport, MAX_WINDOW, NO_ERROR, why)
    writePing(this.transport)
  }

  protected pingAcknowledged(): void {
    if (this.#leaving === null || this.#final) return
    this.#final = true
    this.#lastOffered = this.#last
    writeGoaway(this.transport, this.#last, NO_ERROR, this.#leavingWords)
    this.streamsEnded()
  }

  protected streamsEnded(): void {
    if (this.#leaving !== null && this.#final && this.streams.size === 0 && this.failure === null) {
      this.failure = this.#leaving
      this.stopReading()
      this.finish()
    }
  }

  // Progress

  bodyOverdue(stream: Http2Stream): void {
    this.limitReached('timeouts.body')
    this.#giveUp(
      stream,
      reasons.requestTimeout.with(`no 1 KiB of its body in ${this.options.bodyMs} ms (timeouts.body)`),
    )
  }

  /** The caller is at fault when its request is what we wait for. */
  streamOverdue(stream: Http2Stream): void {
    const { silenceMs } = stream
    const { streamMs } = this.options
    const own = silenceMs >= 0 && silenceMs !== streamMs
    const key = own ? 'idleTimeout' : 'timeouts.stream'
    this.limitReached(key)
    const reason =
      mayReceive(stream.state) && stream.hasDeadlineForBody ? reasons.requestTimeout : reasons.timeout
    this.#giveUp(stream, reason.with(`nothing moved for ${own ? silenceMs : streamMs} ms (${key})`))
  }

  /** Ends a stream in time, with an answer if none has begun. */
  #giveUp(stream: Http2Stream, reason: Reason): void {
    const request = stream.request
    if (!maySend(stream.state)) {
      // It has its answer: the rest of the request is not wanted (RFC 9113 §8.1).
      this.sendReset(stream, NO_ERROR)
    } else if (stream.responded || request === null) {
      this.sendReset(stream, reason.http2)
    } else {
      this.encoder.write(this.transport, stream.id, lateResponse(request, reason), null, true)
      this.#replied?.(reason)
      if (mayReceive(stream.state)) this.writeReset(stream.id, NO_ERROR)
      stream.state = CLOSED
      this.forget(stream)
    }
    stream.abort(reason)
  }

  protected connectionClosed(reason: Reason): void {
    this.#owner.sessionClosed(this, reason)
  }
}

/** gRPC callers get a status in a response without body ("Responses" of gRPC over HTTP/2). */
function lateResponse(request: Head, reason: Reason): Head {
  const { code, status, grpcStatus } = reason
  if (!request.grpc)
    return Head.response(status, Fields.of({ 'content-length': '0', 'x-pillion-reason': code }))
  const fields = {
    'grpc-status': String(grpcStatus),
    'grpc-message': String(reason),
    'x-pillion-reason': code,
  }
  return Head.response(200, Fields.of({ 'content-type': 'application/grpc', ...fields }))
}

// A reset by the caller, passed on upstream with the caller's own code.
const RESET_REASONS: readonly Reason[] = ERROR_NAMES.map((name, code) =>
  reasons.downstreamReset.withHttp2(code, name),
)
