import { bodyBytes, type ReplyPlan, type RequestPlan } from './plan.ts'

export type FieldList = readonly (readonly [string, string])[]

export function fieldOf(fields: FieldList, name: string): string | null {
  return fields.find(([known]) => known === name)?.[1] ?? null
}

/** Takes one message as it arrives at a peer. */
export interface MessageWatch {
  head(first: string, fields: FieldList): void
  data(bytes: Buffer): void
  /** `trailers`: null when there were none. */
  end(trailers: FieldList | null): void
  aborted(why: string): void
}

/** Ten in all, whatever the reasons: three as the route says, some that were always safe, and those beside others. */
const MOST_TRIES = 10

/** One try as its endpoint sees it. */
export class Try implements MessageWatch {
  readonly exchange: Exchange
  readonly serial: number
  readonly plan: ReplyPlan
  readonly idempotent: boolean
  received = 0
  fields: FieldList = []
  trailers: FieldList | null = null
  over: '' | 'complete' | 'aborted' = ''
  /** Of the reply. */
  headSent = false
  replySent = false
  /** Its reply was left unfinished, as planned. */
  cut = false
  /** Its connection ended before the reply did: what had been sent of it may not have arrived. */
  lost = false
  /** Something was sent back. */
  answered = false
  /** Over HTTP/1, on a connection that had carried another request. */
  readonly reused: boolean

  /** It came on a connection that its endpoint had closed already: the keep-alive race. */
  readonly late: boolean

  constructor(exchange: Exchange, plan: ReplyPlan, reused: boolean, late: boolean) {
    this.reused = reused
    this.late = late
    this.exchange = exchange
    this.plan = plan
    // Every message has a number of its own, that of a request being its exchange's.
    this.serial = 100_000 + exchange.id * 10 + exchange.tries.length
    this.idempotent = exchange.plan.grpc || exchange.plan.method !== 'POST'
  }

  head(first: string, fields: FieldList): void {
    const { exchange } = this
    this.fields = fields
    exchange.note(`try ${this.serial}: ${first} ${JSON.stringify(this.plan)}`)
    if (this.late || this.reused)
      exchange.note(this.late ? 'to a connection that was closed' : 'on a used connection')
    if (fieldOf(fields, 'x-id') !== String(exchange.id))
      exchange.wrong(`the endpoint got x-id ${fieldOf(fields, 'x-id')}`)
    if (!first.startsWith(`${exchange.plan.method} `)) exchange.wrong(`the endpoint got ${first}`)
    const { size, declared } = exchange.plan
    const length = fieldOf(fields, 'content-length')
    if (length !== null && Number(length) !== size)
      exchange.wrong(`the endpoint got content-length ${length}`)
    if (declared && size > 0 && length === null) exchange.wrong('the content-length of the request is lost')
  }

  data(bytes: Buffer): void {
    const { exchange } = this
    if (this.over !== '') exchange.wrong(`try ${this.serial}: bytes behind the end of the request`)
    if (!bodyBytes(exchange.id, this.received, bytes.length).equals(bytes))
      exchange.wrong(`try ${this.serial}: other bytes than were sent, from ${this.received} on`)
    this.received += bytes.length
  }

  end(trailers: FieldList | null): void {
    const { exchange } = this
    this.trailers = trailers
    exchange.note(`try ${this.serial}: request complete, ${this.received} bytes`)
    if (this.over !== '') exchange.wrong(`try ${this.serial}: a second end of the request`)
    this.over = 'complete'
    if (!exchange.requestSent && !exchange.plan.declared)
      exchange.wrong(`try ${this.serial}: a cut request looks complete`)
    if (this.received !== exchange.plan.size)
      exchange.wrong(`try ${this.serial}: ${this.received} bytes instead of ${exchange.plan.size}`)
    checkTrailers(exchange, `try ${this.serial}`, trailers, exchange.plan.trailers, exchange.id)
  }

  aborted(why: string): void {
    this.exchange.note(`try ${this.serial}: request aborted: ${why}`)
    if (this.over === '') this.over = 'aborted'
  }
}

/** What the caller gets. */
export class Reply implements MessageWatch {
  readonly exchange: Exchange
  status = 0
  fields: FieldList = []
  trailers: FieldList | null = null
  readonly interims: number[] = []
  /** Of the sidecar's own making; the reason. */
  local: string | null = null
  from: Try | null = null
  received = 0
  over: '' | 'complete' | 'aborted' = ''

  constructor(exchange: Exchange) {
    this.exchange = exchange
  }

  head(first: string, fields: FieldList): void {
    const { exchange } = this
    exchange.note(`caller: ${first}`)
    const status = Number(first)
    if (status < 200) {
      this.interims.push(status)
      return
    }
    if (this.status !== 0 || this.over !== '') exchange.wrong('a second head of the reply')
    this.status = status
    this.fields = fields
    this.local = fieldOf(fields, 'x-pillion-reason')
    if (this.local !== null) {
      exchange.note(`caller: local reply ${this.local}`)
      return
    }
    const serial = Number(fieldOf(fields, 'x-serial'))
    const from = exchange.tries.find((each) => each.serial === serial)
    if (from === undefined) return exchange.wrong(`a reply that is not of this request: ${serial}`)
    this.from = from
    if (status !== from.plan.status) exchange.wrong(`status ${status} instead of ${from.plan.status}`)
    if (!from.headSent) exchange.wrong('a head that was not sent')
  }

