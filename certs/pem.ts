import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'

/** Most certificates read from one file. */
export const MAX_CERTIFICATES = 1000

/** A text is not the PEM that was expected; the message says what it is instead. */
export class PemError extends Error {
  override readonly name = 'PemError'
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g
const CERTIFICATE_LABELS = new Set(['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'])

/**
 * All certificates of a PEM text, in their order; other blocks and text around them are passed over.
 * @throws {PemError} when there is none, one is broken, or there are more than 1000.
 */
export function readCertificates(text: string): X509Certificate[] {
  const blocks = [...text.matchAll(BLOCK)]
  const certificates = blocks.filter((block) => CERTIFICATE_LABELS.has(block[1]!))
  if (certificates.length === 0) throw new PemError(withoutCertificate(text, blocks))
  if (certificates.length > MAX_CERTIFICATES)
    throw new PemError(`holds more than ${MAX_CERTIFICATES} certificates`)
  return certificates.map((block, index) => {
    try {
      return new X509Certificate(block[0])
    } catch {
      throw new PemError(
        `certificate ${index + 1} in the file is broken: its PEM block does not hold a certificate`,
      )
    }
  })
}

/**
 * The private key of a PEM text (PKCS #8, PKCS #1 or SEC 1), not encrypted.
 * @throws {PemError} when there is none or it cannot be used.
 */
export function readPrivateKey(text: string): KeyObject {
  const blocks = [...text.matchAll(BLOCK)]
  const block = blocks.find((one) => one[1]!.endsWith('PRIVATE KEY'))
  if (block === undefined) {
    if (blocks.length > 0) throw new PemError(`holds no private key, only ${blocks[0]![1]}`)
    throw new PemError(notPem(text, 'a private key', 'PRIVATE KEY'))
  }
  if (block[1] === 'ENCRYPTED PRIVATE KEY' || block[0].includes('Proc-Type: 4,ENCRYPTED')) {
    throw new PemError('the key is encrypted; it must stand unencrypted, in a file of mode 0600')
  }
  try {
    return createPrivateKey(block[0])
  } catch {
    throw new PemError('the private key is broken: its PEM block does not hold a key')
  }
}

function withoutCertificate(text: string, blocks: readonly RegExpMatchArray[]): string {
  const label = blocks[0]?.[1]
  if (label?.endsWith('PRIVATE KEY')) return 'holds a private key, not a certificate'
  if (label !== undefined) return `holds no certificate, only ${label}`
  return notPem(text, 'a certificate', 'CERTIFICATE')
}

function notPem(text: string, wanted: string, label: string): string {
  if (text.trim() === '') return `is empty; ${wanted} in PEM form is expected`
  if (text.includes(`-----BEGIN ${label}-----`)) return 'is cut off: the PEM block has no end'
  return `is not PEM: ${wanted} that starts with "-----BEGIN ${label}-----" is expected`
}
