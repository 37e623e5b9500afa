import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  type Authority,
  createAuthority,
  issueLeaf,
  type LeafOptions,
  restoreAuthority,
  signLeaf,
} from '../../certs/authority.ts'
import { KEY_TYPES } from '../../certs/private-key.ts'
import { openssl, withoutOpenssl } from './openssl.ts'

const WEB = 'spiffe://mesh.local/ns/default/sa/web'
const HOUR = 3_600_000
const NOW = Date.UTC(2040, 0, 31, 12)
const now = (): number => NOW

/** Intermediate first, as it would be sent by a peer. */
async function threeLevels(): Promise<{ root: Authority; intermediate: Authority }> {
  const root = await createAuthority({ trustDomain: 'mesh.local' })
  const intermediate = await createAuthority({ trustDomain: 'mesh.local', name: 'below', parent: root })
  return { root, intermediate }
}

function verify(
  t: Test,
  root: string,
  chain: string,
  purpose: string,
): { status: number | null; output: string } {
  const folder = t.testdir()
  const [rootFile, chainFile] = [join(folder, 'root.pem'), join(folder, 'chain.pem')]
  writeFileSync(rootFile, root)
  writeFileSync(chainFile, chain)
  const trust = ['-CAfile', rootFile, '-untrusted', chainFile]
  return openssl('verify', '-x509_strict', '-purpose', purpose, ...trust, chainFile)
}

t.test('openssl accepts the chain for servers and clients', { skip: withoutOpenssl }, async (t) => {
  for (const keyType of KEY_TYPES.slice(0, 2)) {
    const authority = await createAuthority({ trustDomain: 'mesh.local', keyType })
    const leaf = await issueLeaf({ authority, spiffeId: WEB, keyType })
    for (const purpose of ['sslserver', 'sslclient']) {
      t.match(
        verify(t, authority.certificatePem, leaf.chainPem, purpose),
        { status: 0, output: /OK/ },
        keyType,
      )
    }
  }
  const { root, intermediate } = await threeLevels()
  const leaf = await issueLeaf({ authority: intermediate, spiffeId: WEB })
  t.match(
    verify(t, root.certificatePem, leaf.chainPem, 'sslserver'),
    { status: 0 },
    'through an intermediate',
  )
  t.match(
    verify(t, root.certificatePem, leaf.certificatePem, 'sslserver'),
    { status: 2 },
    'but not without it',
  )
})

t.test('openssl shows the fields of a leaf', { skip: withoutOpenssl }, async (t) => {
  const authority = await createAuthority({ trustDomain: 'mesh.local', now })
  const file = join(t.testdir(), 'leaf.pem')
  for (const [keyType, usage] of [
    ['ecdsa-p256', 'Digital Signature'],
    ['rsa-2048', 'Digital Signature, Key Encipherment'],
  ] as const) {
    const dnsNames = ['web.mesh', '*.web.mesh', 'web.mesh']
    const ipAddresses = ['10.0.0.1', '::ffff:10.0.0.2', 'fe80::1']
    const leaf = await issueLeaf({ authority, spiffeId: WEB, keyType, dnsNames, ipAddresses, now })
    writeFileSync(file, leaf.certificatePem)
    const text = openssl('x509', '-in', file, '-noout', '-text').output
    t.match(text, `URI:${WEB}, DNS:web.mesh, DNS:*.web.mesh, IP Address:10.0.0.1`)
    t.match(text, 'IP Address:0:0:0:0:0:FFFF:A00:2, IP Address:FE80:0:0:0:0:0:0:1')
    t.match(text, `X509v3 Key Usage: critical\n                ${usage}\n`)
    t.match(text, 'TLS Web Server Authentication, TLS Web Client Authentication')
    t.match(text, 'CA:FALSE')
    t.match(text, 'Subject: O = mesh.local, CN = web')
    t.match(text, /Not Before: Jan 31 11:59:00 2040 GMT\n\s+Not After : Feb {2}1 12:00:00 2040 GMT/)
  }
})

t.test('a root says what it is', { skip: withoutOpenssl }, async (t) => {
  const authority = await createAuthority({ trustDomain: 'mesh.local', name: 'Größe @ * 1', now })
  const file = join(t.testdir(), 'root.pem')
  writeFileSync(file, authority.certificatePem)
  const text = openssl('x509', '-in', file, '-noout', '-text', '-nameopt', 'utf8').output
  t.match(text, 'CN=Größe @ * 1')
  t.match(text, 'X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:1')
  t.match(text, 'X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign')
  t.match(text, 'URI:spiffe://mesh.local\n')
  t.match(text, /Not After : Jan 28 12:00:00 2050 GMT/, 'ten years, past the end of UTCTime')
})

t.test('serial numbers are long, positive and never the same', async (t) => {
  const authority = await createAuthority({ trustDomain: 'mesh.local' })
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const serials = Array.from(
    { length: 50 },
    () => signLeaf({ authority, spiffeId: WEB, publicKey }).certificate.serialNumber,
  )
  t.equal(new Set(serials).size, 50)
  for (const serial of serials) t.match(serial, /^[4-7][0-9A-F]{31}$/)
})

