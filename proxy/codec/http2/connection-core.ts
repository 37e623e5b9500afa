import { type Deadline, Timer } from '../../base/timer-wheel.ts'
import { type LimitWatch, UNWATCHED } from '../../message/limit-watch.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import type { Transport, TransportUser } from '../transport.ts'
import { DEFAULT_WINDOW, ENHANCE_YOUR_CALM, ERROR_NAMES, NO_ERROR } from './constants.ts'
import { FloodBudget } from './flood-budget.ts'
import { writeData, writeGoaway, writeRstStream, writeWindowUpdate } from './frame/frame-writer.ts'
import { HeadEncoder } from './head-encoder.ts'
import type { Http2Options } from './options.ts'
import { ReadyList } from './ready-list.ts'
import { ResetHistory } from './reset-history.ts'
import type { Http2Stream } from './stream.ts'
import { CLOSED } from './stream-state.ts'
import { StreamTable } from './stream-table.ts'

/** Time a closing connection waits for the peer to close too, in milliseconds. */
const LINGER_MS = 1000

/** WINDOW_UPDATE frames that a peer may send without having got any DATA. */
const FREE_WINDOW_UPDATES = 1000
/** And those that each DATA frame and each stream allows. */
const UPDATES_PER_FRAME = 10

const DEADLINE_IDLE = 0
const DEADLINE_HEAD = 1
const DEADLINE_LINGER = 2

/**
 * What streams lean on: the transport, the connection's windows in both directions, who waits for them, and how the
 * connection ends. Frames are the business of Http2Connection.
 */
export abstract class ConnectionCore implements TransportUser, Deadline {
  readonly protocol = 'h2' as const
  readonly transport: Transport
  readonly encoder = new HeadEncoder()
  /** What we may still send on the connection, in bytes. */
  sendWindow = DEFAULT_WINDOW
  /** The peer takes extended CONNECT. */
  extendedConnect = false
  /** Streams there have been. */
  opened = 0

  protected readonly options: Http2Options
  protected readonly limitReached: LimitWatch
  protected readonly streams = new StreamTable()
  /** Why the connection ended or is ending; null while it is well. */
  protected failure: Reason | null = null
  /** What the peer may still send us on the connection, in bytes. */
  protected receiveWindow = DEFAULT_WINDOW
  /** Something was read since the idle deadline last looked. */
  protected activity = false

  // Frames and streams that lead nowhere are paid from here.
  readonly #floods = new FloodBudget()
  readonly #ready = new ReadyList()
  readonly #resets = new ResetHistory()
  readonly #idleTimer: Timer
  readonly #headTimer: Timer
  // Credited bytes that no WINDOW_UPDATE has told the peer of yet.
  #unannounced = 0
  #dataFrames = 0
  #windowUpdates = 0

  protected constructor(transport: Transport, options: Http2Options) {
    this.transport = transport
    this.options = options
    this.limitReached = options.limitReached ?? UNWATCHED
    this.#idleTimer = new Timer(this, DEADLINE_IDLE)
    this.#headTimer = new Timer(this, DEADLINE_HEAD)
    transport.user = this
    this.headExpected()
    if (options.idleMs > 0) options.timers.arm(this.#idleTimer, options.idleMs)
  }

  /** Streams under way. */
  get active(): number {
    return this.streams.size
  }

  /** The reason streams get when the peer breaks the protocol. */
  protected abstract readonly protocolReason: Reason
  /** The reason streams get when the peer's side of the connection ends. */
  protected abstract readonly closedReason: Reason
  /** The reason when the peer took too long over its preface or a header block. */
  protected abstract readonly lateReason: Reason
  /** The last stream of the peer's that we processed, for GOAWAY. */
  protected abstract lastProcessed(): number
  /** One stream or more have ended and are no longer among `streams`. */
  protected abstract streamsEnded(): void
  /** The socket is gone. */
  protected abstract connectionClosed(reason: Reason): void
  protected abstract stopReading(): void
  abstract read(chunk: Buffer): void

  // Ending

  /** Ends the connection: GOAWAY with `code` and the reason in words; every stream is told. */
  fail(code: number, reason: Reason): void {
    if (this.failure !== null) return
    this.failure = reason
    this.stopReading()
    writeGoaway(this.transport, this.lastProcessed(), code, reason.toString())
    this.#abortAll(reason)
    this.finish()
  }

  /** The peer broke the protocol. */
  frameError(code: number, detail: string): void {
    this.fail(code, this.protocolReason.with(`${detail} (${ERROR_NAMES[code]})`))
  }

  close(reason: Reason): void {
    this.fail(NO_ERROR, reason)
  }

  /** Sends what is gathered and closes, at the latest after a while. */
  protected finish(): void {
    this.#disarm()
    this.transport.end()
    this.options.timers.arm(new Timer(this, DEADLINE_LINGER), LINGER_MS)
  }

  /** HTTP/2 knows no half-closed connection: nothing more can be opened or answered. */
  readEnd(): void {
    this.failure ??= this.closedReason
    this.stopReading()
    this.#abortAll(this.failure)
    this.finish()
  }

  closed(error: Error | null): void {
    this.stopReading()
    this.#disarm()
    this.failure ??= error === null ? this.closedReason : this.closedReason.with(error.message)
    this.#abortAll(this.failure)
    this.connectionClosed(this.failure)
  }

  #abortAll(reason: Reason): void {
    if (this.streams.size === 0) return
    const streams = this.streams.all()
    this.streams.clear()
    for (const stream of streams) stream.abort(reason)
    this.streamsEnded()
  }

