import { Timer } from '../../base/timer-wheel.ts'
import { atTurnEnd, type TurnEnd } from '../../base/turn.ts'
import { NO_FIELDS } from '../../message/fields.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import type { Protocol, ServerSession } from '../../message/session.ts'
import type { Transport } from '../transport.ts'
import { Http1Connection } from './connection.ts'
import { writeErrorReply } from './error-reply.ts'
import { BODY_CLOSE, BODY_LENGTH, BODY_NONE, type HeadRecord } from './head-record.ts'
import { DEFAULT_LIMITS, DEFAULT_SERVER_TIMEOUTS } from './limits.ts'
import { CR, LF, NO_OCTETS } from './octets.ts'
import { OUT_DONE, OUT_HEAD } from './outgoing.ts'
import { RequestHeadParser } from './request-head.ts'
import type { Http1ServerOptions } from './server-options.ts'
import { Http1ServerStream } from './server-stream.ts'
import { Silence } from './silence.ts'

// Phases.
/** Between requests, or within a head. */
const HEAD = 0
/** Within the body of the request under way. */
const BODY = 1
/** The request was read, the response is not complete: pipelined input waits. */
const WAIT = 2
/** Input is no HTTP any more: the request was CONNECT or an upgrade, and was accepted. */
const TUNNEL = 3
/** FIN is sent; input is thrown away until the peer closes too (RFC 9112 §9.6). */
const LINGER = 4
const CLOSED = 5

/** How long a peer that was sent FIN may take to close, in milliseconds. */
const LINGER_MS = 2000
/** How long a draining connection waits for a request that may be on its way, in milliseconds. */
const DRAIN_IDLE_MS = 1000

/**
 * The server role of HTTP/1.1 and 1.0: one exchange at a time, pipelined requests in order.
 *
 *     HEAD --head read--> BODY --body read--> WAIT --response written--> HEAD
 *     BODY --response written--> BODY, throwing away up to `drainBytes` --> HEAD
 *     WAIT --tunnel accepted--> TUNNEL --both sides ended--> LINGER
 *     any --error, Connection: close--> LINGER --peer closed--> CLOSED
 *
 * The sockets must allow half-open, so that a caller's FIN behind its request does not cost it the response. Whoever
 * makes the connection starts the transport.
 */
export class Http1ServerConnection extends Http1Connection implements ServerSession, TurnEnd {
  readonly protocol: Protocol = 'http1'
  /** Responses from now on say `connection: close`. */
  draining = false
  /** Requests read on this connection. */
  requests = 0
  readonly #options: Http1ServerOptions
  readonly #timer: Timer
  readonly #silence: Silence
  #phase = HEAD
  #stream: Http1ServerStream | null = null
  #consuming = false
  #scheduled = false
  /** An empty line was skipped before the request line. */
  #blankLine = false
  /** The peer sent FIN. */
  #inputEnded = false
  /** Bytes of the request thrown away behind its response. */
  #thrownAway = 0
  /** Bytes of all bodies so far. */
  #bodyBytes = 0

  constructor(transport: Transport, options: Http1ServerOptions) {
    const limits = options.limits ?? DEFAULT_LIMITS
    super(transport, limits, new RequestHeadParser(options.scheme, limits), options.limitReached)
    this.#options = options
    const timeouts = options.timeouts ?? DEFAULT_SERVER_TIMEOUTS
    this.#silence = new Silence(timeouts)
    this.#timer = new Timer(this, 0)
    options.wheel.arm(this.#timer, this.#silence.period)
  }

  /** Pipelined requests wait until the caller reads what it has been answered. */
  get #held(): boolean {
    return this.transport.congested && this.kept > 0
  }

  get active(): number {
    return this.#stream === null ? 0 : 1
  }

