import type { Added } from '../../message/added.ts'
import { type Fields, NO_FIELDS } from '../../message/fields.ts'
import type { Head } from '../../message/head.ts'
import type { Reason } from '../../message/reason.ts'
import type { MessageSink, MessageSource, MessageStream } from '../../message/stream.ts'
import { BodyQueue } from '../body-queue.ts'
import type { Transport } from '../transport.ts'
import { writeChunk, writePlain, writeTrailers } from './body-writer.ts'
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE } from './head-record.ts'
import { trailerLines } from './head-writer.ts'

/** The (final) head has not been written. */
export const OUT_HEAD = 0
/** The head has been written, the body is under way. */
export const OUT_BODY = 1
/** The end was given, and waits behind queued bytes. */
export const OUT_ENDING = 2
/** All is written, or the rest is of no use any more: bytes are credited and thrown away. */
export const OUT_DONE = 3
/** Reset or cancelled: nobody is called any more. */
export const OUT_DEAD = 4

/**
 * What a server stream and a client stream share: the outgoing half of an exchange.
 *
 *     OUT_HEAD --head--> OUT_BODY --end--> (OUT_ENDING --drained-->) OUT_DONE
 *        any state --reset, cancel, failure, closed--> OUT_DEAD
 *
 * While the transport is congested bytes are queued, not credited; the source's window bounds the queue.
 */
export abstract class OutgoingStream implements MessageStream {
  receiver: MessageSink | null
  source: MessageSource | null
  silenceMs: number
  readonly transport: Transport
  out: number
  /** Framing of the outgoing body, one of BODY_*. */
  framing: number
  /** Bytes still to be given with BODY_LENGTH. */
  remaining: number
  #queue: BodyQueue | null
  #trailers: string

  constructor(transport: Transport, receiver: MessageSink | null, source: MessageSource | null) {
    this.receiver = receiver
    this.source = source
    this.silenceMs = -1
    this.transport = transport
    this.out = OUT_HEAD
    this.framing = BODY_NONE
    this.remaining = 0
    this.#queue = null
    this.#trailers = ''
  }

  abstract head(head: Head, added: Added | null, end: boolean): void
  abstract reset(reason: Reason): void
  abstract cancel(reason: Reason): void
  abstract credit(bytes: number): void
  abstract stop(reason: Reason): void
  /** The outgoing message is complete. */
  protected abstract sent(): void
  /** The outgoing message contradicts its own head. */
  protected abstract contradiction(detail: string): void
  /** Whether the peer takes trailers. */
  protected abstract takesTrailers(): boolean

  data(chunk: Buffer, from: number, to: number, end: boolean): void {
    const bytes = to - from
    if (this.out !== OUT_BODY) {
      if (this.out === OUT_DONE && bytes > 0 && this.source !== null) this.source.credit(bytes)
      return
    }
    const framing = this.framing
    if (framing === BODY_LENGTH) {
      this.remaining -= bytes
      if (this.remaining < 0) return this.contradiction('a body longer than its content-length')
      if (end && this.remaining > 0) return this.contradiction('a body shorter than its content-length')
    }
    if (framing !== BODY_NONE) {
      if (this.#queue !== null || (this.transport.congested && bytes > 0)) {
        this.#enqueue(chunk, from, to)
        if (end) this.out = OUT_ENDING
        return
      }
      if (framing === BODY_CHUNKED) writeChunk(this.transport, chunk, from, to, end)
      else if (bytes > 0) writePlain(this.transport, chunk, from, to)
    }
    if (end) this.out = OUT_DONE
    if (bytes > 0 && this.source !== null) this.source.credit(bytes)
    if (end && this.out === OUT_DONE) this.sent()
  }

  trailers(fields: Fields): void {
    if (this.out !== OUT_BODY) return
    if (this.framing === BODY_LENGTH && this.remaining > 0) {
      return this.contradiction('a body shorter than its content-length')
    }
    const lines =
      this.framing === BODY_CHUNKED && fields !== NO_FIELDS && this.takesTrailers()
        ? trailerLines(fields)
        : ''
    if (this.#queue !== null) {
      this.#trailers = lines
      this.out = OUT_ENDING
      return
    }
    this.out = OUT_DONE
    if (this.framing === BODY_CHUNKED) writeTrailers(this.transport, lines)
    this.sent()
  }

  #enqueue(chunk: Buffer, from: number, to: number): void {
    if (this.#queue === null) this.#queue = new BodyQueue()
    if (to > from) this.#queue.append(chunk, from, to)
  }

  /** The transport takes bytes again: writes what is queued, then credits it. */
  drained(): void {
    const queue = this.#queue
    if (queue === null) return
    const bytes = queue.length
    const ending = this.out === OUT_ENDING
    this.#queue = null
    while (queue.length > 0) {
      const { block, from, to } = queue
      if (this.framing === BODY_CHUNKED) writeChunk(this.transport, block, from, to, false)
      else writePlain(this.transport, block, from, to)
      queue.consume(to - from)
    }
    if (ending) {
      if (this.framing === BODY_CHUNKED) writeTrailers(this.transport, this.#trailers)
      this.out = OUT_DONE
    }
    if (bytes > 0 && this.source !== null) this.source.credit(bytes)
    if (ending && this.out === OUT_DONE) this.sent()
  }

  /** The peer wants no more of the message: the rest is credited and thrown away, and so is what is queued. */
  abandon(): void {
    const queued = this.#queue === null ? 0 : this.#queue.length
    this.#queue = null
    this.out = OUT_DONE
    if (queued > 0 && this.source !== null) this.source.credit(queued)
  }

  /** Ends both halves without calling anybody any more. */
  kill(): void {
    this.out = OUT_DEAD
    this.receiver = null
    this.source = null
    this.#queue = null
  }
}
