import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const program = fileURLToPath(new URL('program.ts', import.meta.url))

interface Result {
  code: number
  out: string
  err: string
}

/** Runs `pillion certs ...` in a folder. */
async function certs(cwd: string, ...args: string[]): Promise<Result> {
  const tsx = import.meta.resolve('tsx')
  const child = spawn(process.execPath, [`--import=${tsx}`, program, 'certs', ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: code as number, out, err }
}

t.test('from nothing to a verified identity', async (t) => {
  const folder = t.testdir()
  const ca = await certs(folder, 'ca', '--trust-domain', 'mesh.local', '--out', 'pki')
  t.match(ca, {
    code: 0,
    err: '',
    out: /^wrote pki\/ca.crt .*mesh.local.*\nwrote pki\/ca.key .*0600.*\nnext: pillion/,
  })
  t.equal(statSync(join(folder, 'pki/ca.key')).mode & 0o777, 0o600)

  const issue = ['issue', '--ca', 'pki', '--service', 'web', '--out', 'pki']
  const issued = await certs(folder, ...issue, '--dns', 'web.mesh', 'web', '--ip', '10.0.0.1', '--ttl', '2h')
  t.match(issued, { code: 0, err: '' })
  t.match(
    issued.out,
    /^wrote pki\/web.crt {2}spiffe:\/\/mesh.local\/ns\/default\/sa\/web, valid until .* \(2 h\)\n/,
  )
  t.match(
    issued.out,
    '    certificateFile: pki/web.crt\n    keyFile: pki/web.key\n    trustBundleFile: pki/ca.crt\n',
  )

  const set = ['--certificate', 'pki/web.crt', '--key', 'pki/web.key', '--trust-bundle', 'pki/ca.crt']
  const verified = await certs(folder, 'verify', ...set, '--trust-domain', 'mesh.local')
  t.match(verified, {
    code: 0,
    err: '',
    out: /^ok: spiffe:\/\/mesh.local\/ns\/default\/sa\/web, valid until/,
  })

  const shown = await certs(folder, 'show', 'pki/web.crt', 'pki/ca.crt')
  t.match(shown, { code: 0, err: '' })
  t.match(shown.out, /^pki\/web.crt, certificate 1:\n/)
  t.match(shown.out, /SPIFFE ID {5}spiffe:\/\/mesh.local\/ns\/default\/sa\/web\n/)
  t.match(shown.out, /valid until .* \(1 h 59 min left\)\n/)
  t.match(shown.out, /issuer .*CN=Pillion CA mesh.local \(self-signed\)\n/)

  const json = JSON.parse((await certs(folder, 'show', '--json', 'pki/web.crt')).out)
  t.match(json, [
    {
      file: 'pki/web.crt',
      position: 1,
      spiffeId: 'spiffe://mesh.local/ns/default/sa/web',
      state: 'valid',
      key: 'ECDSA P-256',
      names: { dns: ['web.mesh', 'web'], ip: ['10.0.0.1'] },
      extendedKeyUsage: ['serverAuth', 'clientAuth'],
    },
  ])

  const old = readFileSync(join(folder, 'pki/web.crt'), 'utf8')
  t.match(await certs(folder, ...issue), {
    code: 2,
    out: '',
    err: /^error: pki\/web.crt: exists already.*--force\n/,
  })
  t.equal(readFileSync(join(folder, 'pki/web.crt'), 'utf8'), old)
  t.match(await certs(folder, ...issue, '--force', '--key-type', 'rsa-2048'), { code: 0 })
  t.not(readFileSync(join(folder, 'pki/web.crt'), 'utf8'), old)
  t.match(await certs(folder, 'ca', '--trust-domain', 'mesh.local', '--out', 'pki'), {
    code: 2,
    err: /ca.key: exists/,
  })
  const byId = ['issue', '--ca', 'pki', '--out', 'pki', '--id']
  t.match(await certs(folder, ...byId, 'spiffe://mesh.local/api', '--ttl', '9999d'), {
    code: 0,
    out: /note: the CA expires/,
  })
  t.match(await certs(folder, ...byId, 'spiffe://mesh.local/ca', '--force'), { code: 2, err: /the CA's own/ })
})

t.test('mistakes end with code 2 and lines that say what to do', async (t) => {
  const folder = t.testdir()
  await certs(folder, 'ca', '--trust-domain', 'mesh.local', '--out', 'pki')
  writeFileSync(join(folder, 'text'), 'hello')
  const issue = ['issue', '--ca', 'pki', '--out', 'pki']
  const cases: [string[], RegExp][] = [
    [['bogus'], /^error: unknown command 'bogus'\n$/],
    [['ca', '--out', 'x'], /^error: required option '--trust-domain <name>' not specified\n$/],
    [['ca', '--trust-domain', 'Mesh', '--out', 'x'], /^error: the trust domain "Mesh".*write "mesh"\n$/],
    [
      ['ca', '--trust-domain', 'm', '--out', 'x', '--key-type', 'dsa'],
      /^error: .*'dsa' is invalid. Allowed.*\n$/,
    ],
    [
      ['ca', '--trust-domain', 'm', '--out', 'text'],
      /^error: text\/ca.key: cannot be written: .*not a directory\n$/,
    ],
    [[...issue], /^error: say who .*either --id SPIFFE-ID or --service NAME\n$/],
    [[...issue, '--id', 'spiffe://mesh.local/a', '--service', 'a'], /^error: say who/],
    [
      [...issue, '--id', 'spiffe://mesh.local/a', '--namespace', 'a'],
      /^error: --namespace goes with --service/,
    ],
    [[...issue, '--id', 'web'], /^error: "web" is not a SPIFFE ID: it must start with "spiffe:\/\/".*\n$/],
    [
      [...issue, '--id', 'spiffe://other/web'],
      /^error: spiffe:\/\/other\/web is not of the CA's trust domain.*\n$/,
    ],
    [[...issue, '--service', 'a/b'], /^error: the service "a\/b" has a character/],
    [
      [...issue, '--service', 'a', '--ttl', '5'],
      /^error: .*'5' is invalid. "5" is not a duration: .*90m.*\n$/,
    ],
    [[...issue, '--service', 'a', '--ttl', '99999d'], /^error: the lifetime must be/],
    [[...issue, '--service', 'a', '--dns', 'a b'], /^error: "a b" is not a DNS name/],
    [
      ['issue', '--ca', 'no', '--out', 'x', '--service', 'a'],
      /^error: no\/ca.crt: no such file\nerror: no\/ca.key:.*\n$/,
    ],
    [['show'], /^error: missing required argument 'file'\n$/],
    [['show', 'pki/ca.key'], /^error: pki\/ca.key: holds a private key, not a certificate\n$/],
    [
      ['verify', '--certificate', 'text', '--key', 'no', '--trust-bundle', 'pki/ca.crt'],
      /^error: text: is not PEM.*\nerr/,
    ],
  ]
  for (const [args, expected] of cases) {
    const { code, out, err } = await certs(folder, ...args)
    t.equal(code, 2, args.join(' '))
    t.match(err, expected)
    t.equal(out, '')
    t.notMatch(err, /\n {4}at /, 'no stack trace')
  }
  const mixed = await certs(folder, 'show', 'no', 'pki/ca.crt')
  t.match(mixed, { code: 2, err: 'error: no: no such file\n', out: /^pki\/ca.crt, certificate 1:/ })
})

t.test('help has examples', async (t) => {
  const folder = t.testdir()
  t.match(await certs(folder, '--help'), {
    code: 0,
    out: /ca \[options\][\s\S]*issue[\s\S]*show[\s\S]*verify/,
  })
  for (const name of ['ca', 'issue', 'show', 'verify']) {
    t.match(await certs(folder, name, '--help'), {
      code: 0,
      out: new RegExp(`Examples:\\n {2}\\$ pillion certs ${name} `),
    })
  }
})
