import { type CertificateExtensions, MalformedCertificateError, readExtensions } from './extensions.ts'
import { parseSpiffeId, type SpiffeId, SpiffeIdError } from './spiffe-id.ts'

/** Either who the peer is, or why that cannot be said. */
export type PeerIdentity = { id: SpiffeId } | { problem: string }

/**
 * The URI subject alternative names of a certificate, in their order.
 * @param der the certificate, such as `getPeerCertificate().raw` or `X509Certificate.raw`
 * @throws {MalformedCertificateError} when the DER is broken.
 */
export function readUriSans(der: Buffer): string[] {
  return readExtensions(der).uris
}

/**
 * The SPIFFE ID of a peer's leaf certificate by the X509-SVID rules (sections 2, 3.1 and 5.2): exactly one URI name, a
 * valid SPIFFE ID with a path, not a CA. There is no fallback to a DNS name or the common name. Whether the chain is
 * trusted and whether the trust domain is the expected one remain for the caller to check. Never throws. Costs some tens of
 * microseconds, once per handshake.
 */
export function peerIdentity(der: Buffer): PeerIdentity {
  try {
    return leafIdentity(readExtensions(der))
  } catch (error) {
    if (error instanceof MalformedCertificateError) return { problem: error.message }
    throw error
  }
}

/** The same for extensions that have been read already. */
export function leafIdentity(extensions: CertificateExtensions): PeerIdentity {
  const { uris, keyUsage } = extensions
  if (extensions.isCa || keyUsage?.includes('keyCertSign') || keyUsage?.includes('cRLSign')) {
    return { problem: 'the certificate is a CA certificate, which cannot identify a workload' }
  }
  if (uris.length === 0) return { problem: 'the certificate has no URI name, so no SPIFFE ID' }
  if (uris.length > 1) {
    return { problem: `the certificate has ${uris.length} URI names; exactly one SPIFFE ID is allowed` }
  }
  try {
    const id = parseSpiffeId(uris[0]!)
    if (id.path === '') return { problem: `${id} names a trust domain; a workload's SPIFFE ID has a path` }
    return { id }
  } catch (error) {
    if (error instanceof SpiffeIdError) return { problem: error.message }
    throw error
  }
}
