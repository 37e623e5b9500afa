import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'
import type { Transport, TransportUser } from '../codec/transport.ts'
import type { Protocol } from '../message/session.ts'

/** Enough of the HTTP/2 preface (RFC 9113 §3.4) to tell it from any HTTP/1 request line. */
const PREFACE_START = Buffer.from('PRI * HTTP/2.0', 'latin1')

/** How long a connection may take to show what it speaks, in milliseconds. */
export interface DetectionTimeouts {
  /** To its first byte. */
  readonly idleMs: number
  /** From its first byte on. */
  readonly headMs: number
}

/**
 * Tells HTTP/2 with prior knowledge from HTTP/1 by the first bytes of a connection, then steps aside: `decide` has to
 * make the session (which becomes the transport's user); it gets the bytes. A connection that takes too long is closed.
 */
export class ProtocolDetection implements TransportUser, Deadline {
  readonly #transport: Transport
  readonly #timers: TimerWheel
  readonly #timeouts: DetectionTimeouts
  readonly #timer: Timer
  readonly #decide: (protocol: Protocol) => void
  #held: Buffer | null = null

  constructor(
    transport: Transport,
    timers: TimerWheel,
    timeouts: DetectionTimeouts,
    decide: (protocol: Protocol) => void,
  ) {
    this.#transport = transport
    this.#timers = timers
    this.#timeouts = timeouts
    this.#decide = decide
    this.#timer = new Timer(this, 0)
    timers.arm(this.#timer, timeouts.idleMs)
    transport.user = this
  }

  read(chunk: Buffer): void {
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk])
    const length = Math.min(bytes.length, PREFACE_START.length)
    const same = bytes.compare(PREFACE_START, 0, length, 0, length) === 0
    if (same && length < PREFACE_START.length) {
      if (this.#held === null) this.#timers.arm(this.#timer, this.#timeouts.headMs)
      this.#held = Buffer.from(bytes)
      return
    }
    this.#timers.disarm(this.#timer)
    this.#held = null
    this.#decide(same ? 'h2' : 'http1')
    this.#transport.received(bytes)
  }

  readEnd(): void {
    this.#transport.end()
  }

  drained(): void {}

  closed(): void {
    this.#timers.disarm(this.#timer)
  }

  expired(): void {
    this.#transport.destroy()
  }
}
