import type { UpstreamConfig } from '../config/types/upstream.ts'
import type { Endpoint } from './balance/endpoint.ts'
import type { MemberFactory } from './exchange/members.ts'
import type { Runtime } from './runtime.ts'
import type { EndpointStats } from './telemetry/endpoint-stats.ts'
import type { UpstreamStats } from './telemetry/upstream-stats.ts'
import { type ClientSessionOptions, createClientSession } from './upstream/client-session.ts'
import { EndpointPool } from './upstream/endpoint-pool.ts'
import type { UpstreamLimits } from './upstream/upstream-limits.ts'
import type { UpstreamTls } from './upstream/upstream-tls.ts'

/** Makes pools and numbers of an upstream's endpoints; `doubt` is called when one cannot be connected to. */
export function memberFactory(
  config: UpstreamConfig,
  tls: UpstreamTls | null,
  limits: UpstreamLimits,
  stats: UpstreamStats,
  { telemetry, timers, limitedLog }: Runtime,
  doubt: () => void,
): MemberFactory {
  const connectMs = config.timeouts.connect
  const session: ClientSessionOptions = {
    timers,
    connectMs,
    idleMs: config.timeouts.idle,
    maxHeadBytes: config.limits.headBytes,
    maxFields: config.limits.fields,
    maxTrailerBytes: config.limits.trailerBytes,
    http1: { ...config.http1, requests: config.http1.requests ?? Number.POSITIVE_INFINITY },
    http2: config.http2,
    limitReached: (limit) => stats.limits.count(limit),
  }
  const pool = (
    endpoint: Endpoint,
    stats: EndpointStats,
    drained: (pool: EndpointPool) => void,
    protocol: UpstreamConfig['protocol'],
  ) =>
    new EndpointPool({
      host: endpoint.host,
      port: endpoint.port,
      protocol,
      tls,
      connectMs,
      timers,
      session: (transport, protocol, owner) => createClientSession(transport, protocol, owner, session),
      limits,
      stats,
      refused: (reason) => {
        limitedLog.warn(
          `${config.name} ${reason.code}`,
          { upstream: config.name, endpoint: endpoint.address, reason: reason.code },
          `cannot connect to endpoint ${endpoint.address} of ${config.name}: ${reason}`,
        )
        doubt()
      },
      drained,
    })
  // Most servers that prefer HTTP/2 take WebSockets over HTTP/1.1 only, and a tunnel has a connection of its own anyway.
  const apart = config.protocol === 'auto' && tls !== null
  return {
    pool: (endpoint, stats, drained) => pool(endpoint, stats, drained, config.protocol),
    tunnelPool: (endpoint, stats, drained) => (apart ? pool(endpoint, stats, drained, 'http1') : null),
    stats: ({ address }) => telemetry.endpoint(config.name, address),
    forgetStats: ({ address }) => telemetry.removeEndpoint(config.name, address),
  }
}
