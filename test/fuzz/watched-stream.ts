import { Added } from '../../proxy/message/added.ts'
import { Fields } from '../../proxy/message/fields.ts'
import { Head, tunnelHead } from '../../proxy/message/head.ts'
import { type Reason, reasons } from '../../proxy/message/reason.ts'
import type { MessageSink, MessageSource, MessageStream } from '../../proxy/message/stream.ts'
import type { Chooser } from '../support/http1-generator.ts'
import { type Note, promise } from './target.ts'

const OPEN = 0
const ENDED = 1

/** What of the body is sent and what is credited follows from the chooser; what was sent is remembered. */
const PATTERN = Buffer.from(Array.from({ length: 40_000 }, (_, i) => 97 + ((i * 7) % 26)))

/** Tunnels that are asked for; the last is an upgrade that nobody knows. */
export const TUNNELS: readonly string[] = ['CONNECT', 'websocket', 'foo']

const INTERIMS = [Head.response(100), Head.response(103, Fields.of({ link: 'a' }))]

/** Heads made so far, over all executions: what is kept on them for one connection must not harm another. */
const heads = new Map<string, Head>()

function interned(key: string, make: () => Head): Head {
  let head = heads.get(key)
  if (head === undefined) {
    head = make()
    heads.set(key, head)
  }
  return head
}

/**
 * One stream as the application has it: does what the chooser says, and holds the codec to what proxy/message/stream.ts
 * promises: events in order, one end, nothing behind it, every byte credited once.
 */
export class WatchedStream implements MessageSink, MessageSource {
  stream: MessageStream | null = null
  readonly server: boolean
  readonly #chooser: Chooser
  readonly #note: Note
  incoming = OPEN
  outgoing = OPEN
  /** '' while alive, else how it ended before its time: 'reset' by the codec, 'given up' by us. */
  over = ''
  headSeen = false
  headSent = false
  #interims = 0
  /** Of the incoming message: what was declared, what came, what we credited. */
  #expected = -1
  received = 0
  receivedText = ''
  #uncredited = 0
  /** Of the outgoing message. */
  sent = 0
  credited = 0
  sentText = ''
  /** Bytes that the head we sent still owes; -1 when it named no length. */
  #owed = -1
  readonly #misbehaves: boolean
  /** Within a call that gives the codec something: it may still turn it down. */
  #giving = false
  readonly method: string

  /** What the request wants its connection turned into (`Head.tunnel`), "" for an ordinary one. */
  readonly tunnel: string
  /** Of a tunnel: it was accepted. */
  #tunnelOpen = false
  /** What comes is of no interest: its events are not asked for, nor forbidden. */
  #unasked = false

  /** `misbehaves`: now and then what is given contradicts its own head, which the codec has to notice. */
  constructor(
    server: boolean,
    method: string,
    chooser: Chooser,
    note: Note,
    misbehaves = false,
    tunnel = '',
  ) {
    this.tunnel = tunnel
    this.server = server
    this.#misbehaves = misbehaves
    this.method = method
    this.#chooser = chooser
    this.#note = note
    this.headSeen = server
  }

  // What the codec calls.

