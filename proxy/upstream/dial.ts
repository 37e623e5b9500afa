import { connect, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { tlsFailureText } from '../../certs/tls-failure.ts'
import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'
import { SharedRead } from '../codec/shared-read.ts'
import { Transport } from '../codec/transport.ts'
import { type Reason, reasons } from '../message/reason.ts'
import type { Protocol } from '../message/session.ts'
import { PeerIdentityError, UpstreamTls } from './upstream-tls.ts'

export interface DialOptions {
  readonly protocol: Protocol | 'auto'
  /** Null: plain text. */
  readonly tls: UpstreamTls | null
  /** For TCP and TLS together, in milliseconds. */
  readonly connectMs: number
  readonly timers: TimerWheel
}

/** Hears how a dial went; exactly one of the two is called, once, unless the dial is cancelled. */
export interface DialOwner {
  connected(dial: Dial, transport: Transport, protocol: Protocol): void
  failed(dial: Dial, reason: Reason): void
}

/** One attempt to connect to an endpoint: TCP, then TLS where asked, within a deadline. */
export class Dial implements Deadline {
  readonly #owner: DialOwner
  readonly #options: DialOptions
  readonly #socket: Socket
  readonly #timer: Timer
  readonly #read = new SharedRead()
  #done = false

  constructor(host: string, port: number, options: DialOptions, owner: DialOwner) {
    this.#owner = owner
    this.#options = options
    this.#timer = new Timer(this, 0)
    options.timers.arm(this.#timer, options.connectMs)
    if (options.tls === null) {
      this.#socket = connect({
        host,
        port,
        noDelay: true,
        // An endpoint may end its side of a tunnel first; sessions close what they do not want half open.
        allowHalfOpen: true,
        onread: this.#read,
      })
      this.#socket.once('connect', () => this.#connected())
    } else {
      this.#socket = options.tls.connect(host, port, ALPN[options.protocol])
      this.#socket.once('secureConnect', () => this.#secured())
    }
    this.#socket.once('error', (error) => this.#fail(failureReason(error)))
    this.#socket.once('close', () =>
      this.#fail(reasons.connectFailure.with('the endpoint closed the connection during the handshake')),
    )
  }

  /** Gives up; the owner is not told. */
  cancel(): void {
    this.#settle()
    this.#socket.on('error', () => {})
    this.#socket.destroy()
  }

  expired(): void {
    this.#fail(reasons.connectTimeout.with(`nothing within ${this.#options.connectMs} ms`))
  }

  #connected(): void {
    this.#finish(this.#options.protocol === 'h2' ? 'h2' : 'http1')
  }

  #secured(): void {
    const socket = this.#socket as TLSSocket
    if (!UpstreamTls.isVerified(socket)) {
      this.#fail(reasons.peerIdentity.with('no verified certificate'))
      return
    }
    socket.allowHalfOpen = true
    const agreed = socket.alpnProtocol
    if (this.#options.protocol === 'h2' && agreed !== 'h2') {
      this.#fail(reasons.connectFailure.with('the endpoint does not speak HTTP/2 (ALPN), see protocol'))
      return
    }
    this.#finish(agreed === 'h2' ? 'h2' : 'http1')
  }

  #finish(protocol: Protocol): void {
    if (this.#done) return
    this.#settle()
    const transport = new Transport(this.#socket)
    if (this.#options.tls === null) this.#read.transport = transport
    else transport.start()
    this.#owner.connected(this, transport, protocol)
  }

  #fail(reason: Reason): void {
    if (this.#done) return
    this.#settle()
    this.#socket.on('error', () => {})
    this.#socket.destroy()
    this.#owner.failed(this, reason)
  }

  #settle(): void {
    this.#done = true
    this.#options.timers.disarm(this.#timer)
    this.#socket.removeAllListeners('error')
    this.#socket.removeAllListeners('close')
  }
}

const ALPN: Record<Protocol | 'auto', string[]> = {
  h2: ['h2'],
  http1: ['http/1.1'],
  auto: ['h2', 'http/1.1'],
}

function failureReason(error: Error): Reason {
  if (error instanceof PeerIdentityError) return reasons.peerIdentity.with(error.message)
  const code = 'code' in error ? String(error.code) : ''
  // What verification says of a certificate has codes of its own; sockets' and protocol errors start with E and ERR_SSL.
  if (code !== '' && !/^E[A-Z0-9]+$|^ERR_SSL/.test(code)) return reasons.peerIdentity.with(error.message)
  return reasons.connectFailure.with(tlsFailureText(error))
}
