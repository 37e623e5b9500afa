import { resolve } from 'node:path'
import { dnsMapping, parseDnsName } from '../discovery-schema.ts'
import type { ConfigDocument } from '../schema.ts'
import type { DiscoveryConfig } from '../types/discovery.ts'

/** Where the endpoints come from, `null` when they are listed. */
export function resolveDiscovery(
  upstream: ConfigDocument['upstreams'][string],
  baseDir: string,
): DiscoveryConfig | null {
  const { dns, file } = upstream
  if (file !== undefined) return { kind: 'file', file: resolve(baseDir, file) }
  if (dns === undefined) return null
  const { type: _, ...options } = typeof dns === 'string' ? dnsMapping.parse({ name: dns }) : dns
  const { name, port } = parseDnsName(options.name) as { name: string; port: number | null }
  return { kind: 'dns', ...options, name, port, resolvers: options.resolvers ?? [] }
}
