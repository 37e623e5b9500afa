import { type Deadline, Timer } from '../base/timer-wheel.ts'
import type { Fields } from '../message/fields.ts'
import { grpcStatusOf } from '../message/grpc-status.ts'
import type { Head } from '../message/head.ts'
import type { Attempt } from './attempt.ts'
import { Replay } from './replay.ts'
import { retryResponse } from './try-again.ts'

/**
 * The head of a gRPC response is held back for so many milliseconds and a tick of the wheel. A tick of its own, because
 * deadlines come before what has arrived when the event loop was stalled: in between that is read.
 */
const HOLD_MS = 10
/** Bytes of its first message that are held back at most, as much as of the request. */
const HOLD_BYTES = 64 * 1024
/** What stands before a message: a flag and its length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const PREFIX_BYTES = 5

/**
 * The start of a gRPC response whose outcome only its trailers tell, kept from the caller while another try could still
 * take its place. It goes on its way with the first of
 *
 *     trailers               unless their status is one that the route wants tried again
 *     a second message       it is a stream
 *     a byte beyond 64 KiB   it is too long to be kept
 *     20 ms                  it is a stream, or slow
 *
 * so that a unary call is whole before the caller sees any of it, and a stream is late by 20 ms once, if at all.
 */
export class HeldResponse implements Deadline {
  readonly #attempt: Attempt
  readonly #head: Head
  readonly #body = new Replay()
  readonly #timer: Timer
  /** Bytes of the first message, with its prefix, as far as the prefix has come. */
  #length = PREFIX_BYTES
  #prefix = 0
  /** The wait is over with the next tick. */
  #last = false

  constructor(attempt: Attempt, head: Head) {
    this.#attempt = attempt
    this.#head = head
    this.#timer = new Timer(this, 0)
    attempt.exchange.context.timers.arm(this.#timer, HOLD_MS)
  }

  /** Bytes of the body that are held. */
  get bytes(): number {
    return this.#body.length
  }

  data(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.#readPrefix(chunk, from, to)
    const bytes = this.#body.length + to - from
    if (!end && bytes <= this.#length && bytes <= HOLD_BYTES) {
      this.#body.append(chunk, from, to)
      return
    }
    this.passOn()
    this.#attempt.exchange.responseData(chunk, from, to, end)
  }

  trailers(fields: Fields): void {
    const { exchange } = this.#attempt
    if (retryResponse(exchange, this.#attempt, this.#head.status, grpcStatusOf(fields), fields, true)) return
    this.passOn()
    exchange.responseTrailers(fields)
  }

  /** What is held is not wanted any more. */
  drop(): void {
    this.#attempt.exchange.context.timers.disarm(this.#timer)
  }

  expired(): void {
    if (this.#last) this.passOn()
    else this.#attempt.exchange.context.timers.arm(this.#timer, 0)
    this.#last = true
  }

  #readPrefix(chunk: Buffer, from: number, to: number): void {
    for (let at = from; at < to && this.#prefix < PREFIX_BYTES; at++) {
      // Behind the flag, 32 bits: in a number, not in an integer that may turn negative.
      if (this.#prefix > 0) this.#length += (chunk[at] as number) * 2 ** (8 * (4 - this.#prefix))
      this.#prefix += 1
    }
  }

  /** Nothing is kept back any longer. */
  passOn(): void {
    const attempt = this.#attempt
    const { exchange } = attempt
    attempt.held = null
    this.drop()
    exchange.commit(attempt, this.#head, -1, false)
    const { chunks } = this.#body
    for (let i = 0; i < chunks.length; i++) {
      const chunk = chunks[i] as Buffer
      exchange.responseData(chunk, 0, chunk.length, false)
    }
  }
}
