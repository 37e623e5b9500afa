import forge from 'node-forge'
import { der, type Node, OID, TAG } from './asn1.ts'

/** What a certificate's extensions say, as far as an identity depends on it. */
export interface CertificateExtensions {
  uris: string[]
  dnsNames: string[]
  /** Textual form, IPv6 as RFC 5952 has it. */
  ipAddresses: string[]
  isCa: boolean
  pathLength: number | undefined
  /** Names of RFC 5280, section 4.2.1.3; undefined where the extension is missing. */
  keyUsage: string[] | undefined
  /** Object identifiers; undefined where the extension is missing. */
  extendedKeyUsage: string[] | undefined
  /** Hexadecimal, lower case. */
  subjectKeyId: string | undefined
}

/** Bit order of KeyUsage (RFC 5280, section 4.2.1.3). */
export const KEY_USAGES: readonly string[] = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
]

/** Most subject alternative names read from one certificate. */
export const MAX_NAMES = 1000

const EXTENSIONS_TAG = 3
const NAME = { dns: 2, uri: 6, ip: 7 } as const

/** A certificate's DER is not what RFC 5280 prescribes. */
export class MalformedCertificateError extends Error {
  override readonly name = 'MalformedCertificateError'
}

/**
 * Reads the extensions from a certificate's DER. Names come from their own ASN.1 strings, never from a joined text
 * that a name with a comma in it could break apart (CVE-2021-44532).
 * @throws {MalformedCertificateError} for broken DER, an extension that stands twice, or more than 1000 names.
 */
export function readExtensions(certificate: Buffer): CertificateExtensions {
  try {
    return read(certificate)
  } catch (error) {
    if (error instanceof MalformedCertificateError) throw error
    throw new MalformedCertificateError('the certificate is not valid DER')
  }
}

function read(certificate: Buffer): CertificateExtensions {
  const out: CertificateExtensions = {
    uris: [],
    dnsNames: [],
    ipAddresses: [],
    isCa: false,
    pathLength: undefined,
    keyUsage: undefined,
    extendedKeyUsage: undefined,
    subjectKeyId: undefined,
  }
  const seen = new Set<string>()
  for (const extension of extensionNodes(certificate)) {
    const parts = children(extension)
    const oid = forge.asn1.derToOid(content(parts[0]))
    if (seen.has(oid)) throw new MalformedCertificateError(`the extension ${oid} stands twice`)
    seen.add(oid)
    readExtension(out, oid, content(parts[parts.length - 1]))
  }
  return out
}

function readExtension(out: CertificateExtensions, oid: string, value: string): void {
  if (oid === OID.subjectAltName) readNames(out, der(value))
  else if (oid === OID.basicConstraints) readBasicConstraints(out, der(value))
  else if (oid === OID.keyUsage) out.keyUsage = readKeyUsage(der(value))
  else if (oid === OID.extendedKeyUsage) {
    out.extendedKeyUsage = children(der(value)).map((node) => forge.asn1.derToOid(content(node)))
  } else if (oid === OID.subjectKeyIdentifier) {
    out.subjectKeyId = Buffer.from(content(der(value)), 'latin1').toString('hex')
  }
}

function readNames(out: CertificateExtensions, sequence: Node): void {
  const names = children(sequence)
  if (names.length > MAX_NAMES)
    throw new MalformedCertificateError(`more than ${MAX_NAMES} alternative names`)
  for (const name of names) {
    if (name.tagClass !== forge.asn1.Class.CONTEXT_SPECIFIC) throw new MalformedCertificateError('bad name')
    const type = name.type as number
    if (type === NAME.uri) out.uris.push(content(name))
    else if (type === NAME.dns) out.dnsNames.push(content(name))
    else if (type === NAME.ip) out.ipAddresses.push(ipText(Buffer.from(content(name), 'latin1')))
  }
}

function readBasicConstraints(out: CertificateExtensions, sequence: Node): void {
  for (const node of children(sequence)) {
    if (node.type === TAG.boolean) out.isCa = content(node).charCodeAt(0) !== 0
    else if (node.type === TAG.integer) {
      out.pathLength = Number.parseInt(Buffer.from(content(node), 'latin1').toString('hex') || '0', 16)
    }
  }
}

function readKeyUsage(node: Node): string[] {
  const bytes = content(node)
  // The first byte of a BIT STRING counts the unused bits of its last byte.
  return KEY_USAGES.filter((_, bit) => {
    const index = 1 + (bit >> 3)
    return index < bytes.length && (bytes.charCodeAt(index) & (0x80 >> (bit & 7))) !== 0
  })
}

function extensionNodes(certificate: Buffer): Node[] {
  const tbs = children(children(der(certificate.toString('latin1')))[0])
  for (const node of tbs) {
    if (node.tagClass === forge.asn1.Class.CONTEXT_SPECIFIC && (node.type as number) === EXTENSIONS_TAG) {
      return children(children(node)[0])
    }
  }
  return []
}

function children(node: Node | undefined): Node[] {
  if (node === undefined || !Array.isArray(node.value))
    throw new MalformedCertificateError('unexpected structure')
  return node.value
}

function content(node: Node | undefined): string {
  if (node === undefined || typeof node.value !== 'string') {
    throw new MalformedCertificateError('unexpected structure')
  }
  return node.value
}

function ipText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) throw new MalformedCertificateError('an IP address name is neither 4 nor 16 bytes')
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16))
  // The URL parser writes the short form.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}
