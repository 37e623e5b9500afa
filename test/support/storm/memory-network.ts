import { EventEmitter } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import net, { type OnReadOpts } from 'node:net'
import type { Random } from '../../../proxy/base/random.ts'

/** What a write has to exceed before `drain` follows, as with Node's own sockets, in bytes. */
const HIGH_WATER = 16 * 1024
/** Most bytes that one read of a socket yields. */
const READ_SIZE = 64 * 1024

interface Write {
  readonly buffer: Buffer
  taken: number
}

/**
 * One end of a connection in memory, as far like a TCP socket of Node's as the proxy can see: a kernel buffer of some
 * size, output beyond it kept by reference, `drain`, half-open ends, resets. Bytes move when the network says so.
 */
export class MemorySocket extends EventEmitter {
  readonly network: MemoryNetwork
  peer: MemorySocket | null = null
  remoteAddress = '127.0.0.1'
  remotePort: number
  /** The port it was accepted at, 0 for the side that connected. */
  localPort = 0
  allowHalfOpen: boolean
  connecting = false
  destroyed = false
  writable = true
  writableLength = 0
  flowing = false
  /** What was sent here and not read yet. */
  readonly inbound: Buffer[] = []
  inboundBytes = 0
  /** FIN waits behind `inbound`. */
  #finCame = false
  #finSeen = false
  /** RST has come; `noticed` also by a socket that does not read, since it tried to write. */
  #resetCame = false
  #noticed = false
  #ended = false
  #finSent = false
  #needDrain = false
  readonly #writes: Write[] = []
  readonly #onread: OnReadOpts | null
  /** Bytes that the kernel takes on the way from here. */
  readonly #capacity: number

  constructor(network: MemoryNetwork, remotePort: number, allowHalfOpen: boolean, onread: OnReadOpts | null) {
    super()
    this.network = network
    this.remotePort = remotePort
    this.allowHalfOpen = allowHalfOpen
    this.#onread = onread
    this.#capacity = 1 << (10 + Math.floor(network.random.next() * 9))
    if (onread !== null) this.flowing = true
  }

  setNoDelay(): this {
    return this
  }

  setTimeout(): this {
    return this
  }

  pause(): this {
    this.flowing = false
    return this
  }

  resume(): this {
    this.flowing = true
    return this
  }

  write(buffer: Buffer): boolean {
    if (!this.writable) return false
    this.#writes.push({ buffer, taken: 0 })
    this.writableLength += buffer.length
    this.pushOut()
    if (this.writableLength < HIGH_WATER) return true
    this.#needDrain = true
    return false
  }

  end(): this {
    if (this.#ended || this.destroyed) return this
    this.#ended = true
    this.writable = false
    this.pushOut()
    return this
  }

  destroy(): this {
    this.#close(this.inboundBytes > 0)
    return this
  }

  resetAndDestroy(): this {
    this.#close(true)
    return this
  }

  #close(reset: boolean): void {
    if (this.destroyed) return
    this.destroyed = true
    this.writable = false
    this.writableLength = 0
    this.#writes.length = 0
    const { peer } = this
    if (peer !== null && !peer.destroyed) {
      if (reset) peer.#resetComes(false)
      else if (!this.#finSent) peer.#finCame = true
      this.#finSent = true
    }
    this.inbound.length = 0
    this.inboundBytes = 0
    this.network.later(() => {
      this.network.forget(this)
      peer?.pushOut()
      this.emit('close')
    })
  }

  #resetComes(noticed: boolean): void {
    this.#resetCame = true
    if (noticed) this.#noticed = true
    // What had arrived may still be read, or not.
    if (this.network.random.next() < 0.5) {
      this.inbound.length = 0
      this.inboundBytes = 0
    }
  }

  /** Moves output to the other side as far as there is room. */
  pushOut(): void {
    const { peer } = this
    if (peer === null || this.connecting || this.destroyed) return
    while (this.#writes.length > 0) {
      if (peer.destroyed) {
        this.#resetComes(true)
        this.#writes.length = 0
        this.writableLength = 0
        return
      }
      const room = this.#capacity - peer.inboundBytes
      if (room <= 0) return
      const write = this.#writes[0] as Write
      const upTo = Math.min(write.buffer.length, write.taken + room)
      if (!peer.#finSeen) {
        peer.inbound.push(Buffer.from(write.buffer.subarray(write.taken, upTo)))
        peer.inboundBytes += upTo - write.taken
      }
      write.taken = upTo
      if (upTo < write.buffer.length) return
      this.#writes.shift()
      this.writableLength -= write.buffer.length
    }
    if (this.#needDrain && !this.#ended) {
      this.#needDrain = false
      this.network.later(() => {
        if (!this.destroyed) this.emit('drain')
      })
    }
    if (this.#ended && !this.#finSent) {
      this.#finSent = true
      peer.#finCame = true
      this.#bothEnded()
    }
  }

