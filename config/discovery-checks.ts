import { resolve } from 'node:path'
import { type Report, whyUnreadable } from './cross-checks.ts'
import { parseDnsName } from './discovery-schema.ts'
import type { Part } from './part.ts'
import { suggest } from './suggest.ts'
import { parseDuration } from './values.ts'

const SOURCES = ['endpoints', 'dns', 'file'] as const

/** What the keys that say where an upstream runs say together. */
export function checkDiscovery(root: Part, baseDir: string, problem: Report, warning: Report): void {
  for (const upstream of root.get('upstreams').children()) {
    if (!upstream.isMapping) continue
    const given = SOURCES.filter((key) => upstream.has(key))
    const [first, second] = given
    if (first === undefined && upstream.keys().some((key) => suggest(key, SOURCES) !== null)) continue
    if (first === undefined) {
      const expected =
        'expected a list of at least one address such as [10.0.0.1:8080], or the key dns or file'
      problem(upstream.get('endpoints').path, `missing, ${expected}`)
    } else if (second !== undefined) {
      problem(
        upstream.get(second).path,
        `given together with \`${first}\`, expected only one of endpoints, dns and file`,
      )
    }
    if (upstream.has('dns')) checkDns(upstream.get('dns'), problem)
    if (upstream.has('file')) checkFile(upstream.get('file'), baseDir, warning)
  }
}

function checkDns(dns: Part, problem: Report): void {
  const name = dns.get('name')
  const parsed = parseDnsName(name.text() ?? '')
  if (parsed !== null) {
    const service = /^_[^.]+\._(?:tcp|udp)\./i.test(parsed.name)
    if (dns.get('type').text() === 'srv') {
      if (parsed.port !== null)
        problem(name.path, `SRV records say the ports, expected the name alone, \`${parsed.name}\``)
    } else if (service && !dns.has('type')) {
      problem(name.path, `\`${parsed.name}\` is the name of a service, expected type: srv beside it`)
    } else if (parsed.port === null) {
      problem(name.path, `has no port, expected a host name and a port such as ${parsed.name}:8080`)
    }
  }
  const least = dns.has('minTtl') ? dns.get('minTtl').text() : '1s'
  const most = dns.has('maxTtl') ? dns.get('maxTtl').text() : '5m'
  const [from, to] = [parseDuration(least ?? ''), parseDuration(most ?? '')]
  if (from === null || to === null || from <= to) return
  const at = dns.has('minTtl') ? dns.get('minTtl') : dns.get('maxTtl')
  problem(at.path, `minTtl of ${least} is longer than maxTtl of ${most}, expected it to be shorter`)
}

/** A file that somebody else writes may come later. */
function checkFile(part: Part, baseDir: string, warning: Report): void {
  const file = part.text()
  if (file === null || file === '' || file.includes('\0')) return
  const why = whyUnreadable(resolve(baseDir, file))
  if (why !== null) warning(part.path, `${why}; without it there are no endpoints, expected a list of them`)
}
