import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { der, type Node, OID } from './asn1.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  buildCertificate,
  distinguishedName,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from './certificate-builder.ts'
import { IssueError } from './certificate-error.ts'
import { readExtensions } from './extensions.ts'
import { generateKey, type KeyType, keyIdentifier, privateKeyPem, signerOf } from './private-key.ts'
import { checkTrustDomain, parseSpiffeId, SpiffeId, SpiffeIdError } from './spiffe-id.ts'
import { checkDnsName, ipBytes } from './subject-names.ts'

/** Default lifetime of a CA: ten years. */
export const DEFAULT_CA_TTL_MS = 3650 * 86_400_000
/** Default lifetime of a leaf: a day, so that a stolen key is of use for a short time only. */
export const DEFAULT_LEAF_TTL_MS = 86_400_000
/** Longest lifetime that can be asked for: a hundred years. */
export const MAX_TTL_MS = 36_500 * 86_400_000
/** Certificates begin this much earlier, for peers whose clock runs behind. */
const BACKDATE_MS = 60_000

/** A CA that is ready to sign. */
export interface Authority {
  /** From the CA's own SPIFFE ID; undefined for a CA made elsewhere that has none. */
  readonly trustDomain: string | undefined
  readonly certificate: X509Certificate
  readonly certificatePem: string
  readonly privateKey: KeyObject
  /** Intermediate certificates that a leaf has to be sent with, the issuer first; empty when the CA is a root. */
  readonly intermediatesPem: string
}

export interface AuthorityOptions {
  readonly trustDomain: string
  /** Common name; default `Pillion CA <trustDomain>`. */
  readonly name?: string | undefined
  /** Milliseconds; default ten years, at most a hundred. */
  readonly ttl?: number | undefined
  /** Default `ecdsa-p256`. */
  readonly keyType?: KeyType | undefined
  /** How many CAs may follow below; default 1 for a root, 0 below a parent. */
  readonly pathLength?: number | undefined
  /** The CA that signs this one; without it the new one is a root. */
  readonly parent?: Authority | undefined
  /** Wall clock, milliseconds since the epoch; default `Date.now`. */
  readonly now?: (() => number) | undefined
}

export interface LeafOptions {
  readonly authority: Authority
  /** The one URI name. */
  readonly spiffeId: SpiffeId | string
  readonly dnsNames?: readonly string[] | undefined
  readonly ipAddresses?: readonly string[] | undefined
  /** Milliseconds; default 24 hours. A leaf never outlives its CA: what is beyond is cut off. */
  readonly ttl?: number | undefined
  readonly now?: (() => number) | undefined
}

