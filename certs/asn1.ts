import forge from 'node-forge'

/** An ASN.1 node as node-forge holds it; primitive values are binary (latin1) strings. */
export type Node = forge.asn1.Asn1

/** Universal tags in use (X.690, section 8). */
export const TAG = {
  boolean: forge.asn1.Type.BOOLEAN,
  integer: forge.asn1.Type.INTEGER,
  bitString: forge.asn1.Type.BITSTRING,
  octetString: forge.asn1.Type.OCTETSTRING,
  null: forge.asn1.Type.NULL,
  oid: forge.asn1.Type.OID,
  utf8String: forge.asn1.Type.UTF8,
  utcTime: forge.asn1.Type.UTCTIME,
  generalizedTime: forge.asn1.Type.GENERALIZEDTIME,
} as const

/** Object identifiers of RFC 5280, 5480, 5758 and 8017. */
export const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  rsaWithSha256: '1.2.840.113549.1.1.11',
} as const

/** Deepest nesting accepted; a certificate needs about ten. */
const MAX_DEPTH = 32

/** Parses one DER value; throws when it is malformed, nested too deep, or followed by more bytes. */
export function der(bytes: string): Node {
  // BIT STRINGs stay bytes: node-forge would otherwise guess whether a key or a signature holds more ASN.1.
  const options = { strict: true, decodeBitStrings: false, maxDepth: MAX_DEPTH }
  // fromDer() takes these options, which its types leave out.
  return forge.asn1.fromDer(bytes, options as unknown as boolean)
}

export function encode(node: Node): Buffer {
  return Buffer.from(forge.asn1.toDer(node).getBytes(), 'latin1')
}

export function sequence(...items: Node[]): Node {
  return forge.asn1.create(forge.asn1.Class.UNIVERSAL, forge.asn1.Type.SEQUENCE, true, items)
}

export function set(...items: Node[]): Node {
  return forge.asn1.create(forge.asn1.Class.UNIVERSAL, forge.asn1.Type.SET, true, items)
}

/** A primitive universal value. */
export function primitive(tag: forge.asn1.Type, bytes: string | Buffer): Node {
  return forge.asn1.create(forge.asn1.Class.UNIVERSAL, tag, false, binary(bytes))
}

export function oid(identifier: string): Node {
  return primitive(TAG.oid, forge.asn1.oidToDer(identifier).getBytes())
}

/** A context-specific `[tag]` around other nodes (explicit tagging, or an implicit constructed type). */
export function tagged(tag: number, ...items: Node[]): Node {
  return forge.asn1.create(forge.asn1.Class.CONTEXT_SPECIFIC, tag, true, items)
}

/** A context-specific `[tag]` IMPLICIT primitive. */
export function taggedBytes(tag: number, bytes: string | Buffer): Node {
  return forge.asn1.create(forge.asn1.Class.CONTEXT_SPECIFIC, tag, false, binary(bytes))
}

/** A BIT STRING of whole bytes. */
export function bitString(bytes: Buffer): Node {
  return primitive(TAG.bitString, `\0${bytes.toString('latin1')}`)
}

/** RFC 5280, section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on. */
export function time(milliseconds: number): Node {
  const date = new Date(milliseconds)
  return date.getUTCFullYear() < 2050
    ? primitive(TAG.utcTime, forge.asn1.dateToUtcTime(date))
    : primitive(TAG.generalizedTime, forge.asn1.dateToGeneralizedTime(date))
}

function binary(bytes: string | Buffer): string {
  return typeof bytes === 'string' ? bytes : bytes.toString('latin1')
}
