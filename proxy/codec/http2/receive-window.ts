import type { Transport } from '../transport.ts'
import { DEFAULT_WINDOW } from './constants.ts'
import { writeWindowUpdate } from './frame/frame-writer.ts'

/** A window grows with use when streams hold no more than this share of it: their bytes leave promptly. */
const PROMPT = 1 / 8

/**
 * The connection's window for what the peer sends (RFC 9113 §6.9). Its size doubles, up to a limit, when half of it was
 * used and passed on promptly, and when bytes that wait in streams take up half of it: so that a peer with much to send
 * is not held up, and a stalled stream does not stop the others.
 *
 *     size = left + unannounced + held by streams
 */
export class ReceiveWindow {
  /** What the peer may send when no stream holds anything, in bytes. */
  size: number
  /** What the peer may still send, in bytes. */
  left = DEFAULT_WINDOW
  /** Below this many bytes left it is time to look whether streams hold the rest. */
  #low: number
  /** Credited bytes that no WINDOW_UPDATE has told the peer of yet. */
  #unannounced = 0
  readonly #max: number

  constructor(size: number, max: number) {
    this.size = Math.max(size, DEFAULT_WINDOW)
    this.#max = Math.max(max, this.size)
    this.#low = this.#lowMark()
  }

  /** Raises the window from the protocol's default to ours. To be called once, behind our SETTINGS. */
  open(transport: Transport): void {
    if (this.size > this.left) this.#raise(transport, this.size - this.left)
  }

  /** `bytes` came; false when that is more than was allowed. */
  take(bytes: number, transport: Transport): boolean {
    this.left -= bytes
    if (this.left >= this.#low) return true
    if (this.left < 0) return false
    if (this.#held * 2 >= this.size) this.#grow(transport)
    return true
  }

  /**
   * `bytes` are the peer's to send again: told once they are half of what no stream holds. Not half of the size: what
   * stalled streams leave of it may be less than that, and the others would wait for ever.
   */
  credit(bytes: number, transport: Transport): void {
    this.#unannounced += bytes
    if (this.#unannounced < this.left) return
    if (this.size < this.#max && this.#held <= this.size * PROMPT) this.#grow(transport)
    else this.#announce(transport, 0)
  }

  /** What the peer may send when everything announced and not yet announced is counted: `size` when nothing is held. */
  get withCredit(): number {
    return this.left + this.#unannounced
  }

  get #held(): number {
    return this.size - this.left - this.#unannounced
  }

  #lowMark(): number {
    // At its full size there is nothing to look for but that it is kept to.
    return this.size < this.#max ? this.size / 4 : 0
  }

  #grow(transport: Transport): void {
    const size = Math.min(this.size * 2, this.#max)
    const more = size - this.size
    this.size = size
    this.#low = this.#lowMark()
    this.#announce(transport, more)
  }

  #announce(transport: Transport, more: number): void {
    const increment = this.#unannounced + more
    this.#unannounced = 0
    this.#raise(transport, increment)
  }

  #raise(transport: Transport, increment: number): void {
    this.left += increment
    writeWindowUpdate(transport, 0, increment)
  }
}
