import { generateKeyPairSync } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { writeFileAtomic } from '../../certs/atomic-file.ts'
import { createAuthority, issueLeaf, signLeaf } from '../../certs/authority.ts'
import { CertificateError } from '../../certs/certificate-error.ts'
import { privateKeyPem } from '../../certs/private-key.ts'
import {
  type IdentityFiles,
  loadAuthority,
  loadIdentity,
  writeAuthority,
  writeCertificate,
} from '../../certs/store.ts'
import { crafted, craftedKeyPem, names } from './crafted.ts'

const WEB = 'spiffe://mesh.local/ns/default/sa/web'
const HOUR = 3_600_000
const root = await createAuthority({ trustDomain: 'mesh.local' })
const other = await createAuthority({ trustDomain: 'mesh.local' })
const web = await issueLeaf({ authority: root, spiffeId: WEB })
const encrypted = generateKeyPairSync('ec', {
  namedCurve: 'prime256v1',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
}).privateKey

type Texts = { certificate?: string | null; key?: string | null; bundle?: string | null }

/** Files of a good identity, but for what is given; null leaves a file out. */
function files(
  t: Test,
  texts: Texts = {},
): Required<Pick<IdentityFiles, 'certificateFile' | 'keyFile' | 'trustBundleFile'>> {
  const folder = t.testdir()
  const write = (name: string, text: string | null): string => {
    const file = join(folder, name)
    if (text !== null) writeFileSync(file, text, { mode: 0o600 })
    return file
  }
  return {
    certificateFile: write('web.crt', texts.certificate === undefined ? web.chainPem : texts.certificate),
    keyFile: write('web.key', texts.key === undefined ? web.keyPem : texts.key),
    trustBundleFile: write('ca.crt', texts.bundle === undefined ? root.certificatePem : texts.bundle),
  }
}

/** The problems as `file name: message` lines. */
async function problems(load: Promise<unknown>): Promise<string[]> {
  try {
    await load
    return []
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    return error.problems.map(({ file, message }) => `${file.slice(file.lastIndexOf('/') + 1)}: ${message}`)
  }
}

t.test('a good identity is loaded with what TLS and telemetry need', async (t) => {
  const both = root.certificatePem + other.certificatePem
  const certificate = `a comment\n${web.chainPem}`
  const identity = await loadIdentity({
    ...files(t, { bundle: both, certificate }),
    trustDomain: 'mesh.local',
  })
  t.equal(String(identity.id), WEB)
  t.equal(identity.certificateChainPem, web.chainPem, 'without the comment')
  t.equal(identity.keyPem, web.keyPem)
  t.equal(identity.trustBundlePem, both)
  t.equal(identity.notBefore, web.notBefore)
  t.equal(identity.notAfter, web.notAfter)
  t.equal(identity.fingerprints.certificate, web.certificate.fingerprint256)
  t.equal(identity.fingerprints.trustBundle.length, 2)
  t.strictSame(identity.warnings, [])
})

t.test('an identity through an intermediate, with the older key formats', async (t) => {
  const parent = await createAuthority({ trustDomain: 'mesh.local', name: 'below', parent: root })
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const leaf = signLeaf({ authority: parent, spiffeId: WEB, publicKey })
  const key = privateKey.export({ type: 'pkcs1', format: 'pem' }) as string
  const good = await loadIdentity(files(t, { certificate: leaf.chainPem, key }))
  t.equal(good.certificateChainPem, leaf.chainPem)
  t.match(await problems(loadIdentity(files(t, { certificate: leaf.certificatePem, key }))), [
    /^web.crt: .*does not chain to .*ca.crt: its issuer \(O=mesh.local, CN=below\) is not in the trust bundle/,
  ])
  t.match(
    await problems(
      loadIdentity(files(t, { certificate: leaf.certificatePem, key, bundle: parent.certificatePem })),
    ),
    [/does not chain.*CN=Pillion CA mesh.local.*is not in the trust bundle/],
    'an intermediate alone is no anchor',
  )
})

