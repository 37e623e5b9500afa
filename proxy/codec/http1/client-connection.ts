import { Timer, type TimerWheel } from '../../base/timer-wheel.ts'
import { NO_FIELDS } from '../../message/fields.ts'
import { tunnelHead } from '../../message/head.ts'
import type { LimitWatch } from '../../message/limit-watch.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import type { ClientSession, ClientSessionOwner, Protocol } from '../../message/session.ts'
import type { MessageSink, MessageSource } from '../../message/stream.ts'
import type { Transport } from '../transport.ts'
import { Http1ClientStream } from './client-stream.ts'
import { Http1Connection } from './connection.ts'
import { BODY_CLOSE, BODY_NONE, type HeadRecord } from './head-record.ts'
import { type ClientTimeouts, DEFAULT_CLIENT_TIMEOUTS, DEFAULT_LIMITS, type Http1Limits } from './limits.ts'
import { NO_OCTETS } from './octets.ts'
import { OUT_DONE, OUT_HEAD } from './outgoing.ts'
import { REUSED_CONNECTION_CLOSED } from './reasons.ts'
import { ResponseHeadParser } from './response-head.ts'

export interface Http1ClientOptions {
  readonly owner: ClientSessionOwner
  readonly wheel: TimerWheel
  readonly limits?: Http1Limits
  readonly timeouts?: ClientTimeouts
  /** The endpoint reached a limit; nobody is told by default. */
  readonly limitReached?: LimitWatch
}

// Phases.
/** No request under way: whatever arrives is out of step. */
const IDLE = 0
/** A stream is open; its response's head is awaited. */
const HEAD = 1
/** Within the body of the response. */
const BODY = 2
/** The response has opened the tunnel that the request asked for. */
const TUNNEL = 3
const CLOSED = 4

/** Something of the end of a tunnel has to leave within this time, in milliseconds. */
const LINGER_MS = 30_000
/** The idle deadline is looked at so often, and met a quarter early at most. */
const LOOKS = 4

/**
 * The client role of HTTP/1.1: one exchange at a time, no pipelining.
 *
 *     IDLE --open--> HEAD --final head read--> BODY --body read--> IDLE, or CLOSED when it cannot be used again
 *     HEAD --tunnel accepted--> TUNNEL --both sides ended--> CLOSED
 *     any --error, reset, cancel--> CLOSED
 *
 * A connection is used again only when request and response are complete, both sides let it persist and not a byte
 * came behind the response. Whoever makes the connection starts the transport.
 */
export class Http1ClientConnection extends Http1Connection implements ClientSession {
  readonly protocol: Protocol = 'http1'
  /** Requests begun on this connection. */
  requests = 0
  readonly #owner: ClientSessionOwner
  readonly #wheel: TimerWheel
  readonly #timer: Timer
  readonly #period: number
  readonly #idleMs: number
  /** Since when there is no request, in monotonic milliseconds. */
  #idleSince: number
  #phase = IDLE
  #stream: Http1ClientStream | null = null
  /** Not to be used for another request. */
  #retired = false
  #persistent = true
  /** A byte of the response has arrived. */
  #heard = false
  #interims = 0
  /** The endpoint sent FIN. */
  #inputEnded = false
  /** How far the rest of a tunnel had got when it was last looked at. */
  #rest = -1
  #seen = -1
  #quiet = 0
  #reason: Reason = reasons.upstreamClosed

  constructor(transport: Transport, options: Http1ClientOptions) {
    const limits = options.limits ?? DEFAULT_LIMITS
    super(transport, limits, new ResponseHeadParser(limits), options.limitReached)
    this.#owner = options.owner
    this.#wheel = options.wheel
    this.#idleMs = (options.timeouts ?? DEFAULT_CLIENT_TIMEOUTS).idleMs
    this.#period = Math.max(10, this.#idleMs / LOOKS)
    this.#idleSince = this.#wheel.now()
    this.#timer = new Timer(this, 0)
    this.#wheel.arm(this.#timer, this.#period)
  }

  get active(): number {
    return this.#stream === null ? 0 : 1
  }

