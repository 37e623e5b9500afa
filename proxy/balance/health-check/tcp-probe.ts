import type { Endpoint } from '../endpoint.ts'
import { openSocket } from './connection.ts'
import { failureText } from './failure-text.ts'
import { dialTcp, type Probe, type ProbeDone, type ProbeRun, type ProbeTransport } from './probe.ts'

/**
 * Connects, over TLS including the handshake and the check of the peer, and closes again.
 *
 * With TLS 1.3 a server may refuse this side's certificate only after that; such a refusal shows in requests alone.
 */
export class TcpProbe implements Probe {
  readonly #transport: ProbeTransport

  constructor(transport: ProbeTransport) {
    this.#transport = transport
  }

  run(endpoint: Endpoint, done: ProbeDone): ProbeRun {
    let over = false
    const tls = this.#transport.tls === true
    const alpn = { http1: ['http/1.1'], h2: ['h2'], auto: ['h2', 'http/1.1'] }
    const offered = alpn[this.#transport.protocol ?? 'auto']
    const socket = openSocket(this.#transport.dial ?? dialTcp, endpoint, offered, (error) => {
      if (over) return
      over = true
      socket?.destroy()
      if (error !== null) done(false, failureText(error))
      else done(true, tls ? 'TLS handshake done' : 'connected')
    })
    return {
      cancel: () => {
        over = true
        socket?.destroy()
      },
      waitingFor: () => (tls ? 'the TLS handshake did not complete' : 'no connection was established'),
    }
  }

  forget(): void {}

  close(): void {}
}