t.test('each problem is named with its file', async (t) => {
  const key = craftedKeyPem
  const cut = web.certificatePem.slice(0, -30)
  const scrambled = web.certificatePem.replace(/\n.{40}/, `\n${'A'.repeat(40)}`)
  const dns = crafted([names([2, 'web.mesh'])]).toString()
  const twice = crafted([names([6, WEB], [6, `${WEB}2`])]).toString()
  const noSpiffe = crafted([names([6, 'https://mesh.local'])]).toString()
  const cases: [string, Texts, RegExp][] = [
    ['certificate missing', { certificate: null }, /^web.crt: no such file$/],
    ['key missing', { key: null }, /^web.key: no such file$/],
    ['bundle missing', { bundle: null }, /^ca.crt: no such file$/],
    ['certificate empty', { certificate: '' }, /^web.crt: is empty; a certificate in PEM form is expected$/],
    ['certificate not PEM', { certificate: 'hello' }, /^web.crt: is not PEM: .*BEGIN CERTIFICATE/],
    ['certificate cut off', { certificate: cut }, /^web.crt: is cut off/],
    ['certificate broken', { certificate: scrambled }, /^web.crt: certificate 1 in the file is broken/],
    [
      'key instead of certificate',
      { certificate: web.keyPem },
      /^web.crt: holds a private key, not a certificate/,
    ],
    ['key not PEM', { key: 'hello' }, /^web.key: is not PEM: a private key/],
    ['certificate instead of key', { key: web.chainPem }, /^web.key: holds no private key, only CERTIFICATE/],
    ['key encrypted', { key: encrypted }, /^web.key: the key is encrypted/],
    ['key broken', { key: web.keyPem.replace(/\n.{20}/, '\nAAAA') }, /^web.key: the private key is broken/],
    ['key of another', { key }, /^web.key: the key does not belong to the certificate in .*web.crt$/],
    ['bundle empty', { bundle: '\n' }, /^ca.crt: is empty/],
    [
      'bundle of another CA',
      { bundle: other.certificatePem },
      /^web.crt: .*was signed with another key than that of O=mesh.local, CN=Pillion CA mesh.local/,
    ],
    ['no URI name', { certificate: dns, key, bundle: dns }, /^web.crt: the certificate has no URI name/],
    [
      'two URI names',
      { certificate: twice, key, bundle: twice },
      /^web.crt: the certificate has 2 URI names/,
    ],
    ['no SPIFFE ID', { certificate: noSpiffe, key, bundle: noSpiffe }, /^web.crt: .*is not a SPIFFE ID/],
    [
      'a CA as leaf',
      { certificate: root.certificatePem, key: privateKeyPem(root.privateKey) },
      /is a CA certificate/,
    ],
    ['too large', { key: 'x'.repeat(1024 * 1024 + 1) }, /^web.key: is larger than 1048576 bytes/],
  ]
  for (const [name, texts, expected] of cases) {
    const found = await problems(loadIdentity(files(t, texts)))
    t.match(found[0], expected, name)
  }
})

t.test('a leaf that does not stand first', async (t) => {
  const certificate = root.certificatePem + web.certificatePem
  const found = await problems(loadIdentity(files(t, { certificate })))
  t.match(found, [
    /is a CA certificate/,
    /^web.key: the key belongs to certificate 2 in .*, which must stand first/,
  ])
})

t.test('time and trust domain', async (t) => {
  const good = files(t)
  const at = (time: number) => problems(loadIdentity({ ...good, now: () => time }))
  t.strictSame(await at(web.notAfter), [])
  t.match(await at(web.notAfter + 1000), [/^web.crt: the certificate expired on 20\d\d-.*Z$/])
  t.match((await at(web.notBefore - 1000))[0], /^web.crt: the certificate is not valid before 20/)
  t.match(await at(Date.parse(root.certificate.validTo) + 1000), [
    /expired/,
    /its issuer .*Pillion CA.* expired on/,
  ])
  t.match(await problems(loadIdentity({ ...good, trustDomain: 'prod.local' })), [
    `web.crt: ${WEB} is not of the trust domain "prod.local"`,
  ])
})

t.test('several problems come together, in a settled order', async (t) => {
  const error = (await loadIdentity({ ...files(t, { certificate: null, key: 'x', bundle: '' }) }).catch(
    (error: unknown) => error,
  )) as CertificateError
  t.equal(error.problems.length, 3)
  t.match(error.message.split('\n'), [/web.crt: no such file/, /web.key: is not PEM/, /ca.crt: is empty/])
  t.match(error.file, /web.crt$/)
  const wrong = { ...files(t, { key: craftedKeyPem, bundle: other.certificatePem }), trustDomain: 'x' }
  t.match(await problems(loadIdentity(wrong)), [/trust domain "x"/, /key does not belong/, /does not chain/])
  const folder = t.testdir()
  const all = { certificateFile: folder, keyFile: join(folder, 'no'), trustBundleFile: join(folder, 'no') }
  t.match((await problems(loadIdentity(all)))[0], /is a directory, not a file/)
})

t.test('what works but should not stay so is a warning', async (t) => {
  for (const [mode, warned] of [
    [0o600, false],
    [0o400, false],
    [0o640, true],
    [0o604, true],
  ] as const) {
    const good = files(t)
    chmodSync(good.keyFile, mode)
    const { warnings } = await loadIdentity(good)
    t.match(
      warnings,
      warned ? [/can be read by others \(mode 06[04][04]\); chmod 600/] : [],
      mode.toString(8),
    )
    t.equal(warnings.length, warned ? 1 : 0)
  }
  const old = await createAuthority({
    trustDomain: 'mesh.local',
    name: 'old',
    ttl: HOUR,
    now: () => Date.now() - 2 * HOUR,
  })
  const bundle = old.certificatePem + root.certificatePem
  t.match((await loadIdentity({ ...files(t, { bundle }) })).warnings, [/ca.crt: .*CN=old expired on/])
})

