import { resolve } from 'node:path'
import type { ConfigDocument } from '../schema.ts'
import type { HealthConfig, HealthProbe, OutlierConfig, UpstreamConfig } from '../types/upstream.ts'
import { resolveBalance, resolveSticky } from './balance.ts'
import { resolveHttp2 } from './http2.ts'
import { orNull } from './off.ts'

type UpstreamDocument = ConfigDocument['upstreams'][string]
type HealthDocument = NonNullable<UpstreamDocument['health']>
type OutlierDocument = NonNullable<UpstreamDocument['outlier']>

export function resolveUpstream(name: string, upstream: UpstreamDocument, baseDir: string): UpstreamConfig {
  const { tls, timeouts, http1 } = upstream
  return {
    name,
    protocol: upstream.protocol,
    endpoints: upstream.endpoints.map((endpoint) =>
      'address' in endpoint
        ? { ...endpoint, zone: endpoint.zone ?? null, labels: endpoint.labels ?? {} }
        : { address: endpoint, weight: 1, zone: null, priority: 0, labels: {} },
    ),
    balance: resolveBalance(upstream.balance),
    slowStart: upstream.slowStart ?? null,
    sticky: upstream.sticky ? resolveSticky(upstream.sticky, baseDir) : null,
    tls: {
      mode: tls.mode,
      peers: tls.peer === undefined ? [] : typeof tls.peer === 'string' ? [tls.peer] : tls.peer,
      serverName: tls.serverName ?? null,
      trustBundleFile: tls.trustBundleFile === undefined ? null : resolve(baseDir, tls.trustBundleFile),
    },
    health: upstream.health ? resolveHealth(upstream.health) : null,
    outlier: upstream.outlier ? resolveOutlier(upstream.outlier) : null,
    breaker: upstream.breaker ?? null,
    limits: {
      ...upstream.limits,
      pendingTimeout: orNull(upstream.limits.pendingTimeout),
      requestsPerEndpoint: upstream.limits.requestsPerEndpoint ?? null,
    },
    timeouts: { connect: timeouts.connect, idle: timeouts.idle ?? null },
    http1: { ...http1, requests: orNull(http1.requests) },
    http2: { ...upstream.http2, ...resolveHttp2(upstream.http2, 0) },
  }
}

function resolveHealth(health: HealthDocument): HealthConfig {
  const { http, grpc, tcp: _, ...schedule } = health
  const probe: HealthProbe = http
    ? { kind: 'http', ...http }
    : grpc
      ? { kind: 'grpc', service: grpc.service }
      : { kind: 'tcp' }
  const idleInterval = Math.max(schedule.interval, schedule.idleInterval)
  return { probe, ...schedule, idleInterval }
}

function resolveOutlier(outlier: OutlierDocument): OutlierConfig {
  const { consecutive, successRate, failureShare } = outlier
  return {
    ...outlier,
    consecutive: orNull(consecutive),
    successRate: orNull(successRate),
    failureShare: orNull(failureShare),
  }
}
