import { type Authority, createAuthority, issueLeaf } from '../../../certs/authority.ts'
import { parseSpiffeId, serviceId } from '../../../certs/spiffe-id.ts'
import type { TlsMaterial } from './tls-material.ts'

export interface LeafDates {
  /** Wall clock at which the certificate is issued, in milliseconds since the epoch. */
  readonly now?: () => number
  /** Milliseconds. */
  readonly ttl?: number
}

/** A certificate authority of one trust domain, in memory, for tests. */
export class MeshCertificates {
  readonly #authority: Authority
  readonly #trustDomain: string
  /** The trust bundle, PEM. */
  readonly ca: string

  constructor(authority: Authority, trustDomain: string) {
    this.#authority = authority
    this.#trustDomain = trustDomain
    this.ca = authority.certificatePem
  }

  /**
   * A certificate for a service of namespace `default`, or for a whole SPIFFE ID. It has the IP address 127.0.0.1 and
   * the DNS name localhost too, so that clients that know nothing of SPIFFE accept it.
   */
  async issue(service: string, dates: LeafDates = {}): Promise<Required<TlsMaterial>> {
    const spiffeId = service.startsWith('spiffe://')
      ? parseSpiffeId(service)
      : serviceId(this.#trustDomain, 'default', service)
    const leaf = await issueLeaf({
      authority: this.#authority,
      spiffeId,
      ipAddresses: ['127.0.0.1'],
      dnsNames: ['localhost'],
      ...dates,
    })
    return { cert: leaf.chainPem, key: leaf.keyPem, ca: this.ca }
  }
}

/** Age of the authority, in milliseconds: it can issue certificates that have expired by now. */
const AGE_MS = 7 * 86_400_000

export async function createMeshCertificates(trustDomain = 'mesh.local'): Promise<MeshCertificates> {
  const authority = await createAuthority({ trustDomain, now: () => Date.now() - AGE_MS })
  return new MeshCertificates(authority, trustDomain)
}
