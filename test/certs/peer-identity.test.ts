import type { X509Certificate } from 'node:crypto'
import t from 'tap'
import { createAuthority, issueLeaf } from '../../certs/authority.ts'
import { readExtensions } from '../../certs/extensions.ts'
import { peerIdentity, readUriSans } from '../../certs/peer-identity.ts'
import { basicConstraints, crafted, keyUsage, names } from './crafted.ts'

const WEB = 'spiffe://mesh.local/ns/default/sa/web'
const DNS = 2
const URI = 6

function problem(certificate: X509Certificate): string {
  const identity = peerIdentity(certificate.raw)
  return 'problem' in identity ? identity.problem : `no problem, but ${identity.id}`
}

t.test('an issued leaf is known by its SPIFFE ID, its authority is not', async (t) => {
  const authority = await createAuthority({ trustDomain: 'mesh.local' })
  const leaf = await issueLeaf({
    authority,
    spiffeId: WEB,
    dnsNames: ['web.mesh'],
    ipAddresses: ['10.0.0.1', '::1'],
  })
  t.strictSame(readUriSans(leaf.certificate.raw), [WEB])
  t.equal(String((peerIdentity(leaf.certificate.raw) as { id: unknown }).id), WEB)
  t.match(problem(authority.certificate), /CA certificate/)
  t.match(readExtensions(leaf.certificate.raw), {
    dnsNames: ['web.mesh'],
    ipAddresses: ['10.0.0.1', '::1'],
    isCa: false,
    keyUsage: ['digitalSignature'],
  })
  t.match(readExtensions(authority.certificate.raw), {
    isCa: true,
    pathLength: 1,
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: undefined,
  })
})

t.test('exactly one URI name counts, and nothing stands in for it', (t) => {
  t.match(problem(crafted([])), /no URI name/)
  t.match(problem(crafted([names([DNS, WEB])], WEB)), /no URI name/, 'neither DNS name nor common name')
  t.match(problem(crafted([names([URI, WEB], [URI, WEB])])), /2 URI names/)
  t.match(problem(crafted([names([URI, 'https://mesh.local/web'])])), /not a SPIFFE ID/)
  t.match(problem(crafted([names([URI, 'spiffe://mesh.local'])])), /has a path/)
  t.match(problem(crafted([names([URI, `${WEB}\0.evil`])])), /not a SPIFFE ID/)
  t.match(problem(crafted([names([URI, WEB]), names([DNS, 'a'])])), /stands twice/)
  t.end()
})

t.test('a name that looks like a list stays one name', (t) => {
  const injected = `x, URI:${WEB}`
  t.strictSame(readUriSans(crafted([names([DNS, injected])]).raw), [])
  t.strictSame(readUriSans(crafted([names([URI, `spiffe://mesh.local/a, URI:${WEB}`])]).raw), [
    `spiffe://mesh.local/a, URI:${WEB}`,
  ])
  t.end()
})

t.test('a certificate that may sign others identifies nobody', (t) => {
  const san = names([URI, WEB])
  t.match(problem(crafted([basicConstraints(true), san])), /CA certificate/)
  t.match(problem(crafted([keyUsage('digitalSignature', 'keyCertSign'), san])), /CA certificate/)
  t.match(problem(crafted([keyUsage('cRLSign'), san])), /CA certificate/)
  t.equal(
    problem(crafted([basicConstraints(false), keyUsage('digitalSignature'), san])),
    `no problem, but ${WEB}`,
  )
  t.end()
})

t.test('no bytes make it throw', (t) => {
  const { raw } = crafted([names([URI, WEB])])
  const inputs = [Buffer.alloc(0), Buffer.from('hello'), Buffer.concat([raw, Buffer.of(0)])]
  for (let length = 0; length < raw.length; length++) inputs.push(raw.subarray(0, length))
  for (const input of inputs) t.match(peerIdentity(input), { problem: String })
  for (let at = 0; at < raw.length; at++) {
    const changed = Buffer.from(raw)
    changed[at]! ^= 0xff
    t.doesNotThrow(() => peerIdentity(changed))
  }
  t.throws(() => readUriSans(Buffer.from('hello')), { name: 'MalformedCertificateError' })
  t.end()
})
