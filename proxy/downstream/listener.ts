import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import { tlsFailureText } from '../../certs/tls-failure.ts'
import type { TimerWheel } from '../base/timer-wheel.ts'
import { VERSION_NOT_SUPPORTED } from '../codec/http1/reasons.ts'
import { acceptedTransport } from '../codec/shared-read.ts'
import { Transport } from '../codec/transport.ts'
import { type Reason, reasons } from '../message/reason.ts'
import type { Protocol, RequestAcceptor, ServerSession } from '../message/session.ts'
import type { ListenerStats } from '../telemetry/listener-stats.ts'
import type { Caller } from './caller.ts'
import { ProtocolDetection } from './protocol-detection.ts'
import { createServerSession, type ServerSessionOptions } from './server-session.ts'
import { callerIdentity, type ServerIdentity, serverTlsOptions } from './server-tls.ts'

export interface ListenerOptions {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly tls: 'mutual' | 'permissive' | 'server' | 'none'
  /** Null exactly when `tls` is none. */
  readonly identity: ServerIdentity | null
  readonly timers: TimerWheel
  readonly handshakeMs: number
  readonly maxConnections: number
  readonly session: ServerSessionOptions
  readonly stats: ListenerStats
  /** Takes the requests of a connection. */
  readonly acceptor: (caller: Caller, protocol: Protocol) => RequestAcceptor
  /** A connection was turned away; `reason` is a short stable name, `detail` a sentence. */
  readonly refused: (remote: string, reason: string, detail: string) => void
}

/** First byte of a TLS record that holds a handshake (RFC 8446 §5.1). */
const TLS_HANDSHAKE = 0x16

/** What connections end for that is worth a line in the log. */
const BREACHES: ReadonlySet<string> = new Set(
  [
    reasons.badRequest,
    reasons.flood,
    reasons.headTooLarge,
    reasons.uriTooLong,
    reasons.requestTimeout,
    reasons.notImplemented,
    reasons.expectationFailed,
    VERSION_NOT_SUPPORTED,
  ].map(({ code }) => code),
)