  data(bytes: Buffer): void {
    const { exchange, from } = this
    if (this.status === 0 || this.over !== '') exchange.wrong('body out of place')
    if (this.local !== null) exchange.note(`caller: ${bytes.toString('latin1')}`)
    if (from !== null && !bodyBytes(from.serial, this.received, bytes.length).equals(bytes))
      exchange.wrong(`the caller got other bytes than were sent, from ${this.received} on`)
    this.received += bytes.length
  }

  end(trailers: FieldList | null): void {
    const { exchange, from } = this
    exchange.note(
      `caller: reply complete, ${this.received} bytes, ${trailers === null ? 'no trailers' : trailers.join('; ')}`,
    )
    if (this.over !== '') exchange.wrong('a second end of the reply')
    this.over = 'complete'
    this.trailers = trailers
    if (from === null) return
    if (exchange.plan.grpc && trailers !== null && fieldOf(trailers, 'grpc-status') !== '0') {
      // The status of a call that was cut off: it says so itself.
      this.local = fieldOf(trailers, 'grpc-status')
      if (from.replySent && from.serial === Number(fieldOf(trailers, 'x-sum')))
        exchange.wrong('a status of ours')
      return
    }
    // What is whole by its length needs no end.
    const { bodiless, declared } = from.plan
    // And what ends with its connection may end anywhere, unless by RST.
    const delimited = from.plan.persistence === 'delimit' && exchange.protocols.endsWith('http1')
    const broken = from.cut && from.plan.cut?.how === 'rst'
    if (delimited && !broken && (!from.replySent || this.received < from.plan.size)) return
    if (!from.replySent && !(from.headSent && (bodiless || declared)))
      exchange.wrong('a cut reply looks complete')
    if (this.received !== from.plan.size)
      exchange.wrong(`${this.received} bytes of reply instead of ${from.plan.size}`)
    checkTrailers(exchange, 'caller', trailers, from.plan.trailers, from.serial)
  }

  aborted(why: string): void {
    if (this.over !== '') return
    this.exchange.note(`caller: reply aborted: ${why}`)
    this.over = 'aborted'
  }
}

function checkTrailers(
  exchange: Exchange,
  who: string,
  got: FieldList | null,
  sent: boolean,
  message: number,
): void {
  const sum = got === null ? null : fieldOf(got, 'x-sum')
  // Where the next hop cannot take them they are left out; never are there others.
  if (sum !== null && sum !== String(message)) exchange.wrong(`${who}: trailers of another message`)
  if (sum !== null && !sent) exchange.wrong(`${who}: trailers that nobody sent`)
  if (sum === null && sent && exchange.protocols === 'h2>h2') exchange.wrong(`${who}: the trailers are lost`)
}

/** One exchange with all that happened to it. */
export class Exchange {
  readonly id: number
  readonly plan: RequestPlan
  readonly protocols: string
  readonly events: string[] = []
  readonly tries: Try[] = []
  readonly reply: Reply
  /** The caller has sent all of it, its end included. */
  requestSent = false
  readonly #wrong: (what: string) => void
  readonly #now: () => number

  constructor(
    id: number,
    plan: RequestPlan,
    protocols: string,
    now: () => number,
    wrong: (what: string) => void,
  ) {
    this.id = id
    this.plan = plan
    this.protocols = protocols
    this.reply = new Reply(this)
    this.#now = now
    this.#wrong = wrong
  }

  get authority(): string {
    return `${this.plan.route}.${this.protocols.split('>')[1]}`
  }

  get path(): string {
    return this.plan.grpc ? `/storm.Storm/${this.id}` : `/${this.id}`
  }

  note(what: string): void {
    this.events.push(`${this.#now()} ${what}`)
  }

  wrong(what: string): void {
    this.note(`WRONG: ${what}`)
    this.#wrong(
      `exchange ${this.id} (${this.protocols}): ${what}\n${JSON.stringify(this.plan)}\n${this.events.join('\n')}`,
    )
  }

  /** The request has reached an endpoint, maybe again. */
  arrived(plan: ReplyPlan, reused: boolean, late: boolean): Try {
    const again = new Try(this, plan, reused, late)
    for (const earlier of this.tries) {
      if (!again.idempotent) this.wrong('a request that is not idempotent reached an endpoint twice')
      else if (this.plan.route === 'plain' && !again.late && !earlier.late && !raced(this, earlier))
        this.wrong('tried again without being allowed to')
    }
    if (this.tries.length >= MOST_TRIES) this.wrong('tried too often')
    this.tries.push(again)
    return again
  }
}

/** A connection that had been used before ended without a word: what is idempotent may be sent again. */
function raced({ plan }: Exchange, { answered, reused, lost }: Try): boolean {
  return !plan.grpc && reused && (!answered || lost)
}

/** What an endpoint says in its reply. */
export function replyFields({ exchange, plan, serial }: Try): [string, string][] {
  const fields: [string, string][] = [
    ['x-id', String(exchange.id)],
    ['x-serial', String(serial)],
  ]
  if (exchange.plan.grpc) fields.push(['content-type', 'application/grpc'])
  // RFC 9110 section 8.6: what a reply to HEAD or a 304 declares is not what it brings.
  if (plan.declared && plan.status !== 204)
    fields.push(['content-length', String(plan.bodiless ? 77 : plan.size)])
  return fields
}

export function replyTrailers({ exchange, serial }: Try): FieldList {
  const sum = ['x-sum', String(serial)] as const
  return exchange.plan.grpc ? [sum, ['grpc-status', '0']] : [sum]
}
