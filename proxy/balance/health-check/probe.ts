import { connect, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Endpoint } from '../endpoint.ts'

/** A check that is under way. */
export interface ProbeRun {
  /** Ends it at once and closes its connection; `done` is not called any more. */
  cancel(): void
  /** What it waits for, to complete "no answer within 1 s: ...". */
  waitingFor(): string
}

/**
 * `detail` says in a phrase what was found: the reason of a failure, or what passed. `degraded`: it passed, but the
 * endpoint says that others are to be preferred.
 */
export type ProbeDone = (ok: boolean, detail: string, degraded?: boolean) => void

/** One way to check an endpoint. Keeps no more than one connection per endpoint. */
export interface Probe {
  /** Starts a check. `done` is called at most once, and never before `run` has returned. */
  run(endpoint: Endpoint, done: ProbeDone): ProbeRun
  /** Closes what is kept for an endpoint that is gone. */
  forget(endpoint: Endpoint): void
  /** Closes everything that is kept. Runs under way are cancelled by their owner. */
  close(): void
}

/**
 * Opens a socket to an endpoint, for TLS with these protocols offered by ALPN (best first). It may still be
 * connecting. A TLS socket checks the peer's identity itself, and is destroyed with an error when that fails.
 * May throw, for instance while there is no certificate.
 */
export type Dialer = (endpoint: Endpoint, alpnProtocols: string[]) => Socket | TLSSocket

/** Opens plain TCP connections. */
export const dialTcp: Dialer = (endpoint) =>
  connect({ host: endpoint.host, port: endpoint.port, noDelay: true })

/** How probes reach endpoints. */
export interface ProbeTransport {
  /** Default: plain TCP. */
  readonly dial?: Dialer
  /** Whether `dial` gives TLS sockets; default false. */
  readonly tls?: boolean
  /** What HTTP checks speak; `auto`: what ALPN says, HTTP/1.1 without TLS. gRPC is always HTTP/2. Default `auto`. */
  readonly protocol?: 'http1' | 'h2' | 'auto'
  /** For Host or `:authority`; `null`, the default: the endpoint's address. */
  readonly serverName?: string | null
}
