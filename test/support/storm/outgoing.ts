import type { FieldList } from './ledger.ts'
import { bodyBytes, type Draw, type Ending, type MessagePlan } from './plan.ts'

/** Where a message is written to: a stream of HTTP/2, or a connection of HTTP/1 while the message lasts. */
export interface Channel {
  /** Body bytes that may be sent now. */
  room(): number
  writeHead(first: string, fields: FieldList, end: boolean): void
  writeData(bytes: Buffer, end: boolean): void
  writeTrailers(fields: FieldList): void
  /** Leaves the message unfinished. */
  leave(how: Ending): void
}

const HEAD = 0
const BODY = 1
const DONE = 2

/** A message that is sent piece by piece as its plan says, up to its end or to where it is cut. */
export class Outgoing {
  readonly message: number
  readonly plan: MessagePlan
  readonly #channel: Channel
  /** It is complete with its last byte, not by an end of its own (content-length in HTTP/1, or no body). */
  readonly #whole: boolean
  readonly #first: string
  readonly #fields: FieldList
  readonly #trailers: FieldList
  /** Called with 'head' before the final head is written, with 'end' before the end is, with 'cut' before it is cut. */
  readonly #told: (what: 'head' | 'end' | 'cut') => void
  #interims: number
  #sent = 0
  #state = HEAD

  constructor(
    channel: Channel,
    message: number,
    plan: MessagePlan & { readonly interims?: number },
    whole: boolean,
    first: string,
    fields: FieldList,
    trailers: FieldList,
    told: (what: 'head' | 'end' | 'cut') => void,
  ) {
    this.#channel = channel
    this.message = message
    this.plan = plan
    this.#whole = whole
    this.#first = first
    this.#fields = fields
    this.#trailers = trailers
    this.#told = told
    this.#interims = plan.interims ?? 0
  }

  /** Its head was sent. */
  get begun(): boolean {
    return this.#state !== HEAD
  }

  get done(): boolean {
    return this.#state === DONE
  }

  /** Nobody wants the rest, or the channel is gone. */
  stop(): void {
    this.#state = DONE
  }

  /** Sends the next piece; false when there is none, or no room for it. */
  step(draw: Draw): boolean {
    if (this.#state === DONE) return false
    const { cut, size } = this.plan
    if (this.#state === HEAD) {
      if (cut !== null && cut.at < 0) this.#leave(cut.how)
      else if (this.#interims > 0) {
        this.#interims -= 1
        this.#channel.writeHead(draw.of('100', '103'), [['x-interim', 'yes']], false)
      } else this.#head(draw)
      return true
    }
    if (cut !== null && this.#sent >= cut.at) {
      this.#leave(cut.how)
      return true
    }
    const upTo = cut === null ? size : Math.min(size, cut.at)
    const bytes = Math.min(upTo - this.#sent, this.#channel.room(), 1 + draw.upTo(this.plan.grain))
    if (bytes <= 0 && this.#sent < size) return false
    this.#body(bytes, draw)
    return true
  }

  #head(draw: Draw): void {
    const { size, trailers, cut } = this.plan
    const end = size === 0 && !trailers && cut === null && (this.#whole || draw.chance(0.7))
    this.#told('head')
    if (end) this.#told('end')
    this.#state = end ? DONE : BODY
    this.#channel.writeHead(this.#first, this.#fields, end)
  }

  #body(bytes: number, draw: Draw): void {
    const { size, trailers, cut } = this.plan
    const piece = bodyBytes(this.message, this.#sent, bytes)
    this.#sent += bytes
    const last = this.#sent === size && cut === null
    if (last && !trailers && (bytes === 0 || this.#whole || draw.chance(0.7))) {
      this.#told('end')
      this.#state = DONE
      this.#channel.writeData(piece, true)
    } else if (bytes > 0) this.#channel.writeData(piece, false)
    else if (last && trailers) {
      this.#told('end')
      this.#state = DONE
      this.#channel.writeTrailers(this.#trailers)
    }
  }

  #leave(how: Ending): void {
    this.#state = DONE
    this.#told('cut')
    this.#channel.leave(how)
  }
}
