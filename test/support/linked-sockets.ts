import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'

/** One end of a connection in memory: what is written arrives at the other end a moment later, in order. */
export class LinkedSocket extends EventEmitter {
  peer: LinkedSocket | null = null
  writable = true
  destroyed = false
  writableLength = 0
  #paused = true
  #arrived: (Buffer | null)[] = []

  setNoDelay(): void {}

  write(chunk: Buffer | string): void {
    // The buffer is the writer's to use again.
    this.#deliver(Buffer.from(chunk as string, 'latin1'))
  }

  end(): void {
    if (!this.writable) return
    this.writable = false
    this.#deliver(null)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    setImmediate(() => this.#drain())
  }

  /** Closes in order: the other end sees FIN. */
  destroy(): void {
    if (this.destroyed) return
    this.end()
    this.#close()
  }

  /** The other end sees RST. */
  resetAndDestroy(): void {
    if (this.destroyed) return
    const { peer } = this
    this.writable = false
    this.#close()
    setImmediate(() => {
      if (peer === null || peer.destroyed) return
      peer.emit('error', Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
      peer.writable = false
      peer.#close()
    })
  }

  #close(): void {
    this.destroyed = true
    setImmediate(() => this.emit('close'))
  }

  #deliver(chunk: Buffer | null): void {
    const { peer } = this
    setImmediate(() => {
      if (peer === null || peer.destroyed) return
      peer.#arrived.push(chunk)
      peer.#drain()
    })
  }

  #drain(): void {
    while (!this.#paused && !this.destroyed && this.#arrived.length > 0) {
      const chunk = this.#arrived.shift() as Buffer | null
      if (chunk === null) this.emit('end')
      else this.emit('data', chunk)
    }
  }
}

/** The two ends of a connection. */
export function linkedSockets(): [Socket & LinkedSocket, Socket & LinkedSocket] {
  const [one, other] = [new LinkedSocket(), new LinkedSocket()]
  one.peer = other
  other.peer = one
  return [one as never, other as never]
}