/** One listening socket: accepts, terminates TLS, finds out the protocol, makes a session per connection. */
export class Listener {
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #tls: TlsServer | null
  readonly #sessions = new Set<ServerSession>()
  readonly #sockets = new Set<Socket>()
  // Connections in their handshake, or that have not shown their protocol yet, by the caller's address and port.
  readonly #unborn = new Map<string, Socket>()

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#tls = options.identity === null ? null : this.#createTls(options.identity)
    if (this.#tls !== null && options.tls !== 'permissive') {
      this.#server = this.#tls
      this.#tls.on('connection', (socket: Socket) => this.#accepted(socket))
    } else {
      this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true })
      this.#server.on('connection', (socket) => {
        if (this.#tls === null) {
          const transport = acceptedTransport(socket)
          if (this.#accepted(transport.socket)) this.#plain(transport)
        } else if (this.#accepted(socket)) {
          this.#peek(socket, this.#tls)
        }
      })
    }
  }

  /** Connections accepted and not yet closed. */
  get connections(): number {
    return this.#sockets.size
  }

  /** Starts to listen. Rejects with the system's error, such as EADDRINUSE. */
  listen(): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: this.#options.host, port: this.#options.port, backlog: 1024 }, () => {
        this.#server.removeListener('error', reject)
        // Errors of a listening socket (no descriptors left) pass; it goes on accepting when it can.
        this.#server.on('error', (error) => this.#options.refused('', 'accept', error.message))
        resolve(this.#server.address() as AddressInfo)
      })
    })
  }

  /** Accepts no more; sessions finish what is under way. */
  drain(): void {
    this.#server.close()
    for (const session of [...this.#sessions]) session.drain()
    // What has not got as far as a protocol has no request under way.
    for (const socket of [...this.#unborn.values()]) socket.destroy()
  }

  /** Closes everything at once. */
  close(reason: Reason): void {
    this.#server.close()
    for (const session of [...this.#sessions]) session.close(reason)
    for (const socket of this.#sockets) socket.destroy()
  }

  #createTls(identity: ServerIdentity): TlsServer {
    const options = this.#options
    const mutual = options.tls === 'mutual' || options.tls === 'permissive'
    const tls = createTlsServer(serverTlsOptions(identity, mutual, options.handshakeMs))
    tls.on('secureConnection', (socket) => this.#secured(socket, identity, mutual))
    tls.on('tlsClientError', (error, socket) => {
      options.stats.tlsFailures.count('handshake')
      options.refused(remoteOf(socket), 'handshake', `the TLS handshake failed: ${tlsFailureText(error)}`)
      socket.destroy()
    })
    return tls
  }

  /** Counts a fresh connection in, or turns it away. */
  #accepted(socket: Socket): boolean {
    const { stats, maxConnections } = this.#options
    socket.on('error', () => {})
    if (this.#sockets.size >= maxConnections) {
      stats.connectionsRefused.count('limit')
      stats.limits.count('limits.connections')
      this.#options.refused(remoteOf(socket), 'limit', `${maxConnections} connections are open`)
      socket.destroy()
      return false
    }
    const remote = remoteOf(socket)
    this.#sockets.add(socket)
    this.#unborn.set(remote, socket)
    stats.connections += 1
    stats.connectionsOpened += 1
    socket.once('close', () => {
      if (this.#unborn.get(remote) === socket) this.#unborn.delete(remote)
      if (this.#sockets.delete(socket)) stats.connections -= 1
    })
    return true
  }

  /** Permissive: the first byte says whether the caller has moved to TLS. */
  #peek(socket: Socket, tls: TlsServer): void {
    const silent = () => socket.destroy()
    const ended = () => socket.end()
    socket.setTimeout(this.#options.session.idleMs, silent)
    socket.once('data', (chunk: Buffer) => {
      socket.setTimeout(0)
      socket.removeListener('timeout', silent)
      socket.removeListener('end', ended)
      socket.pause()
      socket.unshift(chunk)
      if (chunk[0] === TLS_HANDSHAKE) {
        socket.allowHalfOpen = false
        tls.emit('connection', socket)
      } else {
        this.#plain(new Transport(socket))
      }
    })
    socket.once('end', ended)
    socket.resume()
  }

  #plain(transport: Transport): void {
    const { socket } = transport
    const caller = {
      address: addressOf(socket),
      port: socket.remotePort ?? 0,
      principal: null,
      tls: false,
      serverName: '',
    }
    this.#detect(transport, caller)
    transport.start()
  }

  #secured(socket: TLSSocket, identity: ServerIdentity, mutual: boolean): void {
    const { stats } = this.#options
    socket.on('error', () => {})
    let principal: Caller['principal'] = null
    if (mutual) {
      const verdict = callerIdentity(socket, identity.trustDomain)
      if ('refusal' in verdict) {
        stats.tlsFailures.count(verdict.refusal)
        this.#options.refused(remoteOf(socket), verdict.refusal, verdict.detail)
        // With a close_notify, so that the caller sees an end rather than a broken connection.
        socket.destroySoon()
        return
      }
      principal = verdict.id
    }
    stats.tlsHandshakes += 1
    // Not before: whoever closes in the middle of a handshake (a port probe) is done.
    socket.allowHalfOpen = true
    const transport = new Transport(socket)
    const caller = {
      address: addressOf(socket),
      port: socket.remotePort ?? 0,
      principal,
      tls: true,
      serverName: (socket.servername || '').toLowerCase(),
    }
    if (socket.alpnProtocol === 'h2') {
      this.#start(transport, 'h2', caller)
    } else {
      this.#detect(transport, caller)
    }
    transport.start()
  }

  #detect(transport: Transport, caller: Caller): void {
    const { timers, session } = this.#options
    new ProtocolDetection(transport, timers, session, (protocol) => this.#start(transport, protocol, caller))
  }

  #start(transport: Transport, protocol: Protocol, caller: Caller): void {
    const { stats, acceptor, session: options } = this.#options
    this.#unborn.delete(`${caller.address}:${caller.port}`)
    if (protocol === 'h2') stats.http2 += 1
    else stats.http1 += 1
    const session = createServerSession(transport, protocol, options, acceptor(caller, protocol), {
      scheme: caller.tls ? 'https' : 'http',
      limitReached: (limit) => stats.limits.count(limit),
      replied: (reason) => stats.localReplies.count(reason.code),
      closed: (ended, reason) => {
        this.#sessions.delete(ended)
        if (reason !== null && BREACHES.has(reason.code)) {
          stats.protocolErrors.count(reason.code)
          this.#options.refused(`${caller.address}:${caller.port}`, 'protocol', String(reason))
        }
      },
    })
    this.#sessions.add(session)
  }
}

function addressOf(socket: Socket): string {
  const address = socket.remoteAddress ?? ''
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

/** Address and port of the peer, "an unknown address" when the connection is gone already. */
function remoteOf(socket: Socket): string {
  if (socket.remotePort === undefined) return 'an unknown address'
  return `${addressOf(socket)}:${socket.remotePort ?? 0}`
}
