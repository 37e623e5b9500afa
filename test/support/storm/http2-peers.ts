import { Http2Peer, PeerStream } from './http2-peer.ts'
import { type Exchange, type FieldList, fieldOf, replyFields, replyTrailers, type Try } from './ledger.ts'
import type { MemorySocket } from './memory-network.ts'
import { Outgoing } from './outgoing.ts'
import type { Draw } from './plan.ts'
import type { Storm } from './storm.ts'

const REFUSED_STREAM = 7
const NO_ERROR = 0

/** A caller with many streams. */
export class Http2Caller extends Http2Peer {
  readonly protocol = 'h2'
  readonly #exchanges = new Map<PeerStream, Exchange>()
  #nextId = 1
  #left: number
  readonly #abreast: number

  constructor(storm: Storm, socket: MemorySocket, draw: Draw) {
    super(storm, socket, draw, true)
    this.#left = 1 + draw.upTo(60)
    this.#abreast = 1 + draw.upTo(16)
  }

  get free(): boolean {
    if (this.closed || this.goingAway || this.#left === 0 || !this.socket.writable) return false
    return this.streams.size < Math.min(this.#abreast, this.mostStreams)
  }

  get idle(): boolean {
    return this.streams.size === 0
  }

  start(exchange: Exchange): void {
    const { plan, id } = exchange
    this.#left -= 1
    const stream = new PeerStream(this, this.#nextId)
    this.#nextId += 2
    this.streams.set(stream.id, stream)
    this.#exchanges.set(stream, exchange)
    stream.watch = exchange.reply
    const fields: (readonly [string, string])[] = [['x-id', String(id)]]
    if (plan.grpc) fields.push(['content-type', 'application/grpc'])
    if (plan.takesTrailers) fields.push(['te', 'trailers'])
    if (plan.declared && (plan.size > 0 || plan.method === 'POST'))
      fields.push(['content-length', String(plan.size)])
    const trailers = [['x-sum', String(id)]] as const
    stream.outgoing = new Outgoing(
      stream,
      id,
      plan,
      false,
      `${plan.method} ${exchange.path}`,
      fields,
      trailers,
      (what) => {
        exchange.note(`caller sends ${what}`)
        if (what === 'end') exchange.requestSent = true
      },
    )
    // Heads go out in the order of their streams.
    stream.outgoing.step(this.draw)
  }

  pseudo(stream: PeerStream, first: string): FieldList {
    const [method = '', path = ''] = first.split(' ')
    const authority = this.#exchanges.get(stream)?.authority ?? ''
    return [
      [':method', method],
      [':scheme', 'http'],
      [':path', path],
      [':authority', authority],
    ]
  }

  override act(draw: Draw): void {
    super.act(draw)
    if (this.closed) return
    for (const [stream, exchange] of this.#exchanges) {
      const { plan, reply } = exchange
      if (plan.giveUp === null || reply.received < plan.giveUp.at || !draw.chance(0.02)) continue
      exchange.note('caller gives up')
      this.leave(stream, plan.giveUp.how)
      return
    }
  }

  override dropped(stream: PeerStream): void {
    super.dropped(stream)
    const exchange = this.#exchanges.get(stream)
    this.#exchanges.delete(stream)
    if (exchange !== undefined) this.storm.settled(exchange)
  }

  protected begin(stream: PeerStream | null, _id: number, fields: FieldList, end: boolean): void {
    if (stream === null) return
    const status = fieldOf(fields, ':status') ?? ''
    if (status.startsWith('1')) stream.watch?.head(status, fields)
    else this.headArrived(stream, status, fields, end)
  }

  protected override goaway(last: number, code: number, debug: string): void {
    super.goaway(last, code, debug)
    if (code !== NO_ERROR) this.storm.complaint(`GOAWAY to a caller: ${code} ${debug}`)
    for (const stream of [...this.streams.values()]) {
      if (stream.id > last) stream.drop(`GOAWAY ${debug}`)
    }
  }
}

/** An endpoint's side of one connection. */
export class Http2Endpoint extends Http2Peer {
  readonly #tries = new Map<PeerStream, Try>()
  #highest = 0
  #last = Number.POSITIVE_INFINITY

  constructor(storm: Storm, socket: MemorySocket, draw: Draw) {
    super(storm, socket, draw, false)
  }

  get idle(): boolean {
    return this.streams.size === 0
  }

  pseudo(_stream: PeerStream, first: string): FieldList {
    return [[':status', first]]
  }

  protected override maySend(stream: PeerStream): boolean {
    const attempt = this.#tries.get(stream)
    return attempt === undefined || attempt.over !== '' || attempt.received >= attempt.plan.after
  }

  /** Takes no more streams; those that are known go on. */
  goAway(): void {
    if (this.#last !== Number.POSITIVE_INFINITY) return
    this.#last = this.#highest
    this.sendGoaway(this.#last)
  }

  override dropped(stream: PeerStream): void {
    super.dropped(stream)
    this.#tries.delete(stream)
  }

  protected begin(_stream: PeerStream | null, id: number, fields: FieldList, end: boolean): void {
    if (id <= this.#highest) return
    this.#highest = id
    // Behind a GOAWAY nothing is processed.
    if (id > this.#last) return
    const exchange = this.storm.exchangeAt(fieldOf(fields, ':path') ?? '')
    const stream = new PeerStream(this, id)
    this.streams.set(id, stream)
    if (this.draw.chance(this.storm.weather.refusals)) {
      exchange.note('an endpoint refuses the stream')
      this.reset(stream, REFUSED_STREAM)
      return
    }
    const attempt = exchange.arrived(this.draw.reply(this.storm.weather, exchange.plan), false, false)
    if (fieldOf(fields, ':authority') !== exchange.authority) exchange.wrong('another authority')
    stream.watch = attempt
    this.#tries.set(stream, attempt)
    const { plan, serial } = attempt
    const trailers = replyTrailers(attempt)
    stream.outgoing = new Outgoing(
      stream,
      serial,
      plan,
      false,
      String(plan.status),
      replyFields(attempt),
      trailers,
      (what) => {
        exchange.note(`try ${serial}: endpoint sends ${what}`)
        attempt.answered = true
        if (what !== 'cut') attempt.headSent = true
        if (what === 'end') {
          attempt.replySent = true
          if (attempt.over === '' && this.draw.chance(0.5))
            this.storm.network.later(() => !stream.over && stream.sentWhole && this.reset(stream, NO_ERROR))
        }
      },
    )
    this.headArrived(stream, `${fieldOf(fields, ':method')} ${fieldOf(fields, ':path')}`, fields, end)
  }
}