  get capacity(): number {
    if (this.#phase !== IDLE || this.#retired || this.transport.closing) return 0
    // While this process stood still no deadline fired, and the endpoint's clock went on: it may have closed meanwhile.
    return this.#wheel.now() - this.#idleSince < this.#idleMs ? 1 : 0
  }

  open(receiver: MessageSink, source: MessageSource): Http1ClientStream {
    const stream = new Http1ClientStream(this, receiver, source)
    this.#stream = stream
    this.#phase = HEAD
    this.#heard = false
    this.#interims = 0
    return stream
  }

  /** The head of the request is written. */
  requestBegun(): void {
    this.requests++
    if (this.requests >= this.limits.requests) {
      this.limitReached('http1.requests')
      this.#retire()
    }
  }

  protected consume(octets: Buffer, from: number, to: number): number {
    let at = from
    while (at < to) {
      if (this.#phase === HEAD) {
        const stream = this.#stream as Http1ClientStream
        this.#heard = true
        if (stream.out === OUT_HEAD) {
          this.fail(reasons.upstreamProtocol.with('a response before its request'))
          return to
        }
        const next = this.readHead(octets, at, to)
        if (next === 0) return at
        if (next < 0) {
          if (this.parser.limit !== '') this.limitReached(this.parser.limit)
          this.fail(this.parser.failed)
          return to
        }
        at = next
        this.#headRead(stream, this.record as HeadRecord, at < to)
      } else if (this.#phase === BODY) {
        at = this.body.next(octets, at, to)
        if (this.body.failure === null) this.#deliver(octets, at < to)
        else {
          if (this.body.limit !== '') this.limitReached(this.body.limit)
          this.fail(reasons.upstreamProtocol.with(this.body.failure))
        }
      } else if (this.#phase === TUNNEL) {
        this.handedOn(to - at)
        this.#stream?.receiver?.data(octets, at, to, false)
        return to
      } else {
        if (this.#phase === IDLE) this.#close(reasons.upstreamProtocol.with('bytes without a request'))
        return to
      }
    }
    return at
  }

  #headRead(stream: Http1ClientStream, record: HeadRecord, more: boolean): void {
    const head = record.head
    const receiver = stream.receiver
    if (stream.tunnel !== '' && this.#tunnelDecided(stream, record)) return
    if (head.status < 200) {
      if (head.status === 101) this.fail(reasons.upstreamProtocol.with('status 101 without an upgrade'))
      else if (++this.#interims > this.limits.interimHeads) {
        this.limitReached('http1.interimHeads')
        this.fail(reasons.upstreamProtocol.with(`more than ${this.limits.interimHeads} interim responses`))
      } else receiver?.head(head, null, false)
      return
    }
    const bodiless = record.framing === BODY_NONE || stream.headRequest
    this.#persistent = record.keepAlive && (bodiless || record.framing !== BODY_CLOSE)
    if (!this.#persistent || (bodiless && more)) this.#retire()
    if (bodiless) {
      receiver?.head(head, null, true)
      this.#complete(stream)
      return
    }
    this.#phase = BODY
    this.body.begin(record.framing, head.contentLength)
    receiver?.head(head, null, false)
  }

  /** True when the response opens the tunnel or breaks the protocol: then it has been dealt with. */
  #tunnelDecided(stream: Http1ClientStream, record: HeadRecord): boolean {
    const problem = stream.opensTunnel(record)
    if (problem === null) {
      if (record.head.status >= 200) stream.tunnelRefused()
      return false
    }
    if (problem !== '') {
      this.fail(reasons.upstreamProtocol.with(problem))
      return true
    }
    this.#phase = TUNNEL
    this.#retire()
    stream.receiver?.head(tunnelHead(record.head, stream.tunnel), null, false)
    return true
  }

  /** Both sides have ended: what was written still leaves, then the socket closes by itself. */
  #finishTunnel(): void {
    this.#phase = CLOSED
    this.#stream?.kill()
    this.#stream = null
    this.#wheel.arm(this.#timer, LINGER_MS)
  }

  /** Our side of the tunnel has ended. */
  tunnelSent(): void {
    this.transport.end()
    if (this.#inputEnded) this.#finishTunnel()
  }

  #deliver(octets: Buffer, more: boolean): void {
    const stream = this.#stream as Http1ClientStream
    const body = this.body
    const bytes = body.to - body.from
    const done = body.done
    if (bytes === 0 && !done) return
    if (done && more) this.#retire()
    this.handedOn(bytes)
    if (done && body.trailers !== NO_FIELDS) {
      const trailers = body.trailers
      if (bytes > 0) stream.receiver?.data(octets, body.from, body.to, false)
      stream.receiver?.trailers(trailers)
    } else stream.receiver?.data(octets, body.from, body.to, done)
    if (done) this.#complete(stream)
  }

  /** The response was read and handed on. */
  #complete(stream: Http1ClientStream): void {
    if (this.#stream !== stream) return
    this.#stream = null
    const requestComplete = stream.out === OUT_DONE
    if (!requestComplete || !this.#persistent || this.#retired) {
      this.#close(reasons.upstreamClosed)
      if (!requestComplete) this.#unwanted(stream)
      return
    }
    stream.receiver = null
    this.#phase = IDLE
    this.#idleSince = this.#wheel.now()
    this.forgetCredit()
    this.#owner.capacityChanged(this)
  }

  /** The response is complete, and the rest of the request goes nowhere: what waits of it is credited. */
  #unwanted(stream: Http1ClientStream): void {
    const receiver = stream.receiver
    stream.abandon()
    stream.kill()
    receiver?.reset(reasons.upstreamClosed.with('its response was complete before the request'))
  }

