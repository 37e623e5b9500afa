import type { Socket } from 'node:net'
import { reportDefects } from '../../proxy/base/defects.ts'
import { Transport } from '../../proxy/codec/transport.ts'
import { type Reason, reasons } from '../../proxy/message/reason.ts'
import { Chooser } from '../support/http1-generator.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualTurn } from '../support/virtual-turn.ts'
import { FuzzSocket } from './fuzz-socket.ts'
import { BrokenPromise, type Note, promise } from './target.ts'
import type { WatchedStream } from './watched-stream.ts'

/** A connection under fuzz; what the four of them have in common. */
export interface Fuzzed {
  readonly active: number
  drain(): void
  close(reason: Reason): void
}

/** Bytes of the input that choose what the application, the socket and the clock do meanwhile. */
export const CHOICES = 2
/** Output that may wait whatever the peer does: more than any answer of the application here. */
const MAX_UNSENT = 2 * 1024 * 1024

/**
 * One life of a connection: the peer's bytes arrive in pieces, and in between the application acts, the socket stalls and
 * drains, turns end and time passes. In the end the peer leaves; then everything must be over.
 */
export abstract class ConnectionRun {
  readonly clock = new VirtualClock()
  readonly socket = new FuzzSocket()
  readonly transport: Transport
  readonly chooser: Chooser
  readonly streams: WatchedStream[] = []
  readonly note: Note
  /** How often the owner was told of the end. */
  closed = 0
  readonly #turn = new VirtualTurn()
  readonly #bytes: Buffer
  #fed = 0
  #defect: unknown = null

  constructor(input: Buffer, note: Note) {
    this.#bytes = input.subarray(CHOICES)
    this.chooser = new Chooser(1 + (input[0] ?? 0) + 256 * (input[1] ?? 0))
    this.note = note
    this.transport = new Transport(this.socket as unknown as Socket)
  }

  /** Makes the connection; called once, with everything else in place. */
  protected abstract connect(): Fuzzed
  /** Something that only this kind of connection can do in between. */
  protected abstract step(): void
  /** Looks at what holds all the time. */
  protected abstract check(): void
  /** Looks at all that was written, when everything is over. */
  protected abstract checkOutput(output: Buffer): void
  /** Looks at what the connection still holds when the peer is gone. */
  protected abstract checkEnd(): void

  /** Bytes of the peer that have arrived. */
  get arrived(): Buffer {
    return this.#bytes.subarray(0, this.#fed)
  }

  run(): void {
    reportDefects((error) => {
      this.#defect ??= error
    })
    this.#turn.install()
    try {
      const connection = this.connect()
      this.#feed(connection)
      this.#end(connection)
    } finally {
      this.#turn.restore()
      reportDefects(() => {})
    }
  }

  get alive(): boolean {
    return !this.socket.destroyed
  }

  #feed(connection: Fuzzed): void {
    const chooser = this.chooser
    const bytes = this.#bytes
    const style = chooser.below(3)
    const lively = chooser.of([0, 0.3, 1])
    // Nothing happens for ever, whatever is paused: a step that neither feeds nor acts counts too.
    for (let steps = 0; this.#fed < bytes.length && this.alive && steps < 5000; steps++) {
      if (!this.socket.paused || steps % 50 === 49) {
        if (this.socket.paused) this.finishAll()
        if (!this.socket.paused) this.#receive(style)
      }
      if (chooser.often(lively)) this.#act(connection)
      if (chooser.often(0.3)) this.#turn.end()
      this.#check()
    }
  }

  #receive(style: number): void {
    const chooser = this.chooser
    const left = this.#bytes.length - this.#fed
    const size = style === 0 ? left : 1 + chooser.below(style === 1 ? Math.min(left, 12) : left)
    const chunk = Buffer.from(this.#bytes.subarray(this.#fed, this.#fed + size))
    this.#fed += chunk.length
    this.transport.received(chunk)
    // The chunk is its owner's again.
    chunk.fill(0x21)
  }

  #act(connection: Fuzzed): void {
    const chooser = this.chooser
    const action = chooser.below(40)
    if (action < 25) this.streams[chooser.below(this.streams.length)]?.act()
    else if (action < 32) this.step()
    else if (action < 34) this.#stall(true)
    else if (action < 37) this.#stall(false)
    else if (action === 37) this.clock.jump(chooser.of([10, 300, 5000, 30_000]))
    else if (action === 38 && chooser.often(0.2)) connection.drain()
    else if (action === 39 && chooser.often(0.1)) connection.close(reasons.timeout)
  }

  #stall(stalled: boolean): void {
    if (!this.alive) return
    if (stalled) this.transport.congested = true
    else this.socket.emit('drain')
  }

  #check(): void {
    if (this.#defect !== null) {
      const error = this.#defect
      throw error instanceof BrokenPromise ? error : new Error(`a defect: ${(error as Error).stack ?? error}`)
    }
    promise(this.transport.unsent <= MAX_UNSENT, 'output without end waits')
    this.check()
  }

  protected finishAll(): void {
    for (const stream of this.streams) stream.finish()
  }

  /** A second at a time, as connections that look at themselves now and then count how often they looked. */
  #pass(seconds: number): void {
    for (; seconds > 0 && (this.alive || this.clock.timers.armed > 0); seconds--) {
      this.clock.jump(1000)
      this.#turn.end()
      // Requests that waited have come meanwhile.
      this.finishAll()
    }
    this.#turn.end()
  }

  #end(connection: Fuzzed): void {
    const how = this.chooser.below(4)
    this.note(`end ${how} alive ${this.alive} active ${Math.min(3, connection.active)}`)
    if (how === 0) this.socket.destroy(Object.assign(new Error('reset by peer'), { code: 'ECONNRESET' }))
    else if (how === 1) {
      // The peer stays and says nothing more; the application ends what is its to end.
      this.#stall(false)
      this.finishAll()
      this.#turn.end()
      this.#pass(150)
      if (connection.active === 0)
        promise(this.socket.ended || !this.alive, 'an idle connection is kept for ever')
      this.socket.peerEnds()
    } else this.socket.peerEnds()
    this.#check()
    this.#turn.end()
    this.#stall(false)
    this.finishAll()
    this.#turn.end()
    this.#pass(150)
    promise(!this.alive, 'the peer is gone and the socket is still open')
    promise(this.closed === 1, `the owner was told ${this.closed} times of the end`)
    for (const stream of this.streams) stream.checkAtClose()
    promise(connection.active === 0, 'streams are left on a closed connection')
    // What is still given is of no use, but must do no harm.
    this.finishAll()
    connection.drain()
    connection.close(reasons.timeout)
    this.#turn.end()
    this.#pass(5)
    promise(this.clock.timers.armed === 0, `${this.clock.timers.armed} timers are armed behind the end`)
    this.#check()
    this.checkEnd()
    this.checkOutput(this.socket.output)
  }
}