t.test('a key that TLS finds too short is told here, not at the first handshake', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 512 })
  const leaf = signLeaf({ authority: root, spiffeId: WEB, publicKey })
  const short = files(t, { certificate: leaf.chainPem, key: privateKeyPem(privateKey) })
  t.match(await problems(loadIdentity(short)), [
    /^web.crt: TLS does not take the certificate and key: .*key too small/,
  ])
})

t.test('files are written with their modes, whatever the umask', async (t) => {
  const folder = join(t.testdir(), 'new', 'folder')
  const before = process.umask(0o077)
  t.teardown(() => process.umask(before))
  await writeAuthority(folder, root)
  process.umask(0)
  const certificateFile = join(folder, 'web.crt')
  const keyFile = join(folder, 'web.key')
  await writeCertificate({ certificateFile, keyFile }, web.chainPem, web.keyPem)
  const modes = readdirSync(folder).map((name) => [
    name,
    (statSync(join(folder, name)).mode & 0o777).toString(8),
  ])
  t.strictSame(modes.sort(), [
    ['ca.crt', '644'],
    ['ca.key', '600'],
    ['web.crt', '644'],
    ['web.key', '600'],
  ])
  const identity = await loadIdentity({ certificateFile, keyFile, trustBundleFile: join(folder, 'ca.crt') })
  t.equal(String(identity.id), WEB)
})

t.test('an authority comes back from its folder, and leaves it signs are accepted', async (t) => {
  const folder = t.testdir()
  await writeAuthority(
    folder,
    await createAuthority({ trustDomain: 'mesh.local', name: 'below', parent: root }),
  )
  const restored = await loadAuthority(folder)
  t.equal(restored.trustDomain, 'mesh.local')
  const leaf = await issueLeaf({ authority: restored, spiffeId: WEB })
  const texts = { certificate: leaf.chainPem, key: leaf.keyPem }
  t.equal(String((await loadIdentity(files(t, texts))).id), WEB)
})

t.test('a broken authority is told by its file', async (t) => {
  const folder = t.testdir({ 'ca.crt': web.certificatePem, 'ca.key': web.keyPem })
  t.match(await problems(loadAuthority(folder)), [/^ca.crt: the certificate is not a CA certificate/])
  writeFileSync(join(folder, 'ca.crt'), root.certificatePem)
  t.match(await problems(loadAuthority(folder)), [/^ca.crt: the key does not belong to the CA certificate/])
  const missing = await problems(loadAuthority(join(folder, 'none')))
  t.strictSame(missing, ['ca.crt: no such file', 'ca.key: no such file'])
})

t.test('nothing is overwritten without force, and nothing half', async (t) => {
  const folder = t.testdir()
  await writeAuthority(folder, root)
  t.strictSame(await problems(writeAuthority(folder, other)), [
    'ca.crt: exists already; choose another place, or replace it with --force',
    'ca.key: exists already; choose another place, or replace it with --force',
  ])
  t.equal(readFileSync(join(folder, 'ca.crt'), 'utf8'), root.certificatePem)
  await writeAuthority(folder, other, { force: true })
  t.equal((await loadAuthority(folder)).certificatePem, other.certificatePem)

  const file = join(folder, 'taken')
  symlinkSync('nowhere', file)
  t.match(
    await problems(writeFileAtomic(file, 'x', { mode: 0o600 })),
    [/^taken: exists already/],
    'not through a link',
  )
  mkdirSync(join(folder, 'directory'))
  t.match(await problems(writeFileAtomic(join(folder, 'directory'), 'x', { mode: 0o600, force: true })), [
    /^directory: cannot be written: is a directory/,
  ])
  const below = join(folder, 'ca.crt', 'x')
  t.match(await problems(writeFileAtomic(below, 'x', { mode: 0o600 })), [
    /cannot be written: a part of the path/,
  ])
  t.strictSame(
    readdirSync(folder).sort(),
    ['ca.crt', 'ca.key', 'directory', 'taken'],
    'no temporary file is left',
  )
})

t.test('a reader sees the old file or the new one, never a part', async (t) => {
  const file = join(t.testdir(), 'web.crt')
  const texts = ['a', 'b'].map((letter) => letter.repeat(500_000))
  await writeFileAtomic(file, texts[0]!, { mode: 0o644 })
  let writing = true
  const writer = (async () => {
    for (let i = 1; i <= 10; i++) await writeFileAtomic(file, texts[i % 2]!, { mode: 0o644, force: true })
    writing = false
  })()
  while (writing) {
    if (!texts.includes(readFileSync(file, 'latin1'))) t.fail('a part of a file was seen')
    await new Promise(setImmediate)
  }
  await writer
  t.equal(readFileSync(file, 'latin1'), texts[0])
})

t.test('of two writers without force one wins and the other is told', async (t) => {
  const file = join(t.testdir(), 'ca.key')
  const results = await Promise.all(
    ['a', 'b'].map((text) => problems(writeFileAtomic(file, text, { mode: 0o600 }))),
  )
  t.equal(results.filter((found) => found.length === 0).length, 1)
  t.match(results.flat(), [/exists already/])
})
