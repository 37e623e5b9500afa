import type { Transport, TransportUser } from '../codec/transport.ts'
import type { Protocol } from '../message/session.ts'

/** Enough of the HTTP/2 preface (RFC 9113 §3.4) to tell it from any HTTP/1 request line. */
const PREFACE_START = Buffer.from('PRI * HTTP/2.0', 'latin1')

/**
 * Tells HTTP/2 with prior knowledge from HTTP/1 by the first bytes of a connection, then steps aside: `decide` has to
 * make the session (which becomes the transport's user); it gets the bytes.
 */
export class ProtocolDetection implements TransportUser {
  readonly #transport: Transport
  readonly #decide: (protocol: Protocol) => void
  readonly #gone: () => void
  #held: Buffer | null = null

  /** `gone`: the connection ended before it showed what it speaks. */
  constructor(transport: Transport, decide: (protocol: Protocol) => void, gone: () => void) {
    this.#transport = transport
    this.#decide = decide
    this.#gone = gone
    transport.user = this
  }

  read(chunk: Buffer): void {
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk])
    const length = Math.min(bytes.length, PREFACE_START.length)
    const same = bytes.compare(PREFACE_START, 0, length, 0, length) === 0
    if (same && length < PREFACE_START.length) {
      this.#held = Buffer.from(bytes)
      return
    }
    this.#held = null
    this.#decide(same ? 'h2' : 'http1')
    this.#transport.received(bytes)
  }

  readEnd(): void {
    this.#transport.end()
  }

  drained(): void {}

  closed(): void {
    this.#gone()
  }
}
