import type { Transport } from '../transport.ts'
import { ConnectionLife } from './connection-life.ts'
import { DEFAULT_WINDOW, FLOW_CONTROL_ERROR, MAX_WINDOW } from './constants.ts'
import { FloodBudget, FORGIVEN, USED_UP } from './flood-budget.ts'
import { writeData, writeRstStream, writeWindowUpdate } from './frame/frame-writer.ts'
import { type Glitch, glitches } from './glitches.ts'
import { HeadEncoder } from './head-encoder.ts'
import { DEFAULT_LIMITS, type Http2Limits } from './limits.ts'
import type { Http2Options } from './options.ts'
import { ReadyList } from './ready-list.ts'
import { ResetHistory } from './reset-history.ts'
import type { Http2Stream } from './stream.ts'
import { CLOSED } from './stream-state.ts'

/** WINDOW_UPDATE frames that a peer may send without a stream or DATA to give cause for them [Envoy: 5]. */
const FREE_WINDOW_UPDATES = 5
/** Each is one of a pair, for the stream and for the connection [Envoy: 2]. */
const PAIR = 2

/**
 * What streams lean on: the connection's windows in both directions, who waits for them, and what is held against the
 * peer. Frames are the business of Http2Connection.
 */
export abstract class ConnectionCore extends ConnectionLife {
  readonly encoder = new HeadEncoder()
  /** What we may still send on the connection, in bytes. */
  sendWindow = DEFAULT_WINDOW
  /** The peer takes extended CONNECT. */
  extendedConnect = false
  /** Streams there have been. */
  opened = 0
  /** Pieces of body that came and have been passed on. */
  passedOn = 0

  protected readonly limits: Http2Limits
  readonly #floods: FloodBudget
  readonly #ready = new ReadyList()
  readonly #resets = new ResetHistory()
  #dataFrames = 0
  #windowUpdates = 0
  #emptyData = 0
  // Answers to the peer that have gathered since the transport's last completed write.
  #answers = 0
  #answersSince = 0
  // Decoded bytes of the heads of open streams.
  #headBytes = 0

  protected constructor(transport: Transport, options: Http2Options) {
    super(transport, options)
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#floods = new FloodBudget(this.limits.glitches, this.limits.glitchRefill)
  }

  /** Parts with a peer before it becomes a nuisance: no new streams, those under way go on. `why` in words. */
  protected abstract part(why: string): void

  // Streams

  protected add(stream: Http2Stream): void {
    this.streams.add(stream)
    this.watchProgress()
  }

  forget(stream: Http2Stream): void {
    if (!this.streams.delete(stream.id)) return
    this.#headBytes -= stream.headBytes
    this.streamsEnded()
  }

