import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { Http2ClientConnection, type Http2ClientOptions } from '../../proxy/codec/http2/client-connection.ts'
import { PREFACE } from '../../proxy/codec/http2/constants.ts'
import {
  CONNECTION_WINDOW,
  MAX_CONNECTION_WINDOW,
  MAX_STREAM_WINDOW,
  STREAM_WINDOW,
} from '../../proxy/codec/http2/options.ts'
import { Http2ServerConnection, type Http2ServerOptions } from '../../proxy/codec/http2/server-connection.ts'
import { Transport } from '../../proxy/codec/transport.ts'
import type { Head } from '../../proxy/message/head.ts'
import type { Reason } from '../../proxy/message/reason.ts'
import type { MessageStream } from '../../proxy/message/stream.ts'
import { assertFrames, type Frame, FrameCoder, settings, settingsAck } from './frames.ts'
import { Received } from './recorded.ts'
import { VirtualClock } from './virtual-clock.ts'

/** Stands in for a socket: what is written is kept. */
export class WireSocket extends EventEmitter {
  written: Buffer[] = []
  writable = true
  destroyed = false
  ended = false
  /** Above 256 KiB the connection sees a peer that does not read. */
  writableLength = 0
  /** As a socket counts it: what it was given to write. */
  bytesWritten = 0
  paused = false

  setNoDelay(): void {}
  pause(): void {
    this.paused = true
  }
  resume(): void {
    this.paused = false
  }
  write(chunk: Buffer): void {
    // The buffer is the connection's to use again.
    this.written.push(Buffer.from(chunk))
    this.bytesWritten += chunk.length
  }
  end(): void {
    this.ended = true
    this.writable = false
  }
  destroy(): void {
    this.destroyed = true
    this.writable = false
  }
}

/** One end of a connection under test, and the peer that the test plays, without a socket: all is synchronous. */
abstract class Bench {
  readonly clock = new VirtualClock()
  readonly socket = new WireSocket()
  readonly transport = new Transport(this.socket as unknown as Socket)
  readonly coder = new FrameCoder()
  /** The limits that were reached, in order. */
  readonly limits: string[] = []
  readonly limitReached = (limit: string): void => {
    this.limits.push(limit)
  }

  send(...frames: Frame[]): void {
    this.sendBytes(Buffer.concat(frames.map((frame) => this.coder.write(frame))))
  }

  sendBytes(bytes: Buffer): void {
    this.transport.received(bytes)
  }

  /** The frames that were sent since last asked. */
  take(): Frame[] {
    this.transport.flush()
    const written = this.socket.written
    this.socket.written = []
    return this.coder.read(Buffer.concat(written))
  }

  expect(...frames: Frame[]): void {
    assertFrames(this.take(), frames)
  }

  /** The types of the frames since last asked, for where the rest does not matter. */
  takeTypes(): string[] {
    return this.take().map((frame) => frame.type)
  }

  /** The peer does not read any more; then it does. */
  stall(): void {
    this.transport.congested = true
  }
  unstall(): void {
    this.socket.emit('drain')
  }

  /** The socket is gone. */
  hangUp(error?: Error): void {
    if (error !== undefined) this.socket.emit('error', error)
    this.socket.emit('close')
  }
}

/** What the benches are made with; tests change single ones. */
export const LIMITS = {
  streamWindow: STREAM_WINDOW,
  maxStreamWindow: MAX_STREAM_WINDOW,
  connectionWindow: CONNECTION_WINDOW,
  maxHeadBytes: 65536,
  maxFields: 100,
  idleMs: 0,
  headMs: 10_000,
  maxStreams: 100,
}

/**
 * A connection window that a test sets does not grow, unless it says so; and a bench has no turns, unless a test wants
 * them.
 */
function withDefaults(options: Partial<Http2ServerOptions>): Omit<Http2ServerOptions, 'timers'> {
  return {
    ...LIMITS,
    maxConnectionWindow: options.connectionWindow ?? MAX_CONNECTION_WINDOW,
    ...options,
    limits: { streamsPerTurn: 1_000_000, ...options.limits },
  }
}

/** A request that the server connection handed out, with what came of it. */
export class Accepted extends Received {
  override readonly stream: MessageStream
  readonly request: Head

  constructor(stream: MessageStream, request: Head, end: boolean) {
    super()
    this.stream = stream
    this.request = request
    this.ended = end
    stream.receiver = this
    stream.source = this
  }
}

/** Drives the server role: the test is the client. */
export class ServerBench extends Bench {
  readonly connection: Http2ServerConnection
  readonly accepted: Accepted[] = []
  onRequest: (accepted: Accepted) => void = () => {}
  closedFor: Reason | null = null

  /** `start`: preface and settings have been exchanged. */
  constructor(options: Partial<Http2ServerOptions> = {}, start = true) {
    super()
    this.connection = new Http2ServerConnection(
      this.transport,
      { ...withDefaults(options), timers: this.clock.timers, limitReached: this.limitReached },
      {
        request: (stream, head, end) => {
          const accepted = new Accepted(stream, head, end)
          this.accepted.push(accepted)
          this.onRequest(accepted)
        },
      },
      {
        sessionClosed: (_session, reason) => {
          this.closedFor = reason
        },
      },
    )
    if (!start) return
    this.sendBytes(PREFACE)
    this.send(settings(), settingsAck())
    this.take()
  }
}

/** Drives the client role: the test is the server. */
export class ClientBench extends Bench {
  readonly connection: Http2ClientConnection
  readonly events: string[] = []
  closedFor: Reason | null = null
  onCapacity: () => void = () => {}

  /** `start`: preface and settings have been exchanged. */
  constructor(options: Partial<Http2ClientOptions> = {}, start = true) {
    super()
    this.connection = new Http2ClientConnection(
      this.transport,
      { ...withDefaults(options), timers: this.clock.timers, limitReached: this.limitReached },
      {
        capacityChanged: () => {
          this.events.push('capacity')
          this.onCapacity()
        },
        retired: () => {
          this.events.push('retired')
        },
        closed: (_session, reason) => {
          this.events.push('closed')
          this.closedFor = reason
        },
      },
    )
    if (!start) return
    this.transport.flush()
    this.socket.written = []
    this.send(settings(), settingsAck())
    this.expect(settingsAck())
    this.events.length = 0
  }

  /** Opens a stream and sends `head` on it. */
  request(head: Head, end = true): { stream: MessageStream; response: Received } {
    const response = new Received()
    const stream = this.connection.open(response, response)
    response.stream = stream
    stream.head(head, null, end)
    return { stream, response }
  }
}