  protected consume(octets: Buffer, from: number, to: number): number {
    let at = from
    this.#consuming = true
    while (at < to) {
      if (this.#phase === HEAD) {
        // Answers without a body wait for nothing: those to a caller that asks without reading would pile up here.
        if (this.transport.congested) break
        if (octets[at] === CR && !this.#blankLine) {
          // RFC 9112 §2.2: some callers send CRLF behind a body.
          if (at + 1 === to) break
          if (octets[at + 1] === LF) {
            this.#blankLine = true
            at += 2
            continue
          }
        }
        const next = this.readHead(octets, at, to)
        if (next === 0) break
        if (next < 0) this.#refuse(this.parser.failed, this.parser.limit)
        else this.#begin(this.record as HeadRecord)
        at = next < 0 ? to : next
      } else if (this.#phase === BODY) {
        at = this.body.next(octets, at, to)
        if (this.body.failure === null) this.#deliver(octets)
        else this.#refuse(reasons.badRequest.with(this.body.failure), this.body.limit)
      } else if (this.#phase === WAIT) break
      else if (this.#phase === TUNNEL) {
        this.#tunnelled(octets, at, to)
        at = to
      } else at = to
    }
    this.#consuming = false
    if (this.#inputEnded && !(this.transport.congested && at < to)) {
      // Part of a head that will never be complete needs no answer: nobody asked anything.
      if (this.#phase === HEAD) this.#linger()
      else if (this.#phase === BODY) this.#callerGone('in the middle of its request')
    }
    return at
  }

  #begin(record: HeadRecord): void {
    const stream = new Http1ServerStream(this, record)
    const bodiless = record.framing === BODY_NONE
    this.#stream = stream
    this.#blankLine = false
    this.requests++
    if (this.requests >= this.limits.requests) {
      stream.keepAlive = false
      this.limitReached('http1.requests')
    }
    this.#phase = bodiless ? WAIT : BODY
    if (!bodiless) this.body.begin(record.framing, record.head.contentLength)
    this.#options.acceptor.request(stream, record.head, bodiless && record.head.tunnel === '')
  }

  #deliver(octets: Buffer): void {
    const stream = this.#stream as Http1ServerStream
    const body = this.body
    const bytes = body.to - body.from
    const done = body.done
    if (bytes === 0 && !done) return
    const answered = stream.out === OUT_DONE
    this.#bodyBytes += bytes
    if (answered) {
      this.#thrownAway += bytes
      if (this.#thrownAway > this.limits.drainBytes) return this.#drainLimit(stream)
    } else this.handedOn(bytes)
    if (done) {
      this.#phase = WAIT
      stream.incomingDone = true
    }
    const receiver = stream.receiver
    if (receiver !== null) {
      if (done && body.trailers !== NO_FIELDS) {
        const trailers = body.trailers
        if (bytes > 0) receiver.data(octets, body.from, body.to, false)
        stream.receiver?.trailers(trailers)
      } else receiver.data(octets, body.from, body.to, done)
    } else if (!answered) this.credited(bytes)
    if (done && answered && this.#stream === stream) this.#next()
  }

  /** The caller's bytes belong to the tunnel from here on; those that wait follow later in the turn. */
  tunnelOpen(): void {
    this.#phase = TUNNEL
    if (this.#consuming || this.kept === 0 || this.#scheduled) return
    this.#scheduled = true
    atTurnEnd(this)
  }

  #tunnelled(octets: Buffer, from: number, to: number): void {
    this.handedOn(to - from)
    this.#stream?.receiver?.data(octets, from, to, false)
  }

  /** The caller's side of the tunnel has ended; the other may go on (RFC 9110 §9.3.6). */
  #tunnelEnded(): void {
    const stream = this.#stream
    if (stream === null || stream.incomingDone) return
    stream.incomingDone = true
    stream.receiver?.data(NO_OCTETS, 0, 0, true)
    if (stream === this.#stream && stream.out === OUT_DONE) this.#finish(stream)
  }

  /** More of the request's body is to come than would be read and thrown away behind its response. */
  get restTooLong(): boolean {
    return this.body.framing === BODY_LENGTH && this.body.remaining > this.limits.drainBytes
  }

  /** The response of `stream` is written. */
  responseSent(stream: Http1ServerStream): void {
    if (stream !== this.#stream) return
    if (stream.tunnel && !stream.incomingDone) return this.transport.end()
    if (!stream.keepAlive) this.#finish(stream)
    else if (stream.incomingDone) this.#next()
    else if (this.restTooLong) this.#drainLimit(stream)
    else {
      this.#thrownAway = 0
      this.forgetCredit()
    }
  }

  #next(): void {
    this.#stream = null
    this.#phase = HEAD
    this.forgetCredit()
    if (this.#consuming) return
    if (this.kept > 0) {
      if (!this.#scheduled) atTurnEnd(this)
      this.#scheduled = true
    } else if (this.#inputEnded) this.#linger()
  }

  /** The next pipelined request: later in the turn, so that exchanges never nest. */
  turnEnd(): void {
    this.#scheduled = false
    this.consumeKept()
    // FIN stands behind what waited: it means now what it would have meant then.
    if (this.#inputEnded) this.readEnd()
  }

  /** The exchange is over and so is the connection, after what was written has left. */
  #finish(stream: Http1ServerStream): void {
    const receiver = stream.incomingDone ? null : stream.receiver
    stream.kill()
    this.#stream = null
    this.#linger()
    receiver?.reset(reasons.downstreamClosed.with('the response was complete before the request'))
  }

  #drainLimit(stream: Http1ServerStream): void {
    this.limitReached('http1.drainBytes')
    this.#finish(stream)
  }

  #linger(): void {
    if (this.#phase >= LINGER) return
    this.#phase = LINGER
    if (!this.#consuming) this.unpause()
    else this.forgetCredit()
    this.transport.end()
    this.#options.wheel.arm(this.#timer, LINGER_MS)
  }

  /** Input is refused; `limit` is the key of the limit that it reached, "" when it is wrong. */
  #refuse(reason: Reason, limit: string): void {
    if (limit !== '') this.limitReached(limit)
    this.fail(reason)
  }

  /** Ends the exchange under way, if any, and the connection; with a reply when none was begun. */
  fail(reason: Reason): void {
    if (this.#phase >= LINGER) return
    const stream = this.#stream
    const out = stream === null ? OUT_HEAD : stream.out
    const receiver = stream === null ? null : stream.receiver
    stream?.kill()
    this.#stream = null
    this.#options.onRefused?.(reason)
    if (out === OUT_HEAD) {
      const request = stream === null ? null : stream.record.head
      writeErrorReply(this.transport, reason, this.#options.serverName ?? '', request)
      this.#options.replied?.(reason)
    }
    if (out === OUT_HEAD || out === OUT_DONE) this.#linger()
    else this.#abort(stream as Http1ServerStream)
    receiver?.reset(reason)
  }

  #abort(stream: Http1ServerStream): void {
    this.#phase = CLOSED
    this.#options.wheel.disarm(this.#timer)
    this.abort(stream.framing === BODY_CLOSE)
  }

  /** The exchange gave `stream` up. */
  given(stream: Http1ServerStream, _reason: Reason): void {
    if (stream !== this.#stream) return
    if (stream.out === OUT_DONE && !stream.tunnel) {
      // The response has left; only the rest of the request is of no interest.
      stream.receiver = null
      stream.source = null
      return
    }
    stream.kill()
    this.#stream = null
    this.#abort(stream)
  }

  readEnd(): void {
    this.#inputEnded = true
    if (this.#phase === TUNNEL && this.kept === 0) this.#tunnelEnded()
    else if (this.#phase === BODY) this.#callerGone('in the middle of its request')
    else if (this.#phase === WAIT) {
      if (this.#options.halfClose === false) this.#callerGone('before the response was complete')
    } else if (this.#phase === HEAD && !this.#scheduled && !this.#held) this.#linger()
  }

  /** Ends the exchange under way: its caller will not send the rest, or not read the answer. */
  #callerGone(where: string): void {
    const stream = this.#stream as Http1ServerStream
    const answered = stream.out === OUT_DONE
    const receiver = stream.receiver
    stream.kill()
    this.#stream = null
    if (answered) this.#linger()
    else this.#abort(stream)
    receiver?.reset(reasons.downstreamClosed.with(where))
  }

  drained(): void {
    this.#stream?.drained()
    if (this.#phase === HEAD && this.kept > 0 && !this.#scheduled) {
      this.#scheduled = true
      atTurnEnd(this)
    }
  }

  closed(error: Error | null): void {
    this.#phase = CLOSED
    this.#options.wheel.disarm(this.#timer)
    const stream = this.#stream
    this.#stream = null
    if (stream !== null) {
      const receiver = stream.receiver
      stream.kill()
      const code = error === null ? '' : ((error as NodeJS.ErrnoException).code ?? error.message)
      receiver?.reset(code === '' ? reasons.downstreamClosed : reasons.downstreamClosed.with(code))
    }
    this.dropKept()
    this.#options.onClosed?.(this)
  }

  drain(): void {
    if (this.draining) return
    this.draining = true
    if (this.#phase === HEAD && this.kept === 0) this.#options.wheel.arm(this.#timer, DRAIN_IDLE_MS)
  }

  close(reason: Reason): void {
    if (this.#phase === CLOSED) return
    const stream = this.#stream
    if (stream === null) {
      this.#linger()
      return
    }
    const receiver = stream.receiver
    stream.kill()
    this.#stream = null
    this.#abort(stream)
    receiver?.reset(reason)
  }

  /** Looks whether anything happened since the last time; nothing is armed per request. */
  expired(): void {
    if (this.#phase === CLOSED) return
    const { transport } = this
    if (this.#phase !== LINGER) this.#look()
    else if (transport.unsent === 0) transport.destroy()
    else if (this.#silence.stalled(true, transport.progress)) transport.abort()
    if (this.#phase !== CLOSED && !transport.socket.destroyed && this.#timer.due < 0) {
      this.#options.wheel.arm(this.#timer, this.#silence.period)
    }
  }

  #look(): void {
    const silence = this.#silence
    const transport = this.transport
    const stream = this.#stream
    const between = this.#phase === HEAD && !this.#held
    const partial = between && this.kept > 0
    const { progress } = transport
    // With a body that waits for the endpoint, or for our 100 (Continue), the caller is not to blame.
    const wanted = this.#phase === BODY && !this.paused && stream !== null && !stream.expecting
    silence.observe(this.requests * 8 + this.#phase * 2 + (partial ? 1 : 0))
    const moved = this.requests + this.#bodyBytes + transport.written
    const stalled = silence.stalled(transport.unsent > 0, progress)
    const starved = silence.starved(wanted && !stream.record.head.grpc, this.requests, this.#bodyBytes)
    // A tunnel has a deadline of its own, timeouts.tunnel.
    const still = silence.still(this.#phase === TUNNEL ? null : stream, moved, progress)
    if (this.paused && this.peerLost()) transport.destroy()
    else if (stalled) {
      this.limitReached('timeouts.write')
      this.close(reasons.writeTimeout)
    } else if (partial && silence.head()) this.#refuse(reasons.requestTimeout, 'timeouts.head')
    else if (starved) {
      this.#refuse(reasons.requestTimeout.with('its body brings too little (timeouts.body)'), 'timeouts.body')
    } else if (still) {
      const reason = wanted && stream.out === OUT_HEAD ? reasons.requestTimeout : reasons.timeout
      this.#refuse(reason.with(`nothing moved for too long (${silence.limit})`), silence.limit)
    } else if (between && !partial && (this.draining || silence.idle())) this.#linger()
  }
}