t.test('key identifiers follow RFC 7093 and link leaf and issuer', async (t) => {
  const { root, intermediate } = await threeLevels()
  const leaf = await issueLeaf({ authority: intermediate, spiffeId: WEB })
  t.ok(leaf.certificate.checkIssued(intermediate.certificate))
  t.ok(leaf.certificate.verify(intermediate.certificate.publicKey))
  t.ok(intermediate.certificate.checkIssued(root.certificate))
  t.notOk(leaf.certificate.checkIssued(root.certificate))
  // The public key's bits are the last 65 bytes of a P-256 SubjectPublicKeyInfo.
  const bits = root.certificate.publicKey.export({ type: 'spki', format: 'der' }).subarray(-65)
  const keyId = createHash('sha256').update(bits).digest().subarray(0, 20)
  t.ok(root.certificate.raw.includes(keyId))
  t.ok(intermediate.certificate.raw.includes(keyId))
})

t.test('lifetimes: the default, what is asked for, and never beyond the CA', async (t) => {
  const authority = await createAuthority({ trustDomain: 'mesh.local', ttl: 48 * HOUR, now })
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const leaf = (options: Partial<LeafOptions>) =>
    signLeaf({ authority, spiffeId: WEB, publicKey, now, ...options })
  t.equal(leaf({}).notAfter, NOW + 24 * HOUR)
  t.equal(leaf({}).notBefore, NOW - 60_000)
  t.equal(leaf({ ttl: 90_500 }).notAfter, NOW + 90_000)
  t.equal(leaf({ ttl: 100 * HOUR }).notAfter, NOW + 48 * HOUR)
  t.equal(Date.parse(leaf({ ttl: HOUR }).certificate.validTo), NOW + HOUR)
  t.equal(leaf({ now: () => NOW - 30_000 }).notBefore, NOW - 60_000, 'nor before it')
  t.throws(() => leaf({ now: () => NOW + 49 * HOUR }), {
    name: 'IssueError',
    message: /CA certificate expired on 2040/,
  })
  t.throws(() => leaf({ now: () => NOW - HOUR }), { message: /CA certificate is valid from 2040/ })
  for (const ttl of [0, -1, Number.NaN, Infinity, 999]) t.throws(() => leaf({ ttl }), { message: /lifetime/ })
})

t.test('requests that make no sense are refused', async (t) => {
  const authority = await createAuthority({ trustDomain: 'mesh.local' })
  const leaf = (options: Partial<LeafOptions>) => issueLeaf({ authority, spiffeId: WEB, ...options })
  await t.rejects(leaf({ spiffeId: 'web' }), { name: 'SpiffeIdError' })
  await t.rejects(leaf({ spiffeId: 'spiffe://mesh.local' }), { message: /has no path/ })
  await t.rejects(leaf({ spiffeId: 'spiffe://other/web' }), { message: /CA's trust domain, "mesh.local"/ })
  for (const name of ['', 'a b', '-a', 'a..b', 'a.*', '10.0.0.1', `${'a.'.repeat(127)}aa`, 'a\0b', 'a,b']) {
    await t.rejects(leaf({ dnsNames: [name] }), { name: 'IssueError', message: /DNS name/ }, name)
  }
  for (const address of ['', 'web', '10.0.0', '10.0.0.0/8', 'fe80::1%eth0']) {
    await t.rejects(leaf({ ipAddresses: [address] }), { message: /not an IP address/ }, address)
  }
  await t.rejects(createAuthority({ trustDomain: 'Mesh' }), { name: 'SpiffeIdError' })
  await t.rejects(createAuthority({ trustDomain: 'mesh', name: ' ' }), { message: /name of the CA is empty/ })
  await t.rejects(createAuthority({ trustDomain: 'mesh', pathLength: -1 }), { message: /path length/ })
  const { intermediate: parent } = await threeLevels()
  await t.rejects(createAuthority({ trustDomain: 'mesh.local', parent }), {
    message: /path length of the parent/,
  })
})

t.test('an authority is restored from what it was saved as', async (t) => {
  const { root, intermediate } = await threeLevels()
  const restored = restoreAuthority([intermediate.certificate, root.certificate], intermediate.privateKey)
  t.equal(restored.trustDomain, 'mesh.local')
  t.equal(restored.intermediatesPem, intermediate.certificatePem, 'the root is not sent')
  t.throws(() => restoreAuthority([root.certificate], intermediate.privateKey), {
    message: /key does not belong/,
  })
  const leaf = await issueLeaf({ authority: root, spiffeId: WEB })
  t.throws(() => restoreAuthority([leaf.certificate], root.privateKey), { message: /not a CA certificate/ })
  t.throws(() => restoreAuthority([], root.privateKey), { message: /no CA certificate/ })
})

t.test('a CA made elsewhere signs too', { skip: withoutOpenssl }, async (t) => {
  const folder = t.testdir()
  const [certificateFile, keyFile] = [join(folder, 'c.pem'), join(folder, 'k.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes', '-keyout', keyFile]
  // Without this extension, which is not openssl's default, a strict verifier refuses the CA.
  const usage = ['-addext', 'keyUsage=critical,keyCertSign']
  const made = openssl('req', '-x509', ...key, '-subj', '/CN=own', ...usage, '-out', certificateFile)
  t.equal(made.status, 0, made.output)
  const certificate = new X509Certificate(readFileSync(certificateFile))
  const authority = restoreAuthority([certificate], createPrivateKey(readFileSync(keyFile)))
  t.equal(authority.trustDomain, undefined)
  const leaf = await issueLeaf({ authority, spiffeId: 'spiffe://any.domain/web' })
  t.match(verify(t, authority.certificatePem, leaf.chainPem, 'sslclient'), { status: 0 })
})
