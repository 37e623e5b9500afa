import { isIP, type Socket } from 'node:net'
import { checkServerIdentity, connect, type SecureContext, type TLSSocket } from 'node:tls'
import { peerIdentity } from '../../certs/peer-identity.ts'
import { PrincipalPattern } from '../../certs/principal.ts'

/** How to speak TLS to the endpoints of an upstream. */
export interface UpstreamTlsOptions {
  /** Trust roots, and in mutual mode our certificate and key. */
  readonly secureContext: SecureContext
  /** SPIFFE IDs or patterns, one of which the endpoint has to prove; empty: its name is checked instead. */
  readonly peers: readonly string[]
  /** For SNI and, without peers, for the certificate; null: the endpoint's host. */
  readonly serverName: string | null
}

/** Opens TLS connections of one upstream and holds the endpoints to the identity that is expected of them. */
export class UpstreamTls {
  readonly #options: UpstreamTlsOptions
  readonly #peers: readonly PrincipalPattern[]

  constructor(options: UpstreamTlsOptions) {
    this.#options = options
    this.#peers = options.peers.map((peer) => new PrincipalPattern(peer))
  }

  /** Starts a connection; `secureConnect` follows, or `error` with a sentence that says what is wrong with the peer. */
  connect(host: string, port: number, alpnProtocols: string[]): TLSSocket {
    const name = this.#options.serverName ?? host
    return connect({
      host,
      port,
      secureContext: this.#options.secureContext,
      ALPNProtocols: alpnProtocols,
      // SNI carries no addresses (RFC 6066 §3).
      servername: isIP(name) === 0 ? name : '',
      rejectUnauthorized: true,
      checkServerIdentity: (_, certificate) =>
        this.#peers.length === 0 ? checkServerIdentity(name, certificate) : this.#checkPeer(certificate.raw),
    })
  }

  /** The principal that an established connection proved; null when only a name was checked. */
  static isVerified(socket: Socket): boolean {
    const tls = socket as TLSSocket
    return tls.authorized && tls.getPeerX509Certificate() !== undefined
  }

  #checkPeer(der: Buffer): Error | undefined {
    const expected = this.#peers.map((peer) => peer.text).join(' or ')
    const identity = peerIdentity(der)
    if ('problem' in identity) return new PeerIdentityError(`expected ${expected}, but ${identity.problem}`)
    if (this.#peers.some((peer) => peer.matches(identity.id))) return undefined
    return new PeerIdentityError(`expected ${expected}, but the endpoint is ${identity.id}`)
  }
}

/** The endpoint proved an identity, but not the one that is expected. */
export class PeerIdentityError extends Error {
  readonly code = 'PEER_IDENTITY'
}