  head(head: Head, added: Added | null, end: boolean): void {
    this.#alive('a head')
    promise(!this.server && !this.headSeen, 'a second head')
    promise(added === null, 'something added to an incoming head')
    if (head.status < 200) {
      promise(!end, 'an interim head that ends the message')
      promise(++this.#interims <= 32, 'interim heads without end')
      this.#note(`interim ${head.status}`)
      return
    }
    promise(head.status >= 200 && head.status <= 999, `status ${head.status}`)
    this.headSeen = true
    const bodiless = this.method === 'HEAD' || head.status === 204 || head.status === 304
    if (!bodiless) this.#expected = head.contentLength
    if (this.tunnel !== '') {
      promise(head.tunnel === '' || head.tunnel === this.tunnel, 'another tunnel than the one asked for')
      this.#tunnelOpen = head.tunnel !== ''
      // Refused: what was to be sent has no taker.
      this.#bodiless = !this.#tunnelOpen
      this.#note(`tunnel ${this.#tunnelOpen}`)
    } else promise(head.tunnel === '', 'a tunnel that nobody asked for')
    this.#note(`response ${head.status} ${end} ${head.contentLength >= 0} ${head.fields.length}`)
    if (end) this.#incomingEnds()
    this.#react()
  }

  /** The length that a request's head declared. */
  expect(length: number): void {
    this.#expected = length
  }

  data(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.#alive('data')
    promise(this.headSeen, 'data before the head')
    promise(from >= 0 && from <= to && to <= chunk.length, 'data outside of its chunk')
    promise(to > from || end, 'data that is nothing')
    this.received += to - from
    this.#uncredited += to - from
    this.receivedText += chunk.toString('latin1', from, to)
    promise(this.#expected < 0 || this.received <= this.#expected, 'more data than the head declared')
    if (end) this.#incomingEnds()
    this.#react()
  }

  trailers(fields: Fields): void {
    this.#alive('trailers')
    promise(this.headSeen, 'trailers before the head')
    for (const name of fields.names) promise(/^[^\sA-Z:]+$/.test(name), 'a trailer without a proper name')
    this.#note(`trailers ${Math.min(3, fields.length)}`)
    this.#incomingEnds()
    this.#react()
  }

  reset(reason: Reason): void {
    this.#alive('reset', true)
    if (this.#unasked) {
      this.over = 'reset'
      return
    }
    const complete =
      this.incoming === ENDED && this.outgoing === ENDED && this.credited === this.sent && !this.#giving
    promise(!complete, 'a reset behind both ends')
    this.over = 'reset'
    this.#note(`reset ${reason.code}`)
  }

  credit(bytes: number): void {
    promise(this.over === '', `credit after the stream was ${this.over}`)
    promise(bytes > 0, 'credit for nothing')
    this.credited += bytes
    promise(this.credited <= this.sent, 'more credited than sent')
  }

  cancel(): void {
    promise(false, 'a source that is cancelled by the codec')
  }

  #alive(what: string, afterEnd = false): void {
    promise(this.over === '', `${what} after the stream was ${this.over}`)
    promise(afterEnd || this.#unasked || this.incoming === OPEN, `${what} behind the end`)
  }

  #incomingEnds(): void {
    this.incoming = ENDED
    promise(this.#expected < 0 || this.received === this.#expected, 'an end before the declared length')
  }

  // What the application does.

  get settled(): boolean {
    return this.over !== '' || (this.incoming === ENDED && this.outgoing === ENDED)
  }

  /** Does something from within a call, as a proxy that passes on at once does. */
  #react(): void {
    const chooser = this.#chooser
    if (chooser.often(0.5)) this.#creditSome(true)
    if (chooser.often(0.1)) this.act()
  }

  /** Does one thing or nothing. */
  act(): void {
    if (this.over !== '' || this.stream === null) return
    const chooser = this.#chooser
    const action = chooser.below(20)
    if (action < 4) this.#creditSome(chooser.often(0.5))
    else if (action === 4) this.giveUp()
    else if (action === 5) this.#stop()
    else if (this.outgoing === ENDED) return
    else if (!this.headSent) {
      if (this.server) this.#respond()
    } else if (this.tunnel !== '' && !this.#tunnelOpen) {
      if (this.headSeen && !this.server) this.#sendData(true)
    } else if (action < 14) this.#sendData(chooser.often(0.2))
    else if (action < 16 && !this.#tunnelOpen) this.#sendTrailers()
  }

  /** The answer is complete, the rest of the request is of no use. */
  #stop(): void {
    if (!this.server || this.outgoing !== ENDED || this.incoming === ENDED || this.tunnel !== '') return
    this.#unasked = true
    this.incoming = ENDED
    this.#uncredited = 0
    this.stream?.stop(reasons.downstreamReset)
  }

  giveUp(): void {
    if (this.over !== '' || this.stream === null) return
    this.over = 'given up'
    const reason = this.#chooser.of([reasons.timeout, reasons.downstreamReset, reasons.internalError])
    if (this.#chooser.often(0.5)) this.stream.cancel(reason)
    else this.stream.reset(reason)
  }

  #creditSome(all: boolean): void {
    if (this.#uncredited === 0 || this.#unasked || this.over !== '' || this.stream === null) return
    const bytes = all ? this.#uncredited : 1 + this.#chooser.below(this.#uncredited)
    this.#uncredited -= bytes
    this.stream.credit(bytes)
  }

  #respond(): void {
    const chooser = this.#chooser
    if (chooser.often(0.1)) {
      this.stream?.head(INTERIMS[chooser.below(INTERIMS.length)] as Head, null, false)
      return
    }
    if (this.tunnel !== '') {
      if (chooser.often(0.7)) {
        this.headSent = true
        this.#tunnelOpen = true
        this.#note('tunnel opened')
        this.stream?.head(
          tunnelHead(Head.response(200, Fields.of({ 'x-a': 'b' })), this.tunnel),
          this.#added(),
          false,
        )
        return
      }
      this.#unasked = true
      this.incoming = ENDED
    }
    const status = chooser.of([200, 200, 200, 204, 304, 404, 500].slice(this.tunnel === '' ? 0 : 4))
    const bodiless = this.method === 'HEAD' || status === 204 || status === 304
    this.sendHead(`response ${status}`, (fields) => Head.response(status, fields), bodiless)
  }

  /** Sends the head; `make` gets the fields that go into it. Equal heads are one object, as codecs intern them. */
  sendHead(key: string, make: (fields: Fields) => Head, bodiless: boolean): void {
    const chooser = this.#chooser
    const fields: Record<string, string> = {}
    if (chooser.often(0.5)) fields['x-a'] = chooser.of(['b', 'c', 'd'.repeat(50)])
    if (chooser.often(0.1)) fields['te'] = 'trailers'
    const end = bodiless ? chooser.often(0.8) : chooser.often(0.3)
    if (!end && !bodiless && chooser.often(0.5)) {
      this.#owed = chooser.of([1, 10, 5000])
      fields['content-length'] = String(this.#owed)
    } else if (end && chooser.often(0.2)) fields['content-length'] = '0'
    if (this.#misbehaves && chooser.often(0.02)) fields['x-b'] = chooser.of(['a\r\nb', '\0'])
    if (this.#misbehaves && end && chooser.often(0.02)) fields['content-length'] = '5'
    this.headSent = true
    if (end) this.outgoing = ENDED
    this.#bodiless = bodiless
    this.#giving = true
    this.stream?.head(
      interned(`${key} ${JSON.stringify(fields)}`, () => make(Fields.of(fields))),
      this.#added(),
      end,
    )
    this.#giving = false
  }

  /** Sends the head of a request for a tunnel. */
  ask(): void {
    this.headSent = true
    this.#giving = true
    const path = this.tunnel === 'CONNECT' ? '' : '/a'
    this.stream?.head(Head.tunnel(this.tunnel, 'http', 'a.test:80', path), this.#added(), false)
    this.#giving = false
  }

  #added(): Added | null {
    const chooser = this.#chooser
    if (chooser.often(0.5)) return null
    const added = new Added()
    if (chooser.often(0.7)) added.requestId = 1 + chooser.below(1_000_000)
    if (chooser.often(0.5)) added.fields = Fields.of({ 'x-added': chooser.of(['', 'a', 'b'.repeat(200)]) })
    return added
  }

  #bodiless = false

  #sendData(end: boolean): void {
    const chooser = this.#chooser
    let size = chooser.often(0.1) ? chooser.below(PATTERN.length) : chooser.below(100)
    if (this.#bodiless) size = 0
    if (this.#misbehaves && this.#owed >= 0 && chooser.often(0.05)) {
      // More than was declared, or less.
      if (chooser.often(0.5)) size = this.#owed + 1
      else end = true
    } else if (this.#owed >= 0) {
      size = Math.min(size, this.#owed)
      this.#owed -= size
      end = this.#owed === 0
    }
    if (size === 0 && !end) return
    const from = chooser.below(PATTERN.length - size)
    const chunk = Buffer.from(PATTERN.subarray(from, from + size))
    this.sentText += chunk.toString('latin1')
    this.sent += size
    if (end) this.outgoing = ENDED
    this.#giving = true
    this.stream?.data(chunk, 0, size, end)
    this.#giving = false
    chunk.fill(0x21)
  }

  #sendTrailers(): void {
    if (this.#owed > 0 && !(this.#misbehaves && this.#chooser.often(0.1))) return
    this.outgoing = ENDED
    this.#giving = true
    this.stream?.trailers(Fields.of({ 'grpc-status': '0' }))
    this.#giving = false
  }

  /** Brings what is left to an end: everything is credited and sent. */
  finish(): void {
    if (this.over !== '' || this.stream === null) return
    this.#creditSome(true)
    if (this.over !== '' || this.outgoing === ENDED) return
    if (!this.headSent) {
      if (this.tunnel !== '') {
        this.#unasked = true
        this.incoming = ENDED
      }
      this.headSent = true
      this.outgoing = ENDED
      this.stream.head(Head.response(404), null, true)
      return
    }
    if (this.tunnel !== '' && !this.#tunnelOpen && !this.headSeen) return
    for (let n = 0; n < 1000 && this.#owed > 0 && this.over === '' && this.outgoing === OPEN; n++)
      this.#sendData(true)
    if (this.over === '' && this.outgoing === OPEN) this.#sendData(true)
  }

  /** The connection is gone: the codec must have told. */
  checkAtClose(): void {
    if (this.over !== '') return
    promise(this.incoming === ENDED, 'a stream without an end on a closed connection')
    promise(
      this.outgoing === ENDED,
      'a stream whose outgoing half is open on a closed connection, and nobody was told',
    )
    promise(this.credited === this.sent || this.#unasked, 'sent bytes that never left, and nobody was told')
  }
}
