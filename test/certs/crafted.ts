import { X509Certificate } from 'node:crypto'
import { encode, type Node, OID, oid, primitive, sequence, TAG, taggedBytes } from '../../certs/asn1.ts'
import {
  basicConstraints,
  buildCertificate,
  distinguishedName,
  keyUsage,
} from '../../certs/certificate-builder.ts'
import { generateKey, privateKeyPem, signerOf } from '../../certs/private-key.ts'

const key = await generateKey('ecdsa-p256')

export const craftedKeyPem = privateKeyPem(key.privateKey)

/** A subject alternative name extension with any general names: 2 is DNS, 6 is URI. */
export function names(...list: [tag: number, value: string][]): Node {
  const value = encode(sequence(...list.map(([tag, text]) => taggedBytes(tag, text))))
  return sequence(oid(OID.subjectAltName), primitive(TAG.octetString, value))
}

/** A self-signed certificate with just these extensions, such as no CA of ours would issue. */
export function crafted(extensions: Node[], commonName = 'crafted'): X509Certificate {
  const subject = distinguishedName('test', commonName)
  const now = Date.now()
  const raw = buildCertificate(
    {
      issuer: subject,
      subject,
      notBefore: now - 60_000,
      notAfter: now + 3_600_000,
      publicKey: key.publicKey,
      extensions,
    },
    signerOf(key.privateKey),
  )
  return new X509Certificate(raw)
}

export { basicConstraints, keyUsage }
