import { chunkText, Http1Reader, headText } from './http1-wire.ts'
import { type Exchange, type FieldList, fieldOf, replyFields, replyTrailers, type Try } from './ledger.ts'
import type { MemorySocket } from './memory-network.ts'
import { type Channel, Outgoing } from './outgoing.ts'
import type { Draw, Ending } from './plan.ts'
import type { Storm } from './storm.ts'

/** Output that a peer lets pile up, in bytes. */
const MOST_UNSENT = 64 * 1024

/** What both ends of an HTTP/1 connection share: writing, pausing, breaking off. */
abstract class Http1Peer implements Channel {
  readonly socket: MemorySocket
  protected readonly storm: Storm
  protected outgoing: Outgoing | null = null
  protected abstract readonly reader: Http1Reader
  #chunked = false
  #begun = false
  closed = false

  constructor(storm: Storm, socket: MemorySocket) {
    this.storm = storm
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      try {
        this.reader.read(chunk)
      } catch (error) {
        storm.wrong(`${this.constructor.name} could not read: ${error}\n${chunk.toString('latin1')}`)
        socket.destroy()
      }
    })
    socket.on('error', () => {})
    socket.on('end', () => this.gone('FIN', true))
    socket.on('close', () => this.gone('the connection is gone', false))
    socket.resume()
  }

  /** Its message may not be on the wire whole; nothing comes any more. */
  protected abstract gone(why: string, orderly: boolean): void

  act(draw: Draw): void {
    if (this.closed) return
    const { socket } = this
    if (socket.flowing && draw.chance(0.02) && !this.storm.calm) socket.pause()
    else if (!socket.flowing && draw.chance(0.1)) socket.resume()
    if (this.maySend()) this.outgoing?.step(draw)
  }

  protected maySend(): boolean {
    return true
  }

  /** Reads on, whatever was planned. */
  calmDown(): void {
    this.socket.resume()
  }

  room(): number {
    return this.socket.writableLength < MOST_UNSENT ? MOST_UNSENT : 0
  }

  writeHead(first: string, fields: FieldList, end: boolean): void {
    const length = fieldOf(fields, 'content-length')
    // Of interim heads only their status counts.
    this.#begun = !/^1\d\d$/.test(first)
    this.#chunked = this.#begun && !end && length === null && this.chunks()
    this.socket.write(
      headText(this.firstLine(first), this.#chunked ? [...fields, ['transfer-encoding', 'chunked']] : fields),
    )
  }

  /** Another message is to be sent. */
  protected write(outgoing: Outgoing): void {
    this.outgoing = outgoing
    this.#begun = false
    this.#chunked = false
  }

  protected abstract firstLine(first: string): string
  protected abstract chunks(): boolean

  writeData(bytes: Buffer, end: boolean): void {
    if (this.#chunked) this.socket.write(chunkText(bytes, end))
    else if (bytes.length > 0) this.socket.write(bytes)
  }

  writeTrailers(fields: FieldList): void {
    this.socket.write(Buffer.concat([Buffer.from('0\r\n'), headText('', fields).subarray(2)]))
  }

  leave(how: Ending): void {
    const { socket } = this
    if (how === 'silence') this.storm.atCalm(() => socket.destroy())
    else if (how === 'fin') socket.end()
    else if (how === 'rst') socket.resetAndDestroy()
    else {
      if (how === 'garbage' && this.mayWriteGarbage()) socket.write(Buffer.from('\x00no HTTP\r\n\r\n'))
      // With a FIN behind it, so that it arrives.
      if (how === 'garbage') socket.end()
      else socket.destroy()
    }
    if (socket.destroyed) this.gone('we left', false)
  }

  /** Where it cannot be taken for the body. */
  protected mayWriteGarbage(): boolean {
    return this.#chunked || !this.#begun
  }
}

/** A caller: one request after the other, now and then the next before the reply to the last. */
export class Http1Caller extends Http1Peer {
  protected readonly reader: Http1Reader
  readonly protocol = 'http1'
  readonly #waiting: Exchange[] = []
  readonly #pipelines: boolean
  #sending: Exchange | null = null
  #left: number
  #last = false

  constructor(storm: Storm, socket: MemorySocket, draw: Draw) {
    super(storm, socket)
    this.#left = 1 + draw.upTo(30)
    // Our endpoints take one request at a time.
    this.#pipelines = draw.chance(0.2) && !storm.direct
    this.reader = new Http1Reader(
      false,
      (first, fields) => {
        const exchange = this.#waiting[0]
        if (exchange === undefined) throw new Error(`a reply to nothing: ${first}`)
        const status = Number(first.split(' ')[1])
        if (fieldOf(fields, 'connection') === 'close') this.#last = true
        const bodiless = exchange.plan.method === 'HEAD' || status === 204 || status === 304
        return { watch: exchange.reply, bodiless, more: status < 200 }
      },
      () => this.#replied(),
    )
  }

  /** Room for another request. */
  get free(): boolean {
    if (this.closed || this.#left === 0 || this.#last || !this.socket.writable) return false
    return this.#sending === null && this.#waiting.length < (this.#pipelines ? 4 : 1)
  }

  get idle(): boolean {
    return this.#waiting.length === 0 && this.#sending === null
  }

  start(exchange: Exchange): void {
    const { plan, id } = exchange
    this.#left -= 1
    this.#waiting.push(exchange)
    this.#sending = exchange
    const fields: (readonly [string, string])[] = [
      ['host', exchange.authority],
      ['x-id', String(id)],
    ]
    if (plan.grpc) fields.push(['content-type', 'application/grpc'])
    if (plan.takesTrailers) fields.push(['te', 'trailers'], ['connection', 'te'])
    if (plan.declared && (plan.size > 0 || plan.method === 'POST'))
      fields.push(['content-length', String(plan.size)])
    const sent = plan.declared ? { ...plan, trailers: false } : plan
    const first = `${plan.method} ${exchange.path}`
    const trailers = [['x-sum', String(id)]] as const
    this.write(
      new Outgoing(this, id, sent, plan.declared, first, fields, trailers, (what) => {
        exchange.note(`caller sends ${what}`)
        if (what === 'end') exchange.requestSent = true
        if (what !== 'head') this.#sending = null
      }),
    )
  }

  override act(draw: Draw): void {
    super.act(draw)
    const exchange = this.#waiting[0]
    const giveUp = exchange?.plan.giveUp ?? null
    if (exchange === undefined || giveUp === null || this.closed) return
    if (exchange.reply.received < giveUp.at || !draw.chance(0.02)) return
    exchange.note('caller gives up')
    this.leave(giveUp.how)
  }

  #replied(): void {
    this.storm.settled(this.#waiting.shift() as Exchange)
    if (this.#last) this.socket.end()
  }

  protected gone(why: string, orderly: boolean): void {
    if (this.closed) return
    this.closed = true
    this.outgoing?.stop()
    this.#sending = null
    this.reader.closed(why, orderly)
    for (const exchange of this.#waiting.splice(0)) {
      exchange.reply.aborted(why)
      this.storm.settled(exchange)
    }
    this.socket.end()
  }

  protected firstLine(first: string): string {
    return `${first} HTTP/1.1`
  }

  protected chunks(): boolean {
    return true
  }
}

/** An endpoint's side of one connection. */
export class Http1Endpoint extends Http1Peer {
  protected readonly reader: Http1Reader
  #try: Try | null = null
  /** The last one, also when it is over. */
  #served: Try | null = null
  #requests = 0
  #empty = false
  /** It closes the connection behind what it has sent. */
  #leaving = false
  /** Goes on reading a request that it has answered. */
  readonly #patient: boolean

  constructor(storm: Storm, socket: MemorySocket, draw: Draw) {
    super(storm, socket)
    this.#patient = storm.weather.cuts === 0 || draw.chance(0.5)
    this.reader = new Http1Reader(
      true,
      (first, fields) => {
        const exchange = storm.exchangeAt(first.split(' ')[1] as string)
        if (this.#try !== null) throw new Error(`a request before the reply to the last: ${first}`)
        const plan = storm.replyPlan(exchange)
        const attempt = exchange.arrived(plan, this.#requests > 0, this.#leaving || !socket.writable)
        this.#requests += 1
        this.#try = attempt
        this.#served = attempt
        this.#reply(attempt)
        if (fieldOf(fields, 'host') !== exchange.authority) exchange.wrong('another authority')
        return { watch: attempt, bodiless: false, more: false }
      },
      () => {},
    )
  }

  get idle(): boolean {
    return this.#try === null
  }

  #reply(attempt: Try): void {
    const { plan, exchange, serial } = attempt
    const fields = replyFields(attempt)
    if (plan.persistence === 'close' || (plan.bodiless && plan.persistence === 'delimit'))
      fields.push(['connection', 'close'])
    // Without a length the end of the connection would be the end of the body.
    this.#empty = !plan.bodiless && !plan.declared && plan.persistence !== 'delimit'
    const sent = plan.declared ? { ...plan, trailers: false } : plan
    const whole = plan.declared || plan.bodiless
    const trailers = replyTrailers(attempt)
    this.write(
      new Outgoing(this, serial, sent, whole, String(plan.status), fields, trailers, (what) => {
        exchange.note(`try ${serial}: endpoint sends ${what}`)
        // A request that was sent to a connection that we had closed is one of the keep-alive race.
        if (this.socket.writable && (what !== 'cut' || plan.cut?.how === 'garbage')) attempt.answered = true
        if (what !== 'cut') attempt.headSent = true
        if (what === 'cut') attempt.cut = true
        if (what === 'end') this.#replied(attempt)
      }),
    )
  }

  #replied(attempt: Try): void {
    attempt.replySent = true
    this.#try = null
    const stays = attempt.over === 'complete' || this.#patient
    if (stays && attempt.plan.persistence === 'keep') return
    this.#leaving = true
    // Behind the bytes that are about to be written.
    this.storm.network.later(() => this.socket.end())
  }

  /** What it does with a request waits for as much of it as the plan says. */
  protected override maySend(): boolean {
    const attempt = this.#try
    return attempt === null || attempt.over !== '' || attempt.received >= attempt.plan.after
  }

  protected gone(why: string): void {
    if (this.closed) return
    this.closed = true
    if (this.#served !== null) this.#served.lost = true
    this.outgoing?.stop()
    this.reader.closed(why, false)
    this.socket.end()
  }

  override writeHead(first: string, fields: FieldList, end: boolean): void {
    super.writeHead(first, end && this.#empty ? [...fields, ['content-length', '0']] : fields, end)
  }

  protected firstLine(first: string): string {
    return `HTTP/1.1 ${first} ${first === '200' ? 'OK' : ''}`
  }

  protected chunks(): boolean {
    return this.#try !== null && this.#try.plan.persistence !== 'delimit' && !this.#try.plan.bodiless
  }
}