  // Deadlines

  /** From now on the peer has its time to complete a preface or a header block, until `headArrived`. */
  protected headExpected(): void {
    this.options.timers.arm(this.#headTimer, this.options.headMs)
  }

  protected headArrived(): void {
    this.options.timers.disarm(this.#headTimer)
  }

  #disarm(): void {
    this.options.timers.disarm(this.#idleTimer)
    this.options.timers.disarm(this.#headTimer)
  }

  expired(kind: number): void {
    if (kind === DEADLINE_LINGER) {
      this.transport.destroy()
    } else if (kind === DEADLINE_HEAD) {
      this.fail(NO_ERROR, this.lateReason.with('no complete connection preface or header block'))
    } else if (this.streams.size > 0 || this.activity) {
      this.activity = false
      this.options.timers.arm(this.#idleTimer, this.options.idleMs)
    } else {
      this.fail(NO_ERROR, reasons.idleTimeout)
    }
  }

  // Streams

  forget(stream: Http2Stream): void {
    if (this.streams.delete(stream.id)) this.streamsEnded()
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

  /** Sends RST_STREAM for what came on a stream that is over, and charges the peer. */
  protected resetClosed(id: number, code: number): void {
    this.writeReset(id, code)
    this.glitch(1)
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
    this.glitch(1)
  }

  /** Charges the peer for something that leads nowhere. */
  protected glitch(cost: number): void {
    if (!this.#floods.spend(cost, this.options.timers.now())) this.fail(ENHANCE_YOUR_CALM, reasons.flood)
  }

  // Flow control, outwards

  /** A WINDOW_UPDATE came: in number they follow from what we send, so that more of them serve no purpose. */
  protected windowUpdated(): void {
    this.#windowUpdates += 1
    if (this.#windowUpdates > FREE_WINDOW_UPDATES + UPDATES_PER_FRAME * (this.#dataFrames + this.opened))
      this.glitch(0.2)
  }

  sendData(id: number, chunk: Buffer, from: number, to: number, end: boolean): void {
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

  drained(): void {
    this.pump()
  }

  // Flow control, inwards

  /** Raises the connection's window from the protocol's default to ours. To be called once, behind our SETTINGS. */
  protected openWindow(): void {
    const more = this.options.connectionWindow - this.receiveWindow
    if (more <= 0) return
    writeWindowUpdate(this.transport, 0, more)
    this.receiveWindow += more
  }

  /** `bytes` more bytes of body are the peer's to send on the connection. */
  credit(bytes: number): void {
    this.#unannounced += bytes
    if (this.#unannounced * 2 < this.options.connectionWindow || this.failure !== null) return
    writeWindowUpdate(this.transport, 0, this.#unannounced)
    this.receiveWindow += this.#unannounced
    this.#unannounced = 0
  }

  /** What the peer may send when everything announced and not yet announced is counted: full when nothing is open. */
  get windowWithCredit(): number {
    return this.receiveWindow + this.#unannounced
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
