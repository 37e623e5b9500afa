import { createHash, generateKeyPair, type KeyObject, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { der, type Node, OID, oid, primitive, sequence, TAG } from './asn1.ts'

/** Kinds of keys that can be made; P-256 is the default for its small certificates and fast handshakes. */
export const KEY_TYPES = ['ecdsa-p256', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const
export type KeyType = (typeof KEY_TYPES)[number]

/** A CA key is of a kind that certificates cannot be signed with here. */
export class UnsupportedKeyError extends Error {
  override readonly name = 'UnsupportedKeyError'
}

const generate = promisify(generateKeyPair)

/** A new key pair. Off the event loop; RSA takes from a tenth of a second to several seconds. */
export async function generateKey(type: KeyType): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  if (type === 'ecdsa-p256') return await generate('ec', { namedCurve: 'prime256v1' })
  return await generate('rsa', { modulusLength: Number(type.slice('rsa-'.length)) })
}

/** PKCS #8 PEM, not encrypted. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

/** `ECDSA P-256`, `RSA 2048`, `Ed25519`: how a key is shown. */
export function keyName(key: KeyObject): string {
  const details = key.asymmetricKeyDetails ?? {}
  const type = key.asymmetricKeyType ?? 'unknown'
  if (type === 'ec') return `ECDSA ${CURVES[details.namedCurve ?? ''] ?? details.namedCurve}`
  if (type.startsWith('rsa')) return `${type.toUpperCase()} ${details.modulusLength}`
  return type.replace(/^ed/, 'Ed')
}

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
}

/** How a CA key signs certificates. */
export interface Signer {
  /** AlgorithmIdentifier as it stands in the certificate, twice. */
  readonly algorithm: Node
  sign(bytes: Buffer): Buffer
}

/** @throws {UnsupportedKeyError} for a key that is neither RSA nor on the curves P-256 and P-384. */
export function signerOf(key: KeyObject): Signer {
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (key.asymmetricKeyType === 'rsa') {
    const algorithm = sequence(oid(OID.rsaWithSha256), primitive(TAG.null, ''))
    return { algorithm, sign: (bytes) => sign('sha256', bytes, key) }
  }
  if (curve === 'prime256v1') {
    return { algorithm: sequence(oid(OID.ecdsaWithSha256)), sign: (bytes) => sign('sha256', bytes, key) }
  }
  if (curve === 'secp384r1') {
    return { algorithm: sequence(oid(OID.ecdsaWithSha384)), sign: (bytes) => sign('sha384', bytes, key) }
  }
  throw new UnsupportedKeyError(
    `a CA key must be RSA, or ECDSA on P-256 or P-384; this one is ${keyName(key)}`,
  )
}

/** SubjectPublicKeyInfo as ASN.1. */
export function publicKeyInfo(key: KeyObject): Node {
  return der(key.export({ type: 'spki', format: 'der' }).toString('latin1'))
}

/** Key identifier: the leftmost 160 bits of the SHA-256 of the public key's bits (RFC 7093, section 2, method 1). */
export function keyIdentifier(key: KeyObject): Buffer {
  const bits = (publicKeyInfo(key).value as Node[])[1]!.value as string
  // Without the byte that counts the unused bits.
  return createHash('sha256').update(bits.slice(1), 'latin1').digest().subarray(0, 20)
}
