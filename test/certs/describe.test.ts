import t from 'tap'
import { createAuthority, issueLeaf } from '../../certs/authority.ts'
import { describeCertificate, formatDescription } from '../../certs/describe.ts'
import { crafted, names } from './crafted.ts'

const NOW = Date.UTC(2030, 0, 1)
const HOUR = 3_600_000

t.test('a description follows the clock', async (t) => {
  const authority = await createAuthority({ trustDomain: 'mesh.local', now: () => NOW })
  const { certificate } = await issueLeaf({ authority, spiffeId: 'spiffe://mesh.local/web', now: () => NOW })
  t.strictSame(describeCertificate(certificate, NOW), {
    subject: 'O=mesh.local, CN=web',
    spiffeId: 'spiffe://mesh.local/web',
    issuer: 'O=mesh.local, CN=Pillion CA mesh.local',
    selfSigned: false,
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: '2029-12-31T23:59:00Z',
    notAfter: '2030-01-02T00:00:00Z',
    state: 'valid',
    remainingSeconds: 86_400,
    key: 'ECDSA P-256',
    isCa: false,
    pathLength: null,
    names: { uri: ['spiffe://mesh.local/web'], dns: [], ip: [] },
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['serverAuth', 'clientAuth'],
    sha256: certificate.fingerprint256,
  })
  const late = describeCertificate(certificate, NOW + 26 * HOUR)
  t.match(late, { state: 'expired', remainingSeconds: -7200 })
  t.match(formatDescription(late), /valid until .* \(EXPIRED 2 h ago\)/)
  const early = describeCertificate(certificate, NOW - HOUR)
  t.match(formatDescription(early), /\(NOT YET VALID\)/)
  t.match(formatDescription(describeCertificate(authority.certificate, NOW)), /CA +yes, at most 1 CA below\n/)
})

t.test('a hostile certificate cannot write to the terminal as it likes', (t) => {
  const certificate = crafted([names([2, '\x1b[2Jweb\nCA  yes'])])
  const text = formatDescription(describeCertificate(certificate, NOW))
  t.match(text, 'DNS names     ?[2Jweb?CA  yes\n')
  t.match(text, /SPIFFE ID +NONE\n/)
  t.notMatch(text, '\x1b')
  t.end()
})
