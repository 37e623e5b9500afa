import type { KeyObject, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { OID } from './asn1.ts'
import { CERTIFICATE_MODE, KEY_MODE, refuseExisting, writeFileAtomic } from './atomic-file.ts'
import { type Authority, restoreAuthority } from './authority.ts'
import { CertificateError, type CertificateProblem, IssueError } from './certificate-error.ts'
import { chainProblem, nameOf, validityProblem } from './chain.ts'
import { MalformedCertificateError, readExtensions } from './extensions.ts'
import { leafIdentity } from './peer-identity.ts'
import { readCertificates, readPrivateKey } from './pem.ts'
import { type PemFile, parse, read } from './pem-file.ts'
import { privateKeyPem, UnsupportedKeyError } from './private-key.ts'
import type { SpiffeId } from './spiffe-id.ts'

/** Names of a CA's files in its folder. */
export const CA_CERTIFICATE_FILE = 'ca.crt'
export const CA_KEY_FILE = 'ca.key'

export interface IdentityFiles {
  readonly certificateFile: string
  readonly keyFile: string
  readonly trustBundleFile: string
  /** The trust domain that the identity must be of; not checked where it is left out. */
  readonly trustDomain?: string | undefined
  /** Wall clock, milliseconds since the epoch; default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/** A workload's certificate, key and roots, checked as one set. */
export interface Identity {
  readonly id: SpiffeId
  /** The leaf and its intermediates, nothing else of the file. */
  readonly certificateChainPem: string
  readonly keyPem: string
  readonly trustBundlePem: string
  /** Of the leaf, milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
  /** SHA-256, upper case hexadecimal with colons. */
  readonly fingerprints: { readonly certificate: string; readonly trustBundle: readonly string[] }
  /** What works, but should be looked after; `file: text` each. */
  readonly warnings: readonly string[]
}

/**
 * Writes a certificate (chain), mode 0644, and its key, mode 0600, each atomically. The key goes first: a reader that
 * looks in between finds a pair that does not match, and keeps what it has.
 * @throws {CertificateError} when one of the files exists and `force` is not set, or writing fails
 */
export async function writeCertificate(
  files: { readonly certificateFile: string; readonly keyFile: string },
  chainPem: string,
  keyPem: string,
  options: { readonly force?: boolean | undefined } = {},
): Promise<void> {
  const { force } = options
  if (!force) await refuseExisting([files.certificateFile, files.keyFile])
  await writeFileAtomic(files.keyFile, keyPem, { mode: KEY_MODE, force })
  await writeFileAtomic(files.certificateFile, chainPem, { mode: CERTIFICATE_MODE, force })
}

/** Writes `ca.crt` and `ca.key` into a folder; see {@link writeCertificate}. */
export async function writeAuthority(
  folder: string,
  authority: Authority,
  options: { readonly force?: boolean | undefined } = {},
): Promise<void> {
  const chainPem = authority.intermediatesPem || authority.certificatePem
  await writeCertificate(authorityFiles(folder), chainPem, privateKeyPem(authority.privateKey), options)
}

export function authorityFiles(folder: string): { certificateFile: string; keyFile: string } {
  return { certificateFile: join(folder, CA_CERTIFICATE_FILE), keyFile: join(folder, CA_KEY_FILE) }
}

/**
 * Reads a CA from its folder: `ca.crt` (its certificate, then intermediates where there are any) and `ca.key`.
 * @throws {CertificateError} when a file is missing or broken, or the two do not make a CA
 */
export async function loadAuthority(folder: string): Promise<Authority> {
  const { certificateFile, keyFile } = authorityFiles(folder)
  const problems: CertificateProblem[] = []
  const certificates = parse(await read(certificateFile, problems), problems, readCertificates)
  const key = parse(await read(keyFile, problems), problems, readPrivateKey)
  if (certificates === null || key === null) throw new CertificateError(problems)
  try {
    return restoreAuthority(certificates, key)
  } catch (error) {
    if (error instanceof UnsupportedKeyError)
      throw new CertificateError([{ file: keyFile, message: error.message }])
    if (!(error instanceof IssueError || error instanceof MalformedCertificateError)) throw error
    throw new CertificateError([{ file: certificateFile, message: error.message }])
  }
}

/** Reads all certificates of a file. @throws {CertificateError} when it is missing or broken, or holds none */
export async function loadCertificates(file: string): Promise<X509Certificate[]> {
  const problems: CertificateProblem[] = []
  const certificates = parse(await read(file, problems), problems, readCertificates)
  if (certificates === null) throw new CertificateError(problems)
  return certificates
}

/**
 * Reads and checks a workload's identity as one set: the files are readable PEM, the key belongs to the leaf, the leaf
 * has one SPIFFE ID of the trust domain, is valid now and leads to the trust bundle, and TLS takes them.
 * @throws {CertificateError} with all problems that could be found
 */
export async function loadIdentity(files: IdentityFiles): Promise<Identity> {
  const { certificateFile, keyFile, trustBundleFile } = files
  const now = (files.now ?? Date.now)()
  const problems: CertificateProblem[] = []
  const warnings: string[] = []
  // One after the other, so that problems come in a settled order.
  const chain = parse(await read(certificateFile, problems), problems, readCertificates)
  const keyText = await read(keyFile, problems)
  const key = parse(keyText, problems, readPrivateKey)
  const bundle = parse(await read(trustBundleFile, problems), problems, readCertificates)
  if (keyText !== null && (keyText.mode & 0o077) !== 0) warnings.push(openKey(keyText))
  if (chain === null) throw new CertificateError(problems)
  const leaf = chain[0]!
  const add = (message: string | null): void => {
    if (message !== null) problems.push({ file: certificateFile, message })
  }

  const id = checkLeaf(leaf, files, add, warnings)
  const validity = validityProblem(leaf, now)
  add(validity === null ? null : `the certificate ${validity}`)
  if (key !== null) {
    const message = keyProblem(chain, key, certificateFile)
    if (message !== null) problems.push({ file: keyFile, message })
  }
  if (bundle !== null) {
    const problem = chainProblem(leaf, { intermediates: chain.slice(1), trustBundle: bundle, now })
    add(problem === null ? null : `the certificate does not chain to ${trustBundleFile}: ${problem}`)
    for (const root of bundle) {
      const message = root.ca ? validityProblem(root, now) : 'is not a CA certificate'
      if (message !== null) warnings.push(`${trustBundleFile}: ${nameOf(root.subject)} ${message}`)
    }
  }
  if (problems.length > 0 || id === null || key === null || bundle === null)
    throw new CertificateError(problems)

  const pems = {
    certificateChainPem: chain.map(String).join(''),
    keyPem: privateKeyPem(key),
    trustBundlePem: bundle.map(String).join(''),
  }
  add(tlsProblem(pems))
  if (problems.length > 0) throw new CertificateError(problems)
  return {
    id,
    ...pems,
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
    fingerprints: {
      certificate: leaf.fingerprint256,
      trustBundle: bundle.map((root) => root.fingerprint256),
    },
    warnings,
  }
}

function checkLeaf(
  leaf: X509Certificate,
  files: IdentityFiles,
  add: (message: string) => void,
  warnings: string[],
): SpiffeId | null {
  try {
    const extensions = readExtensions(leaf.raw)
    const purposes = extensions.extendedKeyUsage
    if (purposes !== undefined && !(purposes.includes(OID.serverAuth) && purposes.includes(OID.clientAuth))) {
      warnings.push(`${files.certificateFile}: the certificate is not for both TLS servers and clients`)
    }
    const identity = leafIdentity(extensions)
    if ('problem' in identity) {
      add(identity.problem)
      return null
    }
    const { id } = identity
    if (files.trustDomain !== undefined && id.trustDomain !== files.trustDomain) {
      add(`${id} is not of the trust domain "${files.trustDomain}"`)
    }
    return id
  } catch (error) {
    if (!(error instanceof MalformedCertificateError)) throw error
    add(error.message)
    return null
  }
}

function keyProblem(
  chain: readonly X509Certificate[],
  key: KeyObject,
  certificateFile: string,
): string | null {
  if (chain[0]!.checkPrivateKey(key)) return null
  const other = chain.findIndex((certificate) => certificate.checkPrivateKey(key))
  if (other > 0) {
    return `the key belongs to certificate ${other + 1} in ${certificateFile}, which must stand first there`
  }
  return `the key does not belong to the certificate in ${certificateFile}`
}

/** What only TLS itself can tell, such as a key too short for its security level. */
function tlsProblem(pems: {
  certificateChainPem: string
  keyPem: string
  trustBundlePem: string
}): string | null {
  try {
    createSecureContext({ cert: pems.certificateChainPem, key: pems.keyPem, ca: pems.trustBundlePem })
    return null
  } catch (error) {
    const reason = (error as { reason?: unknown }).reason
    return `TLS does not take the certificate and key: ${reason ?? (error as Error).message}`
  }
}

function openKey(file: PemFile): string {
  const mode = (file.mode & 0o777).toString(8).padStart(4, '0')
  return `${file.file}: the private key can be read by others (mode ${mode}); chmod 600 it`
}
