import type { Socket } from 'node:net'
import { defect } from '../base/defects.ts'
import { atTurnEnd, type TurnEnd } from '../base/turn.ts'
import { returnBuffer, takeBuffer } from './output-buffers.ts'

/** The connection on top of a transport. */
export interface TransportUser {
  /** Bytes arrived; `chunk` is valid until the call returns. */
  read(chunk: Buffer): void
  /** The peer sent FIN; it may still read. */
  readEnd(): void
  /** `congested` has become false again. */
  drained(): void
  /** The socket is gone; called exactly once. `error` is null when it was closed in order. */
  closed(error: Error | null): void
}

/** Size a connection's output buffer starts with and returns to, in bytes. */
const INITIAL_SIZE = 4096
/** Outputs up to this size are copied out exactly; the buffer behind larger ones is handed to the socket. */
const COPY_LIMIT = 16 * 1024
/** Output gathered in one turn beyond this size is written at once, if nothing is being written, in bytes. */
const FLUSH_AT = 64 * 1024
/** More than this many bytes not yet taken by the kernel make the transport congested. */
const CONGESTED_AT = 256 * 1024

/**
 * A socket with one output buffer and one write per turn of the event loop.
 *
 * Writers call `reserve`, fill `buffer` from the returned position on and set `length`. The socket gets everything at
 * the end of the turn. A congested transport still takes output (control frames must go out), but body bytes should
 * wait for `drained`.
 */
export class Transport implements TurnEnd {
  readonly socket: Socket
  user: TransportUser | null = null
  /** Output gathered so far: the first `length` bytes. */
  buffer: Buffer
  length = 0
  /** Bytes given to the socket so far. */
  handed = 0
  /** True while the peer reads too slowly for more body bytes to be worth gathering. */
  congested = false
  /** Writes that the kernel has taken to the last byte; does not move while the peer does not read. */
  flushes = 0
  /** True from the first of `end`, `destroy` and the socket's own close on. */
  closing = false
  #dirty = false
  #ended = false
  #error: Error | null = null
  readonly #encrypted: boolean
  /** TLS only: a write is under way, of this buffer when it is a large one. */
  #writing = false
  #lent: Buffer | null = null

