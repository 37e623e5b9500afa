import { EventEmitter } from 'node:events'
import { promise } from './target.ts'

/** Stands in for a socket and behaves as Node's do: what was written is kept, `close` comes a turn after the end. */
export class FuzzSocket extends EventEmitter {
  written: Buffer[] = []
  writable = true
  writableLength = 0
  destroyed = false
  /** FIN was sent. */
  ended = false
  /** The peer sent FIN. */
  peerEnded = false
  wasReset = false
  paused = false

  setNoDelay(): void {}

  write(chunk: Buffer): boolean {
    promise(!this.ended && !this.destroyed, 'a write behind the end')
    this.written.push(Buffer.from(chunk))
    return true
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  end(): void {
    if (this.ended || this.destroyed) return
    this.ended = true
    this.writable = false
    if (this.peerEnded) this.destroy()
  }

  destroy(error?: Error): void {
    if (this.destroyed) return
    this.destroyed = true
    this.writable = false
    setImmediate(() => {
      if (error !== undefined) this.emit('error', error)
      this.emit('close')
    })
  }

  resetAndDestroy(): void {
    this.wasReset = true
    this.destroy()
  }

  /** The peer sends FIN. */
  peerEnds(): void {
    if (this.peerEnded || this.destroyed) return
    this.peerEnded = true
    this.emit('end')
    if (this.ended) this.destroy()
  }

  /** What has been written so far; nothing is taken out. */
  get output(): Buffer {
    if (this.written.length > 1) this.written = [Buffer.concat(this.written)]
    return this.written[0] ?? Buffer.alloc(0)
  }
}
