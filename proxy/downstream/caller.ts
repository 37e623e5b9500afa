import type { SpiffeId } from '../../certs/spiffe-id.ts'

/** Who is at the other end of a downstream connection. */
export interface Caller {
  /** IP address. */
  readonly address: string
  readonly port: number
  /** What its certificate proves; null without one. */
  readonly principal: SpiffeId | null
  /** Whether the connection is encrypted. */
  readonly tls: boolean
  /** The host name asked for in the TLS handshake (SNI), in lower case; "" when it asked for none. */
  readonly serverName: string
}
