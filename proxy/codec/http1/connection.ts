import type { Deadline } from '../../base/timer-wheel.ts'
import { type LimitWatch, UNWATCHED } from '../../message/limit-watch.ts'
import type { Transport, TransportUser } from '../transport.ts'
import { BodyDecoder } from './body-decoder.ts'
import { HeadCache } from './head-cache.ts'
import type { HeadParser, HeadRecord } from './head-record.ts'
import type { Http1Limits } from './limits.ts'
import { LF } from './octets.ts'

const EMPTY = Buffer.alloc(0)
/** Input buffers above this size are given back when they are empty. */
const INPUT_KEPT = 4096
/** An incomplete head is parsed again after so many more bytes, to find what is wrong with it early. */
const REPARSE_AFTER = 4096
/** Body bytes read beyond the window, in search of a FIN, while nothing of the body leaves. */
const READ_ON = 256 * 1024

/**
 * What both roles share: the input that could not be used yet, the search for heads, and the pausing of the transport.
 *
 * Input is parsed where it lies in the read chunk. Only what is left over (part of a head, a pipelined request) is
 * copied to `input`, which then goes first.
 */
export abstract class Http1Connection implements TransportUser, Deadline {
  readonly transport: Transport
  protected readonly limits: Http1Limits
  protected readonly limitReached: LimitWatch
  protected readonly body: BodyDecoder
  protected readonly parser: HeadParser
  /** The head that `readHead` found. */
  protected record: HeadRecord | null
  readonly #cache: HeadCache
  #input: Buffer
  #from: number
  #to: number
  /** Bytes of the head under way already searched for the end of a line, and already parsed. */
  #searched: number
  #parsed: number
  /** Body bytes handed on and not yet credited. */
  #uncredited: number
  #paused: boolean

  constructor(
    transport: Transport,
    limits: Http1Limits,
    parser: HeadParser,
    limitReached: LimitWatch = UNWATCHED,
  ) {
    this.transport = transport
    this.limits = limits
    this.limitReached = limitReached
    this.parser = parser
    this.body = new BodyDecoder(limits)
    this.record = null
    this.#cache = new HeadCache()
    this.#input = EMPTY
    this.#from = 0
    this.#to = 0
    this.#searched = 0
    this.#parsed = 0
    this.#uncredited = 0
    this.#paused = false
    transport.user = this
  }

  /** Uses octets `at` to `to` as far as possible now; returns the position reached. What is left comes again. */
  protected abstract consume(octets: Buffer, at: number, to: number): number
  abstract readEnd(): void
  abstract drained(): void
  abstract closed(error: Error | null): void
  abstract expired(kind: number): void

  read(chunk: Buffer): void {
    const length = chunk.length
    if (this.#to === 0) {
      const reached = this.consume(chunk, 0, length)
      if (reached < length) this.#keep(chunk, reached, length)
    } else {
      this.#keep(chunk, 0, length)
      this.consumeKept()
    }
  }

  /** Nothing is read: what was read before waits to be used or to leave. */
  protected get paused(): boolean {
    return this.#paused
  }

  /** Bytes of input that wait. */
  protected get kept(): number {
    return this.#to - this.#from
  }

  /** Goes on with the input that waits. */
  protected consumeKept(): void {
    if (this.#to === 0) return
    this.#from = this.consume(this.#input, this.#from, this.#to)
    if (this.#from >= this.#to) this.dropKept()
    this.#pauseOrResume()
  }

  protected dropKept(): void {
    this.#from = 0
    this.#to = 0
    this.#searched = 0
    if (this.#input.length > INPUT_KEPT) this.#input = EMPTY
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const more = to - from
    const have = this.#to - this.#from
    if (this.#to + more > this.#input.length) {
      const target =
        have + more > this.#input.length
          ? Buffer.allocUnsafeSlow(Math.max(1024, (have + more) * 2))
          : this.#input
      this.#input.copy(target, 0, this.#from, this.#to)
      this.#input = target
      this.#from = 0
      this.#to = have
    }
    chunk.copy(this.#input, this.#to, from, to)
    this.#to += more
    if (have + more > this.limits.pipelineBytes) this.#pauseOrResume()
  }

  /** Finds the head that starts at `at`: the position behind it, 0 when it is incomplete, -1 when it is wrong. */
  protected readHead(octets: Buffer, at: number, to: number): number {
    const cache = this.#cache
    const hit = cache.find(octets, at, to)
    if (hit !== null) {
      this.record = hit
      this.#searched = 0
      return at + cache.length
    }
    if (this.#searched > 0 && !this.#worthParsing(octets, at, to)) return 0
    const next = this.parser.parse(octets, at, to)
    if (next === 0) {
      this.#searched = to - at
      this.#parsed = to - at
      return 0
    }
    this.#searched = 0
    if (next > 0) {
      this.record = this.parser.record
      cache.store(this.record as HeadRecord, octets, at, next)
    }
    return next
  }

  /** Keeps a head that dribbles in from being parsed from its start with every byte: once per line is enough. */
  #worthParsing(octets: Buffer, at: number, to: number): boolean {
    if (to - at >= this.limits.headBytes || to - at - this.#parsed >= REPARSE_AFTER) return true
    const lf = octets.indexOf(LF, at + this.#searched)
    if (lf >= 0 && lf < to) return true
    this.#searched = to - at
    return false
  }

  /** `bytes` more bytes of body were handed on. */
  protected handedOn(bytes: number): void {
    this.#uncredited += bytes
    if (this.#uncredited > this.limits.windowBytes) this.#pauseOrResume()
  }

  /** `bytes` bytes of body have left for where they go. */
  credited(bytes: number): void {
    this.#uncredited -= bytes
    if (this.#paused) this.#pauseOrResume()
  }

  /** The message is over, or its body no longer matters: nothing of it is awaited. */
  protected forgetCredit(): void {
    this.#uncredited = 0
    if (this.#paused) this.#pauseOrResume()
  }

  #pauseOrResume(): void {
    const window = this.limits.windowBytes
    const full =
      this.#uncredited > (this.#paused ? window / 2 : window) || this.kept > this.limits.pipelineBytes
    if (full === this.#paused) return
    this.#paused = full
    if (full) this.transport.pause()
    else this.transport.resume()
  }

  /**
   * To be called now and then while reading pauses: a paused socket does not see its peer go. A reset shows without
   * reading; returns true then. A FIN stands behind the bytes that were sent before it, so a little more is read each
   * time. What the peer sent beyond READ_ON hides its FIN until some of the body leaves.
   */
  protected peerLost(): boolean {
    if (this.transport.reset) return true
    if (this.#uncredited > this.limits.windowBytes + READ_ON || this.kept > this.limits.pipelineBytes)
      return false
    this.#paused = false
    this.transport.resume()
    return false
  }

  /** Reads on whatever waits, so that the peer's FIN is seen. */
  protected unpause(): void {
    this.dropKept()
    this.forgetCredit()
  }

  /** Closes at once, in the middle of a message; with RST where a plain close would look like the message's end. */
  protected abort(delimiting: boolean): void {
    if (delimiting) this.transport.abort()
    else {
      this.transport.flush()
      this.transport.destroy()
    }
  }
}