  /** Something would happen if the event loop looked at this socket. */
  get ready(): boolean {
    if (this.destroyed || this.connecting) return false
    if (this.#resetCame && (this.flowing || this.#noticed)) return true
    return this.flowing && (this.inboundBytes > 0 || (this.#finCame && !this.#finSeen))
  }

  /** Reads up to `most` bytes, or the end. */
  deliver(most: number): void {
    if (this.inboundBytes > 0 && this.flowing && !this.#noticed) this.#read(Math.min(most, READ_SIZE))
    else if (this.#resetCame) this.#broken()
    else if (this.#finCame && !this.#finSeen) {
      this.#finSeen = true
      this.emit('end')
      if (!this.allowHalfOpen) this.end()
      this.#bothEnded()
    }
  }

  #read(most: number): void {
    let chunk = this.inbound.length === 1 ? (this.inbound[0] as Buffer) : Buffer.concat(this.inbound)
    this.inbound.length = 0
    if (chunk.length > most) {
      this.inbound.push(chunk.subarray(most))
      chunk = chunk.subarray(0, most)
    }
    this.inboundBytes -= chunk.length
    const onread = this.#onread
    if (onread === null) this.emit('data', chunk)
    else {
      chunk.copy(onread.buffer as Uint8Array)
      onread.callback(chunk.length, onread.buffer as Uint8Array)
    }
    this.peer?.pushOut()
  }

  #broken(): void {
    this.destroyed = true
    this.writable = false
    this.writableLength = 0
    this.#writes.length = 0
    this.inbound.length = 0
    this.inboundBytes = 0
    this.peer?.pushOut()
    this.network.forget(this)
    this.emit('error', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
    this.emit('close')
  }

  #bothEnded(): void {
    if (this.#finSent && this.#finSeen) this.#close(false)
  }

  /** The network made or refused the connection. */
  opened(error: Error | null): void {
    this.connecting = false
    if (this.destroyed) return
    if (error === null) {
      this.emit('connect')
      this.pushOut()
      return
    }
    this.destroyed = true
    this.network.forget(this)
    this.emit('error', error)
    this.emit('close')
  }
}

/** Takes the connections to a port. */
class MemoryServer extends EventEmitter {
  readonly #network: MemoryNetwork
  readonly #allowHalfOpen: boolean
  #port = 0

  constructor(network: MemoryNetwork, allowHalfOpen: boolean) {
    super()
    this.#network = network
    this.#allowHalfOpen = allowHalfOpen
  }

  listen({ port }: { port: number }, listening: () => void): void {
    this.#port = port
    this.#network.listen(port, this.#allowHalfOpen, (socket) => this.emit('connection', socket))
    setImmediate(listening)
  }

  address(): { address: string; family: string; port: number } {
    return { address: '127.0.0.1', family: 'IPv4', port: this.#port }
  }

  close(): void {
    this.#network.refuse(this.#port)
  }
}

type Accept = (socket: MemorySocket) => void

/** TCP within the process, in an order that a seed decides. */
export class MemoryNetwork {
  readonly random: Random
  readonly #servers = new Map<number, { allowHalfOpen: boolean; accept: Accept }>()
  readonly #sockets: MemorySocket[] = []
  readonly #connects: { port: number; client: MemorySocket }[] = []
  #later: (() => void)[] = []
  #nextPort = 10_000

  constructor(random: Random) {
    this.random = random
  }

  /** Has `net.connect` and `net.createServer` make sockets of this network, in all of the process. Returns what undoes it. */
  install(): () => void {
    const { connect, createServer } = net
    const fakes = net as unknown as Record<string, unknown>
    fakes.connect = ({ port, onread = null }: { port: number; onread?: OnReadOpts | null }) =>
      this.connect(port, false, onread)
    fakes.createServer = ({ allowHalfOpen = false }: { allowHalfOpen?: boolean } = {}) =>
      new MemoryServer(this, allowHalfOpen)
    syncBuiltinESMExports()
    return () => {
      Object.assign(net, { connect, createServer })
      syncBuiltinESMExports()
    }
  }

  listen(port: number, allowHalfOpen: boolean, accept: Accept): void {
    this.#servers.set(port, { allowHalfOpen, accept })
  }

  /** Nobody listens at `port` any more. */
  refuse(port: number): void {
    this.#servers.delete(port)
  }

  connect(port: number, allowHalfOpen = true, onread: OnReadOpts | null = null): MemorySocket {
    const client = new MemorySocket(this, port, allowHalfOpen, onread)
    client.connecting = true
    this.#connects.push({ port, client })
    return client
  }

  later(what: () => void): void {
    this.#later.push(what)
  }

  forget(socket: MemorySocket): void {
    const at = this.#sockets.indexOf(socket)
    if (at < 0) return
    this.#sockets[at] = this.#sockets[this.#sockets.length - 1] as MemorySocket
    this.#sockets.pop()
  }

  /** Connections open at `port`, counted at their server's end. */
  open(port: number): MemorySocket[] {
    return this.#sockets.filter((socket) => socket.localPort === port && !socket.destroyed)
  }

  /** Lets one thing happen that is due; false when nothing is. */
  step(): boolean {
    if (this.#later.length > 0) {
      const due = this.#later
      this.#later = []
      for (const what of due) what()
      return true
    }
    const { random } = this
    if (this.#connects.length > 0 && random.next() < 0.3) {
      this.#connect()
      return true
    }
    const count = this.#sockets.length
    const first = Math.floor(random.next() * count)
    for (let i = 0; i < count; i++) {
      const socket = this.#sockets[(first + i) % count] as MemorySocket
      if (!socket.ready) continue
      socket.deliver(random.next() < 0.3 ? 1 + Math.floor(random.next() * 200) : READ_SIZE)
      return true
    }
    if (this.#connects.length === 0) return false
    this.#connect()
    return true
  }

  #connect(): void {
    const at = Math.floor(this.random.next() * this.#connects.length)
    const [{ port, client }] = this.#connects.splice(at, 1) as [{ port: number; client: MemorySocket }]
    if (client.destroyed) return
    const server = this.#servers.get(port)
    if (server === undefined) {
      client.opened(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
      return
    }
    const accepted = new MemorySocket(this, this.#nextPort++, server.allowHalfOpen, null)
    accepted.localPort = port
    accepted.peer = client
    client.peer = accepted
    this.#sockets.push(client, accepted)
    server.accept(accepted)
    client.opened(null)
  }
}
