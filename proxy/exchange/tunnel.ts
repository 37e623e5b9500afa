import { type Deadline, Timer } from '../base/timer-wheel.ts'
import type { Reason } from '../message/reason.ts'
import { reasons } from '../message/reason.ts'
import type { MessageSink, MessageStream } from '../message/stream.ts'
import { complete, cutOff } from './ending.ts'
import type { Exchange } from './exchange.ts'
import type { Replay } from './replay.ts'

/**
 * Once one side has ended, the other has this long without a byte to end too, in milliseconds. Long enough for a slow
 * reader of what the kernel holds for it, which nobody sees move.
 */
const HALF_CLOSED_MS = 300_000

/**
 * A connection that an accepted request has turned into bytes both ways (CONNECT, WebSocket): takes the caller's. Each
 * side ends for itself; the exchange is over when both have.
 */
export class Tunnel implements MessageSink, Deadline {
  readonly #exchange: Exchange
  readonly #up: MessageStream
  readonly #timer: Timer
  readonly #idleMs: number
  #callerEnded = false
  #endpointEnded: boolean
  /** Bytes that had passed when the deadline last looked. */
  #seen = 0

  constructor(exchange: Exchange, up: MessageStream, endpointEnded: boolean) {
    this.#exchange = exchange
    this.#up = up
    this.#timer = new Timer(this, 0)
    this.#idleMs = exchange.verdict.target?.tunnels.idleMs ?? 0
    this.#endpointEnded = endpointEnded
    exchange.context.listener.tunnels += 1
  }

  /** Sends what the caller sent before the tunnel was open. */
  start(early: Replay | null, callerEnded: boolean): void {
    this.#arm()
    const chunks = early === null ? [] : early.chunks
    for (let i = 0; i < chunks.length && !this.#exchange.done; i++) {
      this.#up.data(chunks[i], 0, chunks[i].length, false)
    }
    if (callerEnded && !this.#exchange.done) this.#pass(NOTHING, 0, 0, true)
  }

  head(): void {}

  data(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.#exchange.requestBytes += to - from
    this.#pass(chunk, from, to, end)
  }

  /** Never called: codecs take no trailers in a tunnel. */
  trailers(): void {}

  reset(reason: Reason): void {
    this.#exchange.reset(reason)
  }

  #pass(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.#up.data(chunk, from, to, end)
    if (!end || this.#callerEnded) return
    this.#callerEnded = true
    this.#exchange.requestEnded = true
    this.#halfEnded()
  }

  endpointEnded(): void {
    this.#endpointEnded = true
    this.#halfEnded()
  }

  #halfEnded(): void {
    if (this.#callerEnded && this.#endpointEnded && this.#allSent) complete(this.#exchange)
    else this.#arm()
  }

  /** What the caller sent has left for the endpoint: not before may anybody stop looking. */
  get #allSent(): boolean {
    const { attempt, requestBytes } = this.#exchange
    return attempt === null || attempt.credited >= requestBytes
  }

  /** Bytes of the caller's have left. */
  passedOn(): void {
    if (this.#callerEnded && this.#endpointEnded && this.#allSent && !this.#exchange.done)
      complete(this.#exchange)
  }

  /** The exchange was recorded. */
  close(): void {
    this.#exchange.context.listener.tunnels -= 1
    this.#exchange.context.timers.disarm(this.#timer)
  }

  #arm(): void {
    this.#seen = this.#moved
    const half = this.#callerEnded || this.#endpointEnded
    const ms = half ? Math.min(HALF_CLOSED_MS, this.#idleMs || HALF_CLOSED_MS) : this.#idleMs
    if (ms > 0 && !this.#exchange.done) this.#exchange.context.timers.arm(this.#timer, ms)
  }

  get #moved(): number {
    const { attempt, requestBytes, responseBytes } = this.#exchange
    return requestBytes + responseBytes + (attempt?.credited ?? 0)
  }

  /** Nothing is armed per byte: a silent tunnel is noticed after one to two times its limit. */
  expired(): void {
    if (this.#moved === this.#seen)
      cutOff(this.#exchange, reasons.timeout.with('nothing moved in the tunnel'))
    else this.#arm()
  }
}

const NOTHING = Buffer.alloc(0)