  /** `socket` is connected (and its TLS handshake done); it must not have a data listener yet. */
  constructor(socket: Socket) {
    this.socket = socket
    this.buffer = EMPTY
    this.#encrypted = 'encrypted' in socket
    socket.setNoDelay(true)
    if (!this.#encrypted) socket.on('drain', () => this.#drain())
    socket.on('end', () => this.user?.readEnd())
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('close', () => this.#closed())
  }

  /** Bytes of output that the kernel has not taken yet. */
  get unsent(): number {
    return this.length + this.socket.writableLength
  }

  /** Bytes of output so far, sent or not. */
  get written(): number {
    return this.handed + this.length
  }

  /**
   * A number that differs when the peer took some of the output, or when output began to wait: for whoever looks now
   * and then. A socket itself says so only when a whole write is done, which a slow reader may need minutes for; its
   * handle knows of each part.
   */
  get progress(): number {
    const handle = handleOf(this.socket)
    return this.handed - this.socket.writableLength - (handle?.writeQueueSize ?? 0)
  }

  /**
   * Whether the connection was reset, for sockets that are paused: nobody polls those, so neither FIN nor RST is seen.
   * A socket that was reset has no peer any more (getpeername: ENOTCONN), which costs no read to find out. A FIN can
   * only be seen by reading up to it.
   */
  get reset(): boolean {
    const handle = handleOf(this.socket)
    return typeof handle?.getpeername === 'function' && handle.getpeername({}) < 0
  }

  /** Starts reading. Sockets made with `onread` never emit data: they call `received` themselves. */
  start(): void {
    this.socket.on('data', (chunk: Buffer) => this.received(chunk))
    this.socket.resume()
  }

  /** Whatever a peer's bytes make go wrong in us costs that peer its connection, not the others the process. */
  received(chunk: Buffer): void {
    if (this.user === null) return
    try {
      this.user.read(chunk)
    } catch (error) {
      defect(error)
      this.destroy()
    }
  }

  /** Makes room for `bytes` more bytes of output and returns the position to write them at. */
  reserve(bytes: number): number {
    if (!this.#dirty) {
      this.#dirty = true
      atTurnEnd(this)
    }
    if (this.length > FLUSH_AT) this.flush()
    const need = this.length + bytes
    if (need > this.buffer.length) this.#grow(need)
    return this.length
  }

  #grow(need: number): void {
    let size = Math.max(INITIAL_SIZE, this.buffer.length * 2)
    while (size < need) size *= 2
    const larger = takeBuffer(size)
    this.buffer.copy(larger, 0, 0, this.length)
    returnBuffer(this.buffer)
    this.buffer = larger
  }

  turnEnd(): void {
    this.#dirty = false
    this.flush()
    if (this.#ended && this.length === 0) this.socket.end()
  }

  /** Hands what was gathered to the socket, unless that is still busy with what it got before. */
  flush(): void {
    const length = this.length
    if (length === 0) return
    const socket = this.socket
    if (!socket.writable) {
      this.length = 0
      return
    }
    if (this.#encrypted) {
      this.#flushEncrypted(length)
      return
    }
    this.length = 0
    this.handed += length
    const buffer = this.buffer
    socket.write(length === buffer.length ? buffer : buffer.subarray(0, length))
    if (socket.writableLength !== 0) {
      this.buffer = EMPTY
    } else {
      // The kernel took all of it: the buffer is ours again, and perhaps more than the next turn is likely to need.
      this.flushes += 1
      if (buffer.length > FLUSH_AT) this.#letGo()
    }
    if (socket.writableLength > CONGESTED_AT) this.congested = true
  }

  /**
   * A TLS socket encrypts at once but says so only in the next turn; what is written until then it would copy together.
   * So one write is under way at a time, and what comes meanwhile gathers here.
   */
  #flushEncrypted(length: number): void {
    if (this.#writing) {
      if (length > CONGESTED_AT) this.congested = true
      return
    }
    this.length = 0
    this.handed += length
    this.#writing = true
    const buffer = this.buffer
    if (length <= COPY_LIMIT) {
      const exact = Buffer.allocUnsafe(length)
      buffer.copy(exact, 0, 0, length)
      if (buffer.length > FLUSH_AT) this.#letGo()
      this.socket.write(exact, this.#written)
    } else {
      this.#lent = buffer
      this.buffer = EMPTY
      this.socket.write(buffer.subarray(0, length), this.#written)
    }
  }

  #letGo(): void {
    returnBuffer(this.buffer)
    this.buffer = EMPTY
  }

  readonly #written = (error?: Error | null): void => {
    this.#writing = false
    this.flushes += 1
    // After an error nobody says who still holds it.
    if (this.#lent !== null && error == null) returnBuffer(this.#lent)
    this.#lent = null
    if (this.length > 0) this.flush()
    else if (this.#ended && !this.#dirty) this.socket.end()
    this.#drain()
  }

  /** Stops reading: for protocols without flow control of their own. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Sends what was gathered, then FIN. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.closing = true
    if (!this.#dirty) {
      this.#dirty = true
      atTurnEnd(this)
    }
  }

  /** Closes at once; what was not yet written is lost. */
  destroy(): void {
    this.closing = true
    this.socket.destroy()
  }

  /**
   * Closes at once and with RST, so that what is cut off does not look like an end in order. Over TLS the connection
   * beneath is reset: peers, Node among them, take a connection without close_notify for one that has ended.
   */
  abort(): void {
    this.closing = true
    const { socket } = this
    if (socket.destroyed) return
    try {
      const handle = (socket as unknown as { _handle?: Handle | null })._handle
      if (handle?._parentWrap) handle._parentWrap.resetAndDestroy()
      // A TLS socket that dialled has a bare handle beneath it, of whose end nobody tells it.
      else if (handle?._parent) handle._parent.reset?.(() => this.#closed())
      else socket.resetAndDestroy()
    } catch {
      // A Unix domain socket has no RST.
    }
    socket.destroy()
  }

  #drain(): void {
    if (!this.congested) return
    this.congested = false
    this.user?.drained()
  }

  #closed(): void {
    this.closing = true
    this.length = 0
    this.buffer = EMPTY
    const user = this.user
    this.user = null
    user?.closed(this.#error)
  }
}

/** What Node keeps behind a socket, as far as it is used here. */
interface Handle {
  /** Bytes that wait in the process for the kernel. */
  readonly writeQueueSize?: number
  /** Fills in the peer's address; below zero when there is none (any more). */
  readonly getpeername?: (out: object) => number
  /** Of TLS: the handle of the connection beneath. */
  readonly _parent?: Handle
  /** Of TLS: the socket of the connection beneath. */
  readonly _parentWrap?: Socket | null
  /** Closes with RST. */
  readonly reset?: (done: () => void) => number
}

/** The handle of the connection itself; null when there is none, as behind a closed socket. */
function handleOf(socket: Socket): Handle | null {
  const handle = (socket as unknown as { _handle?: Handle | null })._handle ?? null
  return handle?._parent ?? handle
}

const EMPTY = Buffer.alloc(0)
