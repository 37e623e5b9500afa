import { type Reason, reasons } from '../message/reason.ts'
import type { MessageSink, MessageStream } from '../message/stream.ts'
import type { Exchange } from './exchange.ts'

/** Bytes of an answered request that are read and thrown away, so that the caller gets to read the answer. */
const ALLOWANCE = 64 * 1024

/** HTTP/2 code that says "the answer is complete, stop sending" (RFC 9113 §8.1). */
const NO_ERROR = 0
const ANSWERED = reasons.downstreamReset.withHttp2(NO_ERROR, 'the request was answered before it ended')

/** Takes the rest of a request that has been answered. */
export class Discard implements MessageSink {
  readonly discards = true
  readonly #exchange: Exchange
  readonly #stream: MessageStream
  #left = ALLOWANCE
  #withheld = 0

  constructor(exchange: Exchange) {
    this.#exchange = exchange
    this.#stream = exchange.down
  }

  head(): void {}

  data(_chunk: Buffer, from: number, to: number, end: boolean): void {
    const bytes = to - from
    this.#left -= bytes
    if (this.#left >= 0) {
      this.#stream.credit(bytes)
      return
    }
    // The window closes over what comes beyond, until the answer has left and the stream is reset.
    this.#withheld += bytes
    if (end) this.#end()
    else this.#stream.stop(ANSWERED)
  }

  trailers(): void {
    this.#end()
  }

  reset(reason: Reason): void {
    // The answer to a request for a tunnel may still be under way.
    if (!this.#exchange.done) this.#exchange.reset(reason)
  }

  #end(): void {
    if (this.#withheld > 0) this.#stream.credit(this.#withheld)
  }
}
