import type { Labels, Samples } from './samples.ts'

/** One certificate in use. */
export interface CertificateExpiry {
  readonly kind: 'leaf' | 'intermediate' | 'ca'
  /** What tells it from others of its kind: SPIFFE ID, subject or fingerprint. */
  readonly id: string
  /** End of its validity, in milliseconds since 1970. */
  readonly notAfter: number
}

/** When the certificates in use expire. */
export class CertificateStats {
  readonly #certificates = new Map<string, { readonly labels: Labels; notAfter: number }>()

  /**
   * Replaces what was known. Of several certificates of the same kind and id (a root that rolls keeps its subject) the
   * one that expires first is reported: that is the one to act on.
   */
  set(certificates: readonly CertificateExpiry[]): void {
    this.#certificates.clear()
    for (const { kind, id, notAfter } of certificates) {
      const key = `${kind}\n${id}`
      const known = this.#certificates.get(key)
      if (known === undefined) this.#certificates.set(key, { labels: { kind, id }, notAfter })
      else known.notAfter = Math.min(known.notAfter, notAfter)
    }
  }

  collect(samples: Samples): void {
    for (const { labels, notAfter } of this.#certificates.values()) samples.add(notAfter / 1000, labels)
  }
}
