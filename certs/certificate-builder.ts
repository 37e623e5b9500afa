import { type KeyObject, randomBytes } from 'node:crypto'
import {
  bitString,
  encode,
  type Node,
  OID,
  oid,
  primitive,
  sequence,
  set,
  TAG,
  tagged,
  taggedBytes,
  time,
} from './asn1.ts'
import { KEY_USAGES } from './extensions.ts'
import { keyIdentifier, publicKeyInfo, type Signer } from './private-key.ts'

/** Everything that goes into a certificate before it is signed. */
export interface CertificateFields {
  /** A Name; for the issuer the very bytes of the CA's subject, as path building compares them. */
  readonly issuer: Node
  readonly subject: Node
  /** Milliseconds since the epoch; seconds are what the certificate keeps. */
  readonly notBefore: number
  readonly notAfter: number
  readonly publicKey: KeyObject
  readonly extensions: readonly Node[]
}

/** Bytes of randomness in a serial number; RFC 5280, section 4.1.2.2, allows 20 bytes in all. */
const SERIAL_BYTES = 16
/** Longest common name and organisation (RFC 5280, appendix A.1: ub-common-name). */
const MAX_NAME_CHARACTERS = 64

const IP_OCTETS = 7
const DNS_NAME = 2
const URI_NAME = 6

/** Signs a certificate (RFC 5280, section 4.1) and returns its DER. */
export function buildCertificate(fields: CertificateFields, signer: Signer): Buffer {
  const tbs = sequence(
    tagged(0, primitive(TAG.integer, '\x02')),
    primitive(TAG.integer, serialNumber()),
    signer.algorithm,
    fields.issuer,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    fields.subject,
    publicKeyInfo(fields.publicKey),
    tagged(3, sequence(...fields.extensions)),
  )
  return encode(sequence(tbs, signer.algorithm, bitString(signer.sign(encode(tbs)))))
}

/** A Name of organisation and common name; a part too long for X.520 is left out or cut. */
export function distinguishedName(organization: string, commonName: string): Node {
  const attribute = (type: string, value: string): Node =>
    set(sequence(oid(type), primitive(TAG.utf8String, Buffer.from(value))))
  const parts: Node[] = []
  if (organization.length <= MAX_NAME_CHARACTERS) parts.push(attribute(OID.organization, organization))
  parts.push(attribute(OID.commonName, [...commonName].slice(0, MAX_NAME_CHARACTERS).join('')))
  return sequence(...parts)
}

export function basicConstraints(ca: boolean, pathLength?: number): Node {
  const parts: Node[] = []
  if (ca) parts.push(primitive(TAG.boolean, '\xff'))
  if (ca && pathLength !== undefined) parts.push(primitive(TAG.integer, String.fromCharCode(pathLength)))
  return extension(OID.basicConstraints, true, sequence(...parts))
}

/** Takes names out of KEY_USAGES, of the first eight. */
export function keyUsage(...usages: string[]): Node {
  let bits = 0
  for (const usage of usages) bits |= 0x80 >> KEY_USAGES.indexOf(usage)
  // DER drops trailing zero bits of a named bit list (X.690, section 11.2.2).
  const unused = Math.clz32(bits & -bits) ^ 31
  return extension(OID.keyUsage, true, primitive(TAG.bitString, Buffer.of(unused, bits)))
}

export function extendedKeyUsage(...purposes: string[]): Node {
  return extension(OID.extendedKeyUsage, false, sequence(...purposes.map(oid)))
}

export function subjectKeyIdentifier(key: KeyObject): Node {
  return extension(OID.subjectKeyIdentifier, false, primitive(TAG.octetString, keyIdentifier(key)))
}

/** @param keyId the subject key identifier of the issuer */
export function authorityKeyIdentifier(keyId: Buffer): Node {
  return extension(OID.authorityKeyIdentifier, false, sequence(taggedBytes(0, keyId)))
}

/** @param ipAddresses each 4 or 16 bytes */
export function subjectAltName(
  uri: string,
  dnsNames: readonly string[],
  ipAddresses: readonly Buffer[],
): Node {
  const names = [
    taggedBytes(URI_NAME, uri),
    ...dnsNames.map((name) => taggedBytes(DNS_NAME, name)),
    ...ipAddresses.map((address) => taggedBytes(IP_OCTETS, address)),
  ]
  return extension(OID.subjectAltName, false, sequence(...names))
}

function extension(identifier: string, critical: boolean, value: Node): Node {
  const parts = [oid(identifier)]
  if (critical) parts.push(primitive(TAG.boolean, '\xff'))
  parts.push(primitive(TAG.octetString, encode(value)))
  return sequence(...parts)
}

/** Random, positive and without a leading zero byte, so that its DER has always the same length. */
function serialNumber(): Buffer {
  const bytes = randomBytes(SERIAL_BYTES)
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return bytes
}
