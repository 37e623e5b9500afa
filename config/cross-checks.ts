import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Part } from './part.ts'
import { formatPath, listWords, type Path } from './problems.ts'
import { defaultAdminAddress, defaultMetricsAddress } from './schema.ts'
import { didYouMean } from './suggest.ts'
import type { Address } from './types/address.ts'
import { bindHost, parseAddress, principalTrustDomain } from './values.ts'

/** Takes a finding: where, and what. */
export type Report = (path: Path, message: string) => void

/** What concerns the whole file: addresses, names, files and identity. Routes and upstreams have their own. */
export function checkProcess(root: Part, baseDir: string, problem: Report, warning: Report): void {
  checkAddresses(root, problem)
  checkListenerNames(root, problem)
  checkIdentityGiven(root, problem)
  checkFiles(root, baseDir, problem, warning)
  checkTrustDomains(root, warning)
}

interface Bound {
  readonly address: Address
  readonly path: Path
}

function checkAddresses(root: Part, problem: Report): void {
  const ports = new Map<number, Map<string, Bound>>()
  const servers: [Part, string][] = [
    [root.get('admin'), defaultAdminAddress],
    [root.get('metrics'), defaultMetricsAddress],
  ]
  const places: [Part, string][] = servers
    .filter(([server]) => server.text() !== 'off' && server.value !== false)
    .map(([server, fallback]) => [server.get('address'), server.get('address').text() ?? fallback])
  for (const listener of root.get('listeners').children()) {
    const address = listener.get('address')
    places.push([address, address.text() ?? ''])
  }
  for (const [part, written] of places) {
    const address = parseAddress(written)
    if (address === null || address.port === 0) continue
    const hosts = ports.get(address.port) ?? new Map<string, Bound>()
    ports.set(address.port, hosts)
    const host = bindHost(address.host)
    const [anyOther] = hosts.values()
    const other = host === '*' ? anyOther : (hosts.get(host) ?? hosts.get('*'))
    if (!hosts.has(host)) hosts.set(host, { address, path: part.path })
    if (other === undefined) continue
    const same = other.address.text === address.text ? '' : ` (${other.address.text})`
    // The one that the file names is the one that can be changed there.
    const [at, taken] = part.exists ? [part.path, other.path] : [other.path, part.path]
    problem(at, `${address.text} is taken by ${formatPath(taken)}${same}, expected another port`)
  }
}

function checkListenerNames(root: Part, problem: Report): void {
  const listeners = new Map<string, Part>()
  const routes = new Map<string, Part>()
  for (const listener of root.get('listeners').children()) {
    checkUnique(listener.get('name'), listener.get('name').text(), listeners, problem)
    listener
      .get('routes')
      .children()
      .forEach((route, index) => {
        const name = route.get('name')
        checkUnique(
          name.exists ? name : route,
          name.text() ?? `${listener.get('name').text()}/${index}`,
          routes,
          problem,
        )
      })
  }
}

function checkUnique(part: Part, name: string | null, seen: Map<string, Part>, problem: Report): void {
  if (name === null) return
  const first = seen.get(name)
  if (first === undefined) seen.set(name, part)
  else if (part.text() !== null) problem(part.path, nameTaken(name, first))
  // A route named by its position collides with one that was given that name, or when its listener's name is taken
  // too, which is said there.
  else if (first.text() !== null) problem(first.path, nameTaken(name, part))
}

function nameTaken(name: string, by: Part): string {
  return `\`${name}\` is the name of ${formatPath(by.path)} too, expected another`
}

function checkIdentityGiven(root: Part, problem: Report): void {
  if (root.has('identity')) return
  const expected =
    'expected the key `identity` with trustDomain, certificateFile, keyFile and trustBundleFile'
  for (const listener of root.get('listeners').children()) {
    const tls = listener.get('tls')
    if (['mutual', 'permissive', 'server'].includes(tls.text() ?? '')) {
      problem(tls.path, `\`${tls.text()}\` needs a certificate of its own, ${expected}, or \`none\` here`)
    }
  }
  for (const upstream of root.get('upstreams').children()) {
    const mode = upstream.get('tls').get('mode')
    if (mode.text() === 'mutual') {
      problem(mode.path, `\`mutual\` needs a certificate of its own, ${expected}, or \`server\` here`)
    }
  }
}

function checkFiles(root: Part, baseDir: string, problem: Report, warning: Report): void {
  const identity = root.get('identity')
  const files = ['certificateFile', 'keyFile', 'trustBundleFile'].map((key) => identity.get(key))
  for (const upstream of root.get('upstreams').children())
    files.push(upstream.get('tls').get('trustBundleFile'))
  for (const part of files) {
    const written = part.text()
    if (written === null || written === '' || written.includes('\0')) continue
    const file = resolve(baseDir, written)
    const wrong = whyUnreadable(file)
    if (wrong !== null) problem(part.path, `${file}: ${wrong}, expected a PEM file that can be read`)
    else if (part.key === 'keyFile' && (statSync(file).mode & 0o007) !== 0) {
      warning(part.path, `${file}: every user of the machine may read the private key, expected mode 0600`)
    }
  }
}

const fileErrors: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EISDIR: 'it is a folder',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its links go in a circle',
}

/** Why a file cannot be read, or `null` when it can. */
export function whyUnreadable(file: string): string | null {
  try {
    if (statSync(file).isDirectory()) return 'it is a folder'
    accessSync(file, constants.R_OK)
    return null
  } catch (error) {
    return fileErrorText(error)
  }
}

export function fileErrorText(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
  return fileErrors[code] ?? `it cannot be read (${code})`
}

function checkTrustDomains(root: Part, warning: Report): void {
  const own = root.get('identity').get('trustDomain').text()
  if (own === null) return
  const check = (part: Part) => {
    const domain = principalTrustDomain(part.text() ?? '')
    if (domain === null || domain === own) return
    const whose = `identity.trustDomain is \`${own}\``
    warning(part.path, `no peer can have this ID, because ${whose}, expected spiffe://${own}/...`)
  }
  for (const listener of root.get('listeners').children()) {
    for (const rule of listener.get('authorize').children()) {
      for (const conditions of rule.children()) conditions.get('principals').children().forEach(check)
    }
  }
  for (const upstream of root.get('upstreams').children()) {
    const peer = upstream.get('tls').get('peer')
    if (peer.text() === null) peer.children().forEach(check)
    else check(peer)
  }
}

/** Reports a mapping that has not exactly one of some keys, or, when `optional`, more than one. */
export function checkOneOf(part: Part, keys: readonly string[], problem: Report, optional = false): void {
  if (!part.isMapping) return
  const given = keys.filter((key) => part.has(key))
  if (given.length > 1) {
    problem(
      part.get(given[1]!).path,
      `given together with \`${given[0]}\`, expected only one of ${listWords(keys)}`,
    )
  } else if (given.length === 0 && !optional) {
    problem(part.path, `expected one of ${listWords(keys)}, got none of them`)
  }
}

/** Reports a name that is no upstream's. */
export function checkUpstreamName(name: string, at: Part, root: Part, problem: Report): void {
  const known = root.get('upstreams').keys()
  if (known.includes(name)) return
  const meant = didYouMean(name, known)
  const expected = known.length === 0 ? 'and none is declared' : `expected ${listWords(known.slice(0, 12))}`
  problem(at.path, `no upstream is called \`${name}\`${meant === '' ? `, ${expected}` : meant}`)
}