export interface LeafCertificate {
  readonly id: SpiffeId
  readonly certificate: X509Certificate
  readonly certificatePem: string
  /** The leaf, then the intermediates: what a certificate file holds. */
  readonly chainPem: string
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * Makes a CA for a trust domain: a self-signed root, or an intermediate below a parent.
 * @throws {SpiffeIdError} for a malformed trust domain
 * @throws {IssueError} for a lifetime out of range, or a parent that cannot have a CA below
 */
export async function createAuthority(options: AuthorityOptions): Promise<Authority> {
  const { trustDomain, parent } = options
  checkTrustDomain(trustDomain)
  const name = options.name ?? `Pillion CA ${trustDomain}`
  if (name.trim() === '') throw new IssueError('the name of the CA is empty')
  const pathLength = options.pathLength ?? (parent === undefined ? 1 : 0)
  if (!Number.isInteger(pathLength) || pathLength < 0 || pathLength > 127) {
    throw new IssueError(`the path length ${pathLength} is not a whole number from 0 to 127`)
  }
  if (parent !== undefined && (readExtensions(parent.certificate.raw).pathLength ?? Infinity) <= pathLength) {
    throw new IssueError('the path length of the parent CA does not allow this CA below it')
  }
  const validity = lifetime(options.ttl ?? DEFAULT_CA_TTL_MS, options.now, parent)
  const { publicKey, privateKey } = await generateKey(options.keyType ?? 'ecdsa-p256')
  const subject = distinguishedName(trustDomain, name)
  const raw = buildCertificate(
    {
      issuer: parent === undefined ? subject : subjectOf(parent.certificate),
      subject,
      ...validity,
      publicKey,
      extensions: [
        basicConstraints(true, pathLength),
        keyUsage('keyCertSign', 'cRLSign'),
        subjectKeyIdentifier(publicKey),
        authorityKeyIdentifier(parent === undefined ? keyIdentifier(publicKey) : issuerKeyId(parent)),
        subjectAltName(new SpiffeId(trustDomain, '').toString(), [], []),
      ],
    },
    signerOf(parent?.privateKey ?? privateKey),
  )
  const certificate = new X509Certificate(raw)
  const certificatePem = certificate.toString()
  return {
    trustDomain,
    certificate,
    certificatePem,
    privateKey,
    intermediatesPem: parent === undefined ? '' : certificatePem + parent.intermediatesPem,
  }
}

/**
 * A CA from its certificates and key.
 * @param certificates the CA's own first; the others, if any, lead from it to its root
 * @throws {IssueError} when the key belongs to another certificate, or the certificate is not a CA's
 */
export function restoreAuthority(certificates: readonly X509Certificate[], privateKey: KeyObject): Authority {
  const certificate = certificates[0]
  if (certificate === undefined) throw new IssueError('there is no CA certificate')
  const { isCa, keyUsage: usages, uris } = readExtensions(certificate.raw)
  if (!isCa || usages?.includes('keyCertSign') === false) {
    throw new IssueError('the certificate is not a CA certificate: it may not sign others')
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new IssueError('the key does not belong to the CA certificate')
  }
  signerOf(privateKey)
  const intermediates = certificates.filter((one) => !one.checkIssued(one))
  return {
    trustDomain: trustDomainOf(uris),
    certificate,
    certificatePem: certificate.toString(),
    privateKey,
    intermediatesPem: intermediates.map(String).join(''),
  }
}

/** Makes a key and signs its certificate; see {@link signLeaf}. */
export async function issueLeaf(
  options: LeafOptions & { readonly keyType?: KeyType | undefined },
): Promise<LeafCertificate & { readonly keyPem: string }> {
  const { publicKey, privateKey } = await generateKey(options.keyType ?? 'ecdsa-p256')
  return { ...signLeaf({ ...options, publicKey }), keyPem: privateKeyPem(privateKey) }
}

/**
 * Signs a leaf certificate for both sides of mutual TLS, by the X509-SVID rules.
 * @throws {SpiffeIdError} for a malformed SPIFFE ID
 * @throws {IssueError} for an ID of another trust domain or without a path, a malformed name or address, a lifetime out
 * of range, or a CA that is itself not valid now
 */
export function signLeaf(options: LeafOptions & { readonly publicKey: KeyObject }): LeafCertificate {
  const { authority, publicKey } = options
  const id = typeof options.spiffeId === 'string' ? parseSpiffeId(options.spiffeId) : options.spiffeId
  if (id.path === '')
    throw new IssueError(`${id} has no path: a workload is named like ${id}/ns/default/sa/web`)
  if (authority.trustDomain !== undefined && authority.trustDomain !== id.trustDomain) {
    throw new IssueError(`${id} is not of the CA's trust domain, "${authority.trustDomain}"`)
  }
  const dnsNames = [...new Set(options.dnsNames)]
  dnsNames.forEach(checkDnsName)
  const addresses = [...new Set(options.ipAddresses)].map(ipBytes)
  const validity = lifetime(options.ttl ?? DEFAULT_LEAF_TTL_MS, options.now, authority)
  const isRsa = publicKey.asymmetricKeyType === 'rsa'
  const raw = buildCertificate(
    {
      issuer: subjectOf(authority.certificate),
      subject: distinguishedName(id.trustDomain, id.lastSegment),
      ...validity,
      publicKey,
      extensions: [
        basicConstraints(false),
        isRsa ? keyUsage('digitalSignature', 'keyEncipherment') : keyUsage('digitalSignature'),
        extendedKeyUsage(OID.serverAuth, OID.clientAuth),
        subjectKeyIdentifier(publicKey),
        authorityKeyIdentifier(issuerKeyId(authority)),
        subjectAltName(id.toString(), dnsNames, addresses),
      ],
    },
    signerOf(authority.privateKey),
  )
  const certificate = new X509Certificate(raw)
  const certificatePem = certificate.toString()
  return {
    id,
    certificate,
    certificatePem,
    chainPem: certificatePem + authority.intermediatesPem,
    ...validity,
  }
}

/** Whole seconds, as certificates keep no less; never beyond the issuer's own life. */
function lifetime(
  ttl: number,
  now: (() => number) | undefined,
  issuer: Authority | undefined,
): { notBefore: number; notAfter: number } {
  if (!(ttl >= 1000 && ttl <= MAX_TTL_MS)) {
    throw new IssueError('the lifetime must be from 1 second to 36500 days')
  }
  const start = Math.floor((now ?? Date.now)() / 1000) * 1000
  let notBefore = start - BACKDATE_MS
  let notAfter = start + Math.floor(ttl / 1000) * 1000
  if (issuer !== undefined) {
    const from = Date.parse(issuer.certificate.validFrom)
    const to = Date.parse(issuer.certificate.validTo)
    if (start > to) throw new IssueError(`the CA certificate expired on ${new Date(to).toISOString()}`)
    if (start < from)
      throw new IssueError(`the CA certificate is valid from ${new Date(from).toISOString()} on`)
    notBefore = Math.max(notBefore, from)
    notAfter = Math.min(notAfter, to)
  }
  return { notBefore, notAfter }
}

/** The subject exactly as the certificate encodes it. */
function subjectOf(certificate: X509Certificate): Node {
  const tbs = (der(certificate.raw.toString('latin1')).value as Node[])[0]!.value as Node[]
  // version [0] is optional and comes first; serial, signature, issuer and validity stand between it and the subject.
  const first = tbs[0]!.tagClass === 0 ? 0 : 1
  return tbs[first + 4]!
}

function issuerKeyId(authority: Authority): Buffer {
  const stated = readExtensions(authority.certificate.raw).subjectKeyId
  return stated === undefined
    ? keyIdentifier(createPublicKey(authority.privateKey))
    : Buffer.from(stated, 'hex')
}

function trustDomainOf(uris: readonly string[]): string | undefined {
  if (uris.length !== 1) return undefined
  try {
    return parseSpiffeId(uris[0]!).trustDomain
  } catch (error) {
    if (error instanceof SpiffeIdError) return undefined
    throw error
  }
}
