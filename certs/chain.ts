import type { X509Certificate } from 'node:crypto'

/** Longest chain tried, leaf and root included. */
export const MAX_CHAIN = 8

/** What the certificates of a chain are checked against. */
export interface ChainContext {
  /** Certificates sent after the leaf. */
  readonly intermediates: readonly X509Certificate[]
  /** Only self-signed ones are anchors, as in OpenSSL; others help to build the path. */
  readonly trustBundle: readonly X509Certificate[]
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

/**
 * Why a leaf does not lead to the trust bundle, or null when it does: every issuer by name, key identifier and
 * signature, a CA, and valid now. This is a check ahead of use; peers do their own full path validation in TLS.
 */
export function chainProblem(leaf: X509Certificate, context: ChainContext): string | null {
  const search: Search = { ...context, tried: new Set(), problem: null }
  if (reachesAnchor(leaf, search, 1)) return null
  return search.problem ?? `its issuer (${nameOf(leaf.issuer)}) is not in the trust bundle`
}

interface Search extends ChainContext {
  readonly tried: Set<string>
  /** The most telling reason met on the way. */
  problem: string | null
}

function reachesAnchor(certificate: X509Certificate, search: Search, depth: number): boolean {
  if (depth >= MAX_CHAIN) {
    search.problem ??= `the chain is longer than ${MAX_CHAIN} certificates`
    return false
  }
  for (const issuer of [...search.trustBundle, ...search.intermediates]) {
    if (issuer === certificate || issuer.subject !== certificate.issuer) continue
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
      search.problem ??= `it was signed with another key than that of ${nameOf(issuer.subject)}; was the CA made anew?`
      continue
    }
    const problem = issuerProblem(issuer, search.now)
    if (problem !== null) {
      search.problem = problem
      continue
    }
    if (search.trustBundle.includes(issuer) && issuer.checkIssued(issuer)) return true
    if (search.tried.has(issuer.fingerprint256)) continue
    search.tried.add(issuer.fingerprint256)
    if (reachesAnchor(issuer, search, depth + 1)) return true
    search.problem ??= `${nameOf(issuer.issuer)}, the issuer of ${nameOf(issuer.subject)}, is not in the trust bundle`
  }
  return false
}

function issuerProblem(issuer: X509Certificate, now: number): string | null {
  const name = nameOf(issuer.subject)
  if (!issuer.ca) return `its issuer ${name} is not a CA`
  const validity = validityProblem(issuer, now)
  return validity === null ? null : `its issuer ${name} ${validity}`
}

/** `expired on ...`, `is not valid before ...`, or null when the certificate is valid at this time. */
export function validityProblem(certificate: X509Certificate, now: number): string | null {
  const from = Date.parse(certificate.validFrom)
  const to = Date.parse(certificate.validTo)
  if (now > to) return `expired on ${isoSeconds(to)}`
  if (now < from) return `is not valid before ${isoSeconds(from)}`
  return null
}

/** Node's multi-line name in one line: `O=mesh.local, CN=web`. */
export function nameOf(name: string | undefined): string {
  return name ? name.split('\n').join(', ') : '(no name)'
}

/** `2026-01-31T12:00:00Z` */
export function isoSeconds(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('.000Z', 'Z')
}
