import { type Fields, NO_FIELDS } from '../../message/fields.ts'
import { ChunkedDecoder } from './chunked-decoder.ts'
import { BODY_CHUNKED, BODY_LENGTH } from './head-record.ts'
import type { Http1Limits } from './limits.ts'

/** Finds the end of a message's body in any framing (RFC 9112 §6). One per connection, used body after body. */
export class BodyDecoder {
  /** What the last `next` found: octets `from` to `to` are body, possibly none. */
  from = 0
  to = 0
  /** The body is complete. */
  done = false
  /** Why the body is malformed, or null. */
  failure: string | null = null
  /** Key of the limit that made it fail, "" when it was none. */
  limit = ''
  /** The trailers of a body that is done. */
  trailers: Fields = NO_FIELDS
  /** Bytes still to come with BODY_LENGTH. */
  remaining = 0
  framing = 0
  #chunked: ChunkedDecoder | null = null
  readonly #limits: Http1Limits

  constructor(limits: Http1Limits) {
    this.#limits = limits
  }

  /** Prepares for a body; `framing` is one of BODY_LENGTH (then `length` is above 0), BODY_CHUNKED and BODY_CLOSE. */
  begin(framing: number, length: number): void {
    this.framing = framing
    this.remaining = length
    this.done = false
    this.failure = null
    this.trailers = NO_FIELDS
    if (framing !== BODY_CHUNKED) return
    if (this.#chunked === null) this.#chunked = new ChunkedDecoder(this.#limits)
    this.#chunked.begin()
  }

  /** Decodes on from octet `at`, at most to the end of the next piece of body; returns the position reached. */
  next(octets: Buffer, at: number, end: number): number {
    if (this.framing === BODY_LENGTH) {
      const take = Math.min(end - at, this.remaining)
      this.remaining -= take
      this.from = at
      this.to = at + take
      this.done = this.remaining === 0
      return at + take
    }
    if (this.framing !== BODY_CHUNKED) {
      this.from = at
      this.to = end
      return end
    }
    const chunked = this.#chunked as ChunkedDecoder
    const reached = chunked.next(octets, at, end)
    this.from = chunked.from
    this.to = chunked.to
    this.failure = chunked.failure
    this.limit = chunked.limit
    if (chunked.done) {
      this.done = true
      this.trailers = chunked.trailers
    }
    return reached
  }
}
