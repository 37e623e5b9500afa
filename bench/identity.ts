import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd } from './process.ts'

/** PEM files of the server side that all proxies share. */
export interface Identity {
  readonly certificateFile: string
  readonly keyFile: string
  /** Certificate and key in one file, as HAProxy wants it. */
  readonly combinedFile: string
  readonly caFile: string
}

export const TRUST_DOMAIN = 'bench.local'

/** Makes a P-256 authority and a leaf with one SPIFFE URI, valid for two days, in `folder`. */
export async function makeIdentity(folder: string): Promise<Identity> {
  const at = (name: string) => join(folder, name)
  const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const ca = ['-keyout', at('ca.key'), '-out', at('ca.crt')]
  await runToEnd('openssl', ['req', '-x509', ...p256, '-subj', '/CN=bench authority', ...ca])
  await runToEnd('openssl', [
    ...['req', '-x509', ...p256, '-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-subj', '/CN=localhost'],
    ...[
      '-addext',
      `subjectAltName=URI:spiffe://${TRUST_DOMAIN}/ns/bench/sa/proxy,DNS:localhost,IP:127.0.0.1`,
    ],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'keyUsage=critical,digitalSignature'],
    ...[
      '-addext',
      'extendedKeyUsage=serverAuth,clientAuth',
      '-keyout',
      at('leaf.key'),
      '-out',
      at('leaf.crt'),
    ],
  ])
  writeFileSync(at('leaf.pem'), readFileSync(at('leaf.crt'), 'utf8') + readFileSync(at('leaf.key'), 'utf8'), {
    mode: 0o600,
  })
  return {
    certificateFile: at('leaf.crt'),
    keyFile: at('leaf.key'),
    combinedFile: at('leaf.pem'),
    caFile: at('ca.crt'),
  }
}