  /** Counts the head of a new stream among those held; false when that makes more than `most` bytes. */
  protected holdHead(stream: Http2Stream, bytes: number, most: number): boolean {
    if (this.#headBytes + bytes > most) return false
    stream.headBytes = bytes
    this.#headBytes += bytes
    return true
  }

  /** Sends RST_STREAM and forgets the stream; its receiver is not told. */
  sendReset(stream: Http2Stream, code: number): void {
    this.writeReset(stream.id, code)
    stream.state = CLOSED
    this.forget(stream)
  }

  /** Sends RST_STREAM on a stream that has no object (any more). */
  protected writeReset(id: number, code: number): void {
    if (this.failure !== null) return
    this.#resets.add(id)
    writeRstStream(this.transport, id, code)
  }

  /** Answers what came on a stream that is over, or may not begin, with RST_STREAM, and charges the peer. */
  protected resetClosed(id: number, code: number, glitch: Glitch): void {
    this.writeReset(id, code)
    this.glitch(glitch)
    this.answered()
  }

  /**
   * Whether frames on the closed stream `id` may have been under way when we closed it, and so are to be ignored
   * (RFC 9113 §5.1, closed).
   */
  protected mayHaveCrossed(id: number): boolean {
    return this.#resets.has(id)
  }

  /** A stream error (RFC 9113 §5.4.2): RST_STREAM to the peer, `reset` to the receiver. */
  protected streamError(stream: Http2Stream, code: number, detail: string): void {
    this.sendReset(stream, code)
    stream.abort(this.protocolReason.with(detail))
    this.glitch(glitches.streamError)
    this.answered()
  }

  writeOverdue(stream: Http2Stream): void {
    this.limitReached('timeouts.write')
    const reason = this.stalledReason.with(`its windows let nothing through for ${this.options.writeMs} ms`)
    this.sendReset(stream, reason.http2)
    stream.abort(reason)
  }

  // Floods

  /** Charges the peer, `times` over, for something that leads nowhere. */
  protected glitch(glitch: Glitch, times = 1): void {
    if (this.failure !== null) return
    const verdict = this.#floods.spend(glitch.cost * times, this.options.timers.now())
    if (verdict === FORGIVEN) return
    if (verdict === USED_UP) {
      this.calmDown('http2.glitches', glitch.words)
      return
    }
    this.limitReached('http2.glitches')
    this.part(`${this.floodReason.with(glitch.words)}; three quarters of what is forgiven are used up`)
  }

  /** A frame was written because the peer sent one: the answers to a peer that does not read must not pile up. */
  protected answered(): void {
    if (this.#answersSince !== this.transport.flushes) {
      this.#answersSince = this.transport.flushes
      this.#answers = 0
    }
    this.#answers += 1
    if (this.#answers > this.limits.controlFrames)
      this.calmDown('http2.controlFrames', 'answers to its PING, SETTINGS and errors that it does not read')
  }

  /**
   * DATA without a byte of body and without an end costs no window. Each stream and each piece of body that has been
   * passed on excuses one, for clients that flush often. Small frames with bytes need no such limit: however many wait,
   * they take up no more than their bytes (BodyQueue), which the windows bound.
   */
  protected emptyData(): void {
    this.#emptyData += 1
    if (this.#emptyData > this.limits.emptyData + this.opened + this.passedOn)
      this.calmDown('http2.emptyData', 'DATA frames without data')
  }

  // Flow control, outwards

  /** A WINDOW_UPDATE came: in number they follow from what we send, so that more of them serve no purpose. */
  protected windowUpdated(): void {
    this.#windowUpdates += 1
    const caused = this.opened + this.limits.windowUpdates * this.#dataFrames
    if (this.#windowUpdates > FREE_WINDOW_UPDATES + PAIR * caused) this.glitch(glitches.windowUpdate)
  }

  sendData(id: number, chunk: Buffer, from: number, to: number, end: boolean): void {
    this.sent += to - from
    const max = this.encoder.maxFrameSize
    while (to - from > max) {
      writeData(this.transport, id, chunk, from, from + max, false)
      this.#dataFrames += 1
      from += max
    }
    this.#dataFrames += 1
    writeData(this.transport, id, chunk, from, to, end)
  }

  /** `stream` has bytes waiting: it gets its turn when the connection can send, if the stream's own window allows. */
  whenReady(stream: Http2Stream): void {
    if (stream.sendWindow > 0 || stream.waiting?.length === 0) this.#ready.add(stream)
  }

  /** `stream` ended while it waited. */
  notReady(stream: Http2Stream): void {
    this.#ready.remove(stream)
  }

  /** Lets the streams that wait send what the windows and the socket allow. */
  pump(): void {
    while (!this.#ready.empty && this.sendWindow > 0 && !this.transport.congested) {
      const stream = this.#ready.take()
      if (stream.pump()) this.whenReady(stream)
    }
  }

  /**
   * A new initial window shifts the window of every open stream (RFC 9113 §6.9.2). A walk over all of them, and paid by
   * the peer: to keep windows relative to the initial one would cost each DATA frame an addition, and the streams that
   * wait and the largest window would have to be looked for all the same.
   */
  protected shiftWindows(delta: number): boolean {
    if (delta === 0) return true
    this.glitch(glitches.windowShift, this.streams.size)
    if (this.failure !== null) return false
    for (const stream of this.streams.all()) {
      stream.sendWindow += delta
      if (stream.sendWindow > MAX_WINDOW) {
        this.frameError(FLOW_CONTROL_ERROR, 'INITIAL_WINDOW_SIZE makes a window overflow')
        return false
      }
      if (stream.waiting !== null) this.whenReady(stream)
    }
    return true
  }

  drained(): void {
    this.pump()
  }

  // Flow control, inwards

  /** `bytes` more bytes of body are the peer's to send on the connection. */
  credit(bytes: number): void {
    if (this.failure === null) this.window.credit(bytes, this.transport)
  }

  /** What the peer may send when everything announced and not yet announced is counted. */
  get windowWithCredit(): number {
    return this.window.withCredit
  }

  /** What that is when no stream holds anything, in bytes; grows with use. */
  get windowSize(): number {
    return this.window.size
  }

  /** Gives the peer back what it used of the stream's window; more, when all of it left at once. */
  restoreWindow(stream: Http2Stream): void {
    if (this.failure !== null) return
    let increment = stream.unannounced
    if (stream.uncredited === 0 && stream.windowSize < this.options.maxStreamWindow) {
      const size = Math.min(stream.windowSize * 2, this.options.maxStreamWindow)
      increment += size - stream.windowSize
      stream.windowSize = size
    }
    stream.unannounced = 0
    stream.receiveWindow += increment
    writeWindowUpdate(this.transport, stream.id, increment)
  }
}
