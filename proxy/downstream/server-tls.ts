import { constants } from 'node:crypto'
import type { TLSSocket, TlsOptions } from 'node:tls'
import { peerIdentity } from '../../certs/peer-identity.ts'
import type { SpiffeId } from '../../certs/spiffe-id.ts'

/** What a listener needs to terminate TLS. */
export interface ServerIdentity {
  readonly certificateChainPem: string
  readonly keyPem: string
  readonly trustBundlePem: string
  /** Callers' identities have to be of this trust domain. */
  readonly trustDomain: string
}

/** Full set of options: what is left out would fall back to Node's defaults, public roots among them. */
export function serverTlsOptions(identity: ServerIdentity, mutual: boolean, handshakeMs: number): TlsOptions {
  return {
    cert: identity.certificateChainPem,
    key: identity.keyPem,
    ca: identity.trustBundlePem,
    requestCert: mutual,
    // Judged by callerIdentity, so that the refusal can be explained.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: handshakeMs,
    // A resumed session would skip the certificate (and outlive its trust).
    secureOptions: mutual ? constants.SSL_OP_NO_TICKET : 0,
  }
}

/** The identity a caller proved, or why it is refused. */
export function callerIdentity(
  socket: TLSSocket,
  trustDomain: string,
): { readonly id: SpiffeId } | { readonly refusal: string; readonly detail: string } {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) {
    return { refusal: 'no-certificate', detail: 'the caller presented no certificate' }
  }
  if (!socket.authorized) {
    const why = String(socket.authorizationError)
    return {
      refusal: 'untrusted-certificate',
      detail: `the caller's certificate is not trusted: ${phrase(why)}`,
    }
  }
  const identity = peerIdentity(certificate.raw)
  if ('problem' in identity) {
    return {
      refusal: 'no-identity',
      detail: `the caller's certificate has no usable SPIFFE ID: ${identity.problem}`,
    }
  }
  if (identity.id.trustDomain !== trustDomain) {
    return {
      refusal: 'foreign-trust-domain',
      detail: `the caller is ${identity.id}, not of trust domain ${trustDomain}`,
    }
  }
  return identity
}

const PHRASES: Record<string, string> = {
  UNABLE_TO_GET_ISSUER_CERT: 'none of our roots issued it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'none of our roots issued it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'none of our roots issued it',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its root is none of ours',
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  CERT_REVOKED: 'it is revoked',
  INVALID_PURPOSE: 'it is not for clients',
}

function phrase(code: string): string {
  const known = PHRASES[code]
  return known === undefined ? code : `${known} (${code})`
}
