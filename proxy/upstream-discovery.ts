import { loadEndpoints } from '../config/endpoints-file.ts'
import type { UpstreamConfig } from '../config/types/upstream.ts'
import type { EndpointOptions } from './balance/endpoint.ts'
import { Discovery } from './discovery/discovery.ts'
import { DnsSource } from './discovery/dns/dns-source.ts'
import { FileSource } from './discovery/file-source.ts'
import type { Cluster } from './exchange/cluster.ts'
import type { Runtime } from './runtime.ts'

/** What finds the endpoints of an upstream and hands them to `apply`; null where the configuration lists them. */
export function buildDiscovery(
  { name, discovery: config }: UpstreamConfig,
  cluster: Cluster,
  apply: (endpoints: readonly EndpointOptions[]) => void,
  { telemetry, timers, random, clock, log }: Runtime,
): Discovery | null {
  if (config === null) return null
  const source =
    config.kind === 'dns'
      ? new DnsSource(config, { timers, random })
      : new FileSource({ file: config.file, load: loadEndpoints, timers })
  const explain = (problem: string): void => {
    cluster.absence = problem
  }
  const stats = telemetry.discovery(name, source.kind)
  return new Discovery(source, { upstream: name, apply, explain, stats, clock, log })
}
