import type { X509Certificate } from 'node:crypto'
import { OID } from './asn1.ts'
import { isoSeconds, nameOf } from './chain.ts'
import { formatDuration } from './duration.ts'
import { readExtensions } from './extensions.ts'
import { leafIdentity } from './peer-identity.ts'
import { keyName } from './private-key.ts'

/** A certificate in plain values; this is what `certs show --json` prints. */
export interface CertificateDescription {
  readonly subject: string
  /** The workload's ID; null for a CA, and where there is no valid one. */
  readonly spiffeId: string | null
  readonly issuer: string
  readonly selfSigned: boolean
  /** Hexadecimal, lower case. */
  readonly serial: string
  /** ISO 8601, UTC. */
  readonly notBefore: string
  readonly notAfter: string
  readonly state: 'valid' | 'expired' | 'not yet valid'
  /** Until expiry; negative when expired. */
  readonly remainingSeconds: number
  readonly key: string
  readonly isCa: boolean
  readonly pathLength: number | null
  readonly names: { readonly uri: string[]; readonly dns: string[]; readonly ip: string[] }
  readonly keyUsage: string[]
  /** `serverAuth`, `clientAuth`, or the object identifier of another purpose. */
  readonly extendedKeyUsage: string[]
  /** Upper case hexadecimal with colons. */
  readonly sha256: string
}

const PURPOSES: Readonly<Record<string, string>> = {
  [OID.serverAuth]: 'serverAuth',
  [OID.clientAuth]: 'clientAuth',
}

/**
 * @param now wall clock, milliseconds since the epoch
 * @throws {MalformedCertificateError} when the extensions cannot be read
 */
export function describeCertificate(certificate: X509Certificate, now: number): CertificateDescription {
  const extensions = readExtensions(certificate.raw)
  const identity = leafIdentity(extensions)
  const from = Date.parse(certificate.validFrom)
  const to = Date.parse(certificate.validTo)
  return {
    subject: nameOf(certificate.subject),
    spiffeId: 'id' in identity ? identity.id.toString() : null,
    issuer: nameOf(certificate.issuer),
    selfSigned: certificate.checkIssued(certificate),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: isoSeconds(from),
    notAfter: isoSeconds(to),
    state: now > to ? 'expired' : now < from ? 'not yet valid' : 'valid',
    remainingSeconds: Math.floor((to - now) / 1000),
    key: keyName(certificate.publicKey),
    isCa: extensions.isCa,
    pathLength: extensions.pathLength ?? null,
    names: { uri: extensions.uris, dns: extensions.dnsNames, ip: extensions.ipAddresses },
    keyUsage: extensions.keyUsage ?? [],
    extendedKeyUsage: (extensions.extendedKeyUsage ?? []).map((purpose) => PURPOSES[purpose] ?? purpose),
    sha256: certificate.fingerprint256,
  }
}

/** The description as aligned lines for a terminal. */
export function formatDescription(description: CertificateDescription): string {
  const { names } = description
  const rows: [string, string][] = [
    ['subject', description.subject],
    ['SPIFFE ID', description.spiffeId ?? (description.isCa ? 'none (a CA identifies no workload)' : 'NONE')],
    ['issuer', description.selfSigned ? `${description.issuer} (self-signed)` : description.issuer],
    ['serial', description.serial],
    ['valid from', description.notBefore],
    ['valid until', `${description.notAfter} (${stateText(description)})`],
    ['key', description.key],
    ['CA', caText(description)],
    ['URI names', list(names.uri)],
    ['DNS names', list(names.dns)],
    ['IP addresses', list(names.ip)],
    ['usages', list([...description.keyUsage, ...description.extendedKeyUsage])],
    ['SHA-256', description.sha256],
  ]
  return rows.map(([label, value]) => `  ${label.padEnd(12)}  ${printable(value)}\n`).join('')
}

function stateText(description: CertificateDescription): string {
  const left = description.remainingSeconds * 1000
  if (description.state === 'expired') return `EXPIRED ${formatDuration(-left)} ago`
  if (description.state === 'not yet valid') return 'NOT YET VALID'
  return `${formatDuration(left)} left`
}

function caText(description: CertificateDescription): string {
  if (!description.isCa) return 'no'
  if (description.pathLength === null) return 'yes'
  return `yes, at most ${description.pathLength} CA${description.pathLength === 1 ? '' : 's'} below`
}

function list(items: readonly string[]): string {
  return items.length === 0 ? 'none' : items.join(', ')
}

/** A certificate of unknown origin must not write escape sequences to the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
}
