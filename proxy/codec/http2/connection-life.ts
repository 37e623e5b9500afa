import { type Deadline, Timer } from '../../base/timer-wheel.ts'
import { type LimitWatch, UNWATCHED } from '../../message/limit-watch.ts'
import { type Reason, reasons } from '../../message/reason.ts'
import type { Transport, TransportUser } from '../transport.ts'
import { ENHANCE_YOUR_CALM, ERROR_NAMES, NO_ERROR } from './constants.ts'
import { writeGoaway } from './frame/frame-writer.ts'
import type { Http2Options } from './options.ts'
import { ProgressSweep, type Swept } from './progress-sweep.ts'
import { ReceiveWindow } from './receive-window.ts'
import type { Http2Stream } from './stream.ts'
import { StreamTable } from './stream-table.ts'

/** Time a closing connection waits for the peer to close too, in milliseconds. */
const LINGER_MS = 1000

const DEADLINE_IDLE = 0
const DEADLINE_HEAD = 1
const DEADLINE_LINGER = 2

/** How a connection ends, and by when what has to have happened. Its streams lean on ConnectionCore. */
export abstract class ConnectionLife implements TransportUser, Deadline, Swept {
  readonly protocol = 'h2' as const
  readonly transport: Transport
  /** Bytes of body sent. */
  sent = 0

  protected readonly options: Http2Options
  protected readonly limitReached: LimitWatch
  protected readonly streams = new StreamTable()
  /** What the peer may send us on the connection. */
  protected readonly window: ReceiveWindow
  /** Why the connection ended or is ending; null while it is well. */
  protected failure: Reason | null = null
  /** Something was read since the idle deadline last looked. */
  protected activity = false

  readonly #sweep: ProgressSweep
  readonly #idleTimer: Timer
  readonly #headTimer: Timer

  protected constructor(transport: Transport, options: Http2Options) {
    this.transport = transport
    this.options = options
    this.limitReached = options.limitReached ?? UNWATCHED
    this.window = new ReceiveWindow(options.connectionWindow, options.maxConnectionWindow ?? 0)
    const { timers, headMs, bodyMs = 0, writeMs = 0, streamMs = 0, shortestSilenceMs = 0 } = options
    this.#sweep = new ProgressSweep(this, timers, { headMs, bodyMs, writeMs, streamMs, shortestSilenceMs })
    this.#idleTimer = new Timer(this, DEADLINE_IDLE)
    this.#headTimer = new Timer(this, DEADLINE_HEAD)
    transport.user = this
    this.headExpected()
    if (options.idleMs > 0) timers.arm(this.#idleTimer, options.idleMs)
  }

  /** Streams under way. */
  get active(): number {
    return this.streams.size
  }

  /** The reason streams get when the peer breaks the protocol. */
  protected abstract readonly protocolReason: Reason
  /** The reason when the peer's misbehaviour is too much. */
  protected abstract readonly floodReason: Reason
  /** The reason streams get when the peer's side of the connection ends. */
  protected abstract readonly closedReason: Reason
  /** The reason when the peer took too long over its preface or a header block, and the key of that limit. */
  protected abstract readonly lateReason: Reason
  protected abstract readonly lateLimit: string
  /** The reason when the peer does not take what we have for it. */
  protected abstract readonly stalledReason: Reason
  /** The last stream of the peer's that we processed, for GOAWAY. */
  protected abstract lastProcessed(): number
  /** One stream or more have ended and are no longer among `streams`. */
  protected abstract streamsEnded(): void
  /** The socket is gone. */
  protected abstract connectionClosed(reason: Reason): void
  protected abstract stopReading(): void
  abstract read(chunk: Buffer): void
  abstract drained(): void

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

  /** The peer passed the limit `key`, and that ends the connection. */
  protected calmDown(key: string, detail: string): void {
    if (this.failure !== null) return
    this.limitReached(key)
    this.fail(ENHANCE_YOUR_CALM, this.floodReason.with(detail))
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
    this.#sweep.stop()
  }

  expired(kind: number): void {
    if (kind === DEADLINE_LINGER) {
      this.transport.destroy()
    } else if (kind === DEADLINE_HEAD) {
      this.frameOverdue()
    } else if (this.streams.size > 0 || this.activity) {
      this.activity = false
      this.options.timers.arm(this.#idleTimer, this.options.idleMs)
    } else {
      this.fail(NO_ERROR, reasons.idleTimeout)
    }
  }

  // Progress

  /** The sweep runs while streams are open, or a frame is. */
  protected watchProgress(): void {
    if (!this.#sweep.armed && this.failure === null) this.#sweep.start()
  }

  abstract readonly sendWindow: number
  abstract get unfinishedFrame(): Buffer | null
  abstract bodyOverdue(stream: Http2Stream): void
  abstract writeOverdue(stream: Http2Stream): void
  abstract streamOverdue(stream: Http2Stream): void

  openStreams(): Http2Stream[] {
    return this.streams.all()
  }

  get receiveLeft(): number {
    return this.window.left
  }

  frameOverdue(): void {
    if (this.failure !== null) return
    this.limitReached(this.lateLimit)
    this.fail(NO_ERROR, this.lateReason.with('no complete connection preface or header block'))
  }

  /** No GOAWAY can reach the peer. */
  socketOverdue(): void {
    if (this.failure !== null) return
    this.limitReached('timeouts.write')
    this.failure = this.stalledReason.with(`the connection took nothing for ${this.options.writeMs} ms`)
    this.stopReading()
    this.#disarm()
    this.#abortAll(this.failure)
    this.transport.destroy()
  }
}
