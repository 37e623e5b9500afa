import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { TimerWheel } from '../../proxy/base/timer-wheel.ts'
import { Http1ClientConnection, type Http1ClientOptions } from '../../proxy/codec/http1/client-connection.ts'
import { Http1ServerConnection } from '../../proxy/codec/http1/server-connection.ts'
import type { Http1ServerOptions } from '../../proxy/codec/http1/server-options.ts'
import { Transport } from '../../proxy/codec/transport.ts'
import type { Added } from '../../proxy/message/added.ts'
import type { Fields } from '../../proxy/message/fields.ts'
import type { Head } from '../../proxy/message/head.ts'
import type { Reason } from '../../proxy/message/reason.ts'
import type { ClientSessionOwner, RequestAcceptor } from '../../proxy/message/session.ts'
import type { MessageSink, MessageSource, MessageStream } from '../../proxy/message/stream.ts'

/** Stands in for a socket: what is written is kept, what the peer does is called. */
export class MemorySocket extends EventEmitter {
  written = ''
  writable = true
  destroyed = false
  ended = false
  wasReset = false
  paused = false
  /** Set it to make the socket look as if the peer did not read. */
  writableLength = 0

  setNoDelay(): void {}
  write(chunk: Buffer): boolean {
    this.written += chunk.toString('latin1')
    return true
  }
  pause(): void {
    this.paused = true
  }
  resume(): void {
    this.paused = false
  }
  end(): void {
    this.ended = true
    this.writable = false
  }
  destroy(error?: Error): void {
    if (this.destroyed) return
    this.destroyed = true
    this.writable = false
    if (error !== undefined) this.emit('error', error)
    setImmediate(() => this.emit('close'))
  }
  resetAndDestroy(): void {
    this.wasReset = true
    this.destroy()
  }
}

/** A wheel that only a test turns. */
export class VirtualTime {
  ms = 1000
  readonly wheel: TimerWheel

  constructor() {
    this.wheel = new TimerWheel(() => this.ms)
  }

  /** Lets time pass without any deadline having had a chance to fire. */
  skip(ms: number): void {
    this.ms += ms
  }

  pass(ms: number): void {
    const until = this.ms + ms
    while (this.ms < until) {
      this.ms = Math.min(until, this.ms + 10)
      this.wheel.advance()
    }
  }
}

/** A source or sink that notes its events as text. */
export class Recorder implements MessageSink, MessageSource {
  readonly events: string[] = []
  body = ''
  credited = 0
  head_: Head | null = null
  trailers_: Fields | null = null
  reason: Reason | null = null
  /** Where received bytes are credited at once, as a sink that passes everything on does. */
  creditTo: MessageSource | null = null
  onEnd: (() => void) | null = null

  head(head: Head, _added: Added | null, end: boolean): void {
    if (head.status >= 200) this.head_ = head
    this.events.push(`head ${head.status}${end ? ' end' : ''}`)
    if (end) this.onEnd?.()
  }
  data(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.body += chunk.toString('latin1', from, to)
    if (end) this.events.push('end')
    if (to > from) this.creditTo?.credit(to - from)
    if (end) this.onEnd?.()
  }
  trailers(fields: Fields): void {
    this.trailers_ = fields
    this.events.push('trailers')
    this.onEnd?.()
  }
  reset(reason: Reason): void {
    this.reason = reason
    this.events.push(`reset ${reason.code}`)
  }
  credit(bytes: number): void {
    this.credited += bytes
  }
  cancel(reason: Reason): void {
    this.events.push(`cancel ${reason.code}`)
  }
}

/** A request as it reached the acceptor. */
export class Accepted extends Recorder {
  readonly stream: MessageStream
  readonly request: Head

  constructor(stream: MessageStream, request: Head, end: boolean) {
    super()
    this.stream = stream
    this.request = request
    this.events.push(`request ${request.method} ${request.path}${end ? ' end' : ''}`)
    stream.receiver = this
    stream.source = this
  }
}

/** Lets everything that waits for the end of the turn happen. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))))
}

/** A server connection on a memory socket. */
export class ServerBench implements RequestAcceptor {
  readonly socket = new MemorySocket()
  readonly time = new VirtualTime()
  readonly accepted: Accepted[] = []
  readonly refused: Reason[] = []
  /** Keys of the limits that were reached. */
  readonly limits: string[] = []
  closed = 0
  readonly transport: Transport
  readonly connection: Http1ServerConnection
  /** Called with each request; credits and notes only by default. */
  onRequest: (accepted: Accepted, end: boolean) => void = () => {}

  constructor(options: Partial<Http1ServerOptions> = {}) {
    this.transport = new Transport(this.socket as unknown as Socket)
    this.connection = new Http1ServerConnection(this.transport, {
      scheme: 'http',
      acceptor: this,
      wheel: this.time.wheel,
      onClosed: () => {
        this.closed++
      },
      onRefused: (reason) => this.refused.push(reason),
      limitReached: (limit) => this.limits.push(limit),
      ...options,
    })
  }

  request(stream: MessageStream, head: Head, end: boolean): void {
    const accepted = new Accepted(stream, head, end)
    accepted.creditTo = stream
    this.accepted.push(accepted)
    this.onRequest(accepted, end)
  }

  /** The peer sends `text` (latin1), `size` bytes at a time. */
  receive(text: string, size = text.length || 1): this {
    const bytes = Buffer.from(text, 'latin1')
    for (let at = 0; at < bytes.length; at += size) {
      // The chunk is ours again afterwards: codecs must not rely on it.
      const chunk = Buffer.from(bytes.subarray(at, at + size))
      this.transport.received(chunk)
      chunk.fill(0x21)
    }
    return this
  }

  /** What was written since the last call. */
  async sent(): Promise<string> {
    await turn()
    const text = this.socket.written
    this.socket.written = ''
    return text
  }

  dispose(): void {
    this.socket.destroy()
  }
}

/** A client connection on a memory socket. */
export class ClientBench implements ClientSessionOwner {
  readonly socket = new MemorySocket()
  readonly time = new VirtualTime()
  readonly events: string[] = []
  /** Keys of the limits that were reached. */
  readonly limits: string[] = []
  readonly transport: Transport
  readonly connection: Http1ClientConnection

  constructor(options: Partial<Http1ClientOptions> = {}) {
    this.transport = new Transport(this.socket as unknown as Socket)
    this.connection = new Http1ClientConnection(this.transport, {
      owner: this,
      wheel: this.time.wheel,
      limitReached: (limit) => this.limits.push(limit),
      ...options,
    })
  }

  capacityChanged(): void {
    this.events.push('capacity')
  }
  retired(): void {
    this.events.push('retired')
  }
  closed(_session: unknown, reason: Reason): void {
    this.events.push(`closed ${reason.code}`)
  }

  open(): { recorder: Recorder; stream: MessageStream } {
    const recorder = new Recorder()
    const stream = this.connection.open(recorder, recorder)
    recorder.creditTo = stream
    return { recorder, stream }
  }

  receive(text: string, size = text.length || 1): this {
    const bytes = Buffer.from(text, 'latin1')
    for (let at = 0; at < bytes.length; at += size) {
      const chunk = Buffer.from(bytes.subarray(at, at + size))
      this.transport.received(chunk)
      chunk.fill(0x21)
    }
    return this
  }

  async sent(): Promise<string> {
    await turn()
    const text = this.socket.written
    this.socket.written = ''
    return text
  }

  dispose(): void {
    this.socket.destroy()
  }
}
