import { type Deadline, Timer, type TimerWheel } from '../../base/timer-wheel.ts'
import type { Transport } from '../transport.ts'
import { movement, Progress } from './progress.ts'
import type { Http2Stream } from './stream.ts'
import { mayReceive } from './stream-state.ts'

/** Progress is this many bytes, or all there is: a byte now and then holds a stream as well as none does. */
const LEAST = 1024

/** Times in milliseconds, 0 for no limit; see Http2Options. */
export interface ProgressLimits {
  readonly headMs: number
  readonly bodyMs: number
  readonly writeMs: number
  readonly streamMs: number
  /** The shortest limit that a stream has in place of `streamMs`. */
  readonly shortestSilenceMs: number
}

/** The connection whose streams are swept. */
export interface Swept {
  readonly transport: Transport
  /** The open streams; a copy. */
  openStreams(): Http2Stream[]
  /** What may still be sent on the connection, and what the peer may send, in bytes. */
  readonly sendWindow: number
  readonly receiveLeft: number
  /** Bytes of body sent so far. */
  readonly sent: number
  /** The bytes of a frame that has not come whole, DATA apart. */
  readonly unfinishedFrame: Buffer | null
  /** A frame has been on its way for too long. */
  frameOverdue(): void
  /** The socket takes nothing. */
  socketOverdue(): void
  bodyOverdue(stream: Http2Stream): void
  writeOverdue(stream: Http2Stream): void
  streamOverdue(stream: Http2Stream): void
}

/**
 * Looks now and then whether the streams of one connection get on, by counters that are kept anyway: no timer is armed or
 * disarmed per stream or frame. It runs only while there is something to look at.
 */
export class ProgressSweep implements Deadline {
  /** True while a sweep is due. */
  armed = false
  readonly #connection: Swept
  readonly #timers: TimerWheel
  readonly #limits: ProgressLimits
  readonly #period: number
  readonly #timer: Timer
  #stopped: boolean

  #frame: Buffer | null = null
  #frameAt = 0
  #taken = 0
  #takenAt = 0
  #sent = 0
  #sentAt = 0

  constructor(connection: Swept, timers: TimerWheel, limits: ProgressLimits) {
    this.#connection = connection
    this.#timers = timers
    this.#limits = limits
    this.#period = Math.min(...Object.values(limits).filter((ms) => ms > 0)) / 4
    this.#stopped = this.#period === Number.POSITIVE_INFINITY
    this.#timer = new Timer(this, 0)
  }

  /** There is something to look at, after a time without. */
  start(): void {
    const now = this.#timers.time()
    this.#frame = null
    this.#takenAt = now
    this.#sentAt = now
    this.#arm()
  }

  #arm(): void {
    if (this.#stopped) return
    this.armed = true
    this.#timers.arm(this.#timer, this.#period)
  }

  stop(): void {
    this.#stopped = true
    this.armed = false
    this.#timers.disarm(this.#timer)
  }

  expired(): void {
    this.armed = false
    const now = this.#timers.time()
    const connection = this.#connection
    this.#lookAtFrame(connection.unfinishedFrame, now)
    if (this.#limits.writeMs > 0 && !this.#stopped) this.#lookAtSocket(now)
    if (this.#stopped) return
    const streams = connection.openStreams()
    for (let i = 0; i < streams.length; i++) this.#lookAt(streams[i], now)
    // Responses may be complete and still wait for the socket.
    const unsent = this.#limits.writeMs > 0 && connection.transport.unsent > 0
    if (streams.length > 0 || this.#frame !== null || unsent) this.#arm()
  }

  #lookAtFrame(frame: Buffer | null, now: number): void {
    if (frame !== this.#frame) {
      this.#frame = frame
      this.#frameAt = now
    } else if (frame !== null && now - this.#frameAt >= this.#limits.headMs) {
      this.#connection.frameOverdue()
    }
  }

  #lookAtSocket(now: number): void {
    const { transport, sent, sendWindow } = this.#connection
    const taken = transport.progress
    if (transport.unsent === 0 || taken !== this.#taken) {
      this.#taken = taken
      this.#takenAt = now
    } else if (now - this.#takenAt >= this.#limits.writeMs) {
      this.#connection.socketOverdue()
      return
    }
    if (sendWindow > 0 || sent - this.#sent >= LEAST) {
      this.#sent = sent
      this.#sentAt = now
    }
  }

  #lookAt(stream: Http2Stream, now: number): void {
    const seen = stream.seen
    if (seen === null) {
      stream.seen = new Progress(stream, now)
      return
    }
    const { bodyMs, writeMs, streamMs } = this.#limits
    if (bodyMs > 0) {
      if (stream.received - seen.received >= LEAST || !this.#awaitsBody(stream)) {
        seen.received = stream.received
        seen.receivedAt = now
      } else if (now - seen.receivedAt >= bodyMs) {
        this.#connection.bodyOverdue(stream)
        return
      }
    }
    if (writeMs > 0) {
      if (stream.waiting === null || stream.sent - seen.sent >= LEAST || !this.#isHeldUp(stream, now)) {
        seen.sent = stream.sent
        seen.sentAt = now
      } else if (now - seen.sentAt >= writeMs) {
        this.#connection.writeOverdue(stream)
        return
      }
    }
    const moved = movement(stream)
    if (moved !== seen.moved) {
      seen.moved = moved
      seen.movedAt = now
    } else {
      const silenceMs = stream.silenceMs < 0 ? streamMs : stream.silenceMs
      if (silenceMs > 0 && stream.tunnel === '' && now - seen.movedAt >= silenceMs) {
        this.#connection.streamOverdue(stream)
      }
    }
  }

  /** The peer is to send body, and may. */
  #awaitsBody(stream: Http2Stream): boolean {
    if (!stream.hasDeadlineForBody || !mayReceive(stream.state)) return false
    return stream.receiveWindow >= LEAST && this.#connection.receiveLeft >= LEAST
  }

  /**
   * Held up by its own window, or by the connection's while that stands still for everyone. Where the connection gets on,
   * a stream that waits for its turn among many is not the peer's fault, and a socket that takes nothing has been seen
   * above.
   */
  #isHeldUp(stream: Http2Stream, now: number): boolean {
    if (stream.sendWindow <= 0) return true
    return this.#connection.sendWindow <= 0 && now - this.#sentAt >= this.#period
  }
}