  /** `stream` ended before anything was written for it. */
  released(stream: Http1ClientStream): void {
    if (this.#stream !== stream) return
    this.#stream = null
    this.#phase = IDLE
    if (this.#retired) this.#close(reasons.draining)
    else this.#owner.capacityChanged(this)
  }

  /** The exchange gave `stream` up: with HTTP/1 that costs the connection. */
  given(stream: Http1ClientStream, reason: Reason): void {
    if (this.#stream !== stream) return
    const unused = stream.out === OUT_HEAD
    stream.kill()
    if (unused && this.#phase === HEAD) {
      this.released(stream)
      return
    }
    this.#stream = null
    // The other end of a tunnel must not take what is cut off for whole.
    if (this.#phase === TUNNEL) this.abort(true)
    this.#close(reason)
  }

  creditedBy(stream: Http1ClientStream, bytes: number): void {
    if (this.#stream === stream) this.credited(bytes)
  }

  /** Resets the stream under way, if any, and closes. */
  fail(reason: Reason): void {
    const stream = this.#stream
    this.#stream = null
    const receiver = stream === null ? null : stream.receiver
    stream?.kill()
    this.#close(reason)
    receiver?.reset(reason)
  }

  #retire(): void {
    if (this.#retired) return
    this.#retired = true
    this.#owner.retired(this)
  }

  #close(reason: Reason): void {
    if (this.#phase === CLOSED) return
    this.#phase = CLOSED
    this.#reason = reason
    this.#wheel.disarm(this.#timer)
    this.transport.destroy()
  }

  readEnd(): void {
    const stream = this.#stream
    this.#inputEnded = true
    if (stream !== null && this.#phase === TUNNEL) {
      stream.receiver?.data(NO_OCTETS, 0, 0, true)
      if (stream === this.#stream && stream.out === OUT_DONE) this.#finishTunnel()
    } else if (stream !== null && this.#phase === BODY && this.body.framing === BODY_CLOSE) {
      this.#retire()
      stream.receiver?.data(NO_OCTETS, 0, 0, true)
      this.#complete(stream)
    } else this.fail(this.#lost(''))
  }

  /** Why a response that is not complete will not come. */
  #lost(detail: string): Reason {
    const reason =
      this.#phase === HEAD && !this.#heard && this.requests > 1
        ? REUSED_CONNECTION_CLOSED
        : reasons.upstreamClosed
    return detail === '' ? reason : reason.with(detail)
  }

  drained(): void {
    this.#stream?.drained()
  }

  closed(error: Error | null): void {
    const code = error === null ? '' : ((error as NodeJS.ErrnoException).code ?? error.message)
    if (this.#phase !== CLOSED) this.fail(this.#lost(code))
    this.dropKept()
    this.#wheel.disarm(this.#timer)
    this.#owner.closed(this, this.#reason)
  }

  drain(): void {
    if (this.#phase === CLOSED) return
    this.#retire()
    if (this.#stream === null) this.#close(reasons.draining)
  }

  close(reason: Reason): void {
    this.fail(reason)
  }

  /** The end of a tunnel is on its way: it has as long as something of it leaves, and is cut, not ended, when nothing does. */
  #lookAtRest(): void {
    const { transport } = this
    const { progress, unsent } = transport
    if (unsent > 0 && progress !== this.#rest) {
      this.#rest = progress
      this.#wheel.arm(this.#timer, LINGER_MS)
    } else if (unsent > 0) transport.abort()
    else transport.destroy()
  }

  expired(): void {
    if (this.#phase === CLOSED) return this.#lookAtRest()
    this.#quiet = this.#phase === IDLE && this.requests === this.#seen ? this.#quiet + 1 : 0
    this.#seen = this.#phase === IDLE ? this.requests : -1
    if (this.#quiet >= LOOKS - 1) this.#close(reasons.idleTimeout)
    else this.#wheel.arm(this.#timer, this.#period)
  }
}
