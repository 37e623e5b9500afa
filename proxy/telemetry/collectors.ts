import type { CertificateStats } from './certificate-expiry.ts'
import type { ConfigStats } from './config-stats.ts'
import type { EndpointState, EndpointStats } from './endpoint-stats.ts'
import type { EventLoopLag } from './event-loop-lag.ts'
import type { ListenerStats } from './listener-stats.ts'
import type { MetricName } from './metric-table.ts'
import type { RequestStats } from './request-stats.ts'
import type { Labels, Samples } from './samples.ts'
import type { UpstreamStats } from './upstream-stats.ts'

/** What is counted, as the collectors read it. */
export interface Counted {
  readonly service: string
  readonly version: string
  readonly certificates: CertificateStats
  readonly config: ConfigStats
  readonly eventLoopLag: EventLoopLag
  readonly log: { readonly dropped: number } | null
  readonly requestStats: ReadonlyMap<string, RequestStats>
  readonly upstreamStats: ReadonlyMap<string, UpstreamStats>
  readonly endpointStats: ReadonlyMap<string, EndpointStats>
  readonly listenerStats: ReadonlyMap<string, ListenerStats>
}

export type Collector = (samples: Samples) => void

const HTTP1: Labels = { protocol: 'http1' }
const HTTP2: Labels = { protocol: 'h2' }
const OK: Labels = { result: 'ok' }
const FAILED: Labels = { result: 'failed' }
const DISCARDED: Labels = { result: 'discarded' }
const STATES = ['healthy', 'degraded', 'shut', 'ejected', 'unhealthy'] as const

/** How each metric of the table is read off what was counted. */
export function collectors(from: Counted): Record<MetricName, Collector> {
  const requests =
    (read: (stats: RequestStats, samples: Samples) => void): Collector =>
    (samples) => {
      for (const stats of from.requestStats.values()) read(stats, samples)
    }
  const listeners =
    (read: (stats: ListenerStats, samples: Samples) => void): Collector =>
    (samples) => {
      for (const stats of from.listenerStats.values()) read(stats, samples)
    }
  const upstreams =
    (read: (stats: UpstreamStats) => number): Collector =>
    (samples) => {
      for (const stats of from.upstreamStats.values()) samples.add(read(stats), stats.labels)
    }
  const upstreamKinds =
    (label: string, read: (stats: UpstreamStats) => Readonly<Record<string, number>> | null): Collector =>
    (samples) => {
      for (const stats of from.upstreamStats.values()) {
        for (const [kind, count] of Object.entries(read(stats) ?? {})) {
          samples.add(count, stats.labels, { [label]: kind })
        }
      }
    }
  const endpoints =
    (read: (stats: EndpointStats) => number): Collector =>
    (samples) => {
      for (const stats of from.endpointStats.values()) samples.add(read(stats), stats.labels)
    }
  const { config } = from
  const buildLabels: Labels = { service: from.service, version: from.version, node: process.version }

  return {
    pillion_requests_total: requests((r, samples) => r.collectOutcomes(samples)),
    pillion_request_duration_seconds: requests((r, samples) => r.duration.collect(samples, r.labels)),
    pillion_request_body_bytes_total: requests((r, samples) => samples.add(r.requestBytes, r.labels)),
    pillion_response_body_bytes_total: requests((r, samples) => samples.add(r.responseBytes, r.labels)),

    pillion_local_replies_total: listeners((l, samples) => l.localReplies.collect(samples, l.labels)),
    pillion_authorization_denied_total: listeners((l, samples) => samples.add(l.denied, l.labels)),
    pillion_listener_info: listeners((l, samples) => samples.add(1, l.labels, { direction: l.direction })),
    pillion_connections_open: listeners((l, samples) => samples.add(l.connections, l.labels)),
    pillion_connections_total: listeners((l, samples) => samples.add(l.connectionsOpened, l.labels)),
    pillion_tunnels_open: listeners((l, samples) => samples.add(l.tunnels, l.labels)),
    pillion_connections_refused_total: listeners((l, samples) =>
      l.connectionsRefused.collect(samples, l.labels),
    ),
    pillion_connections_protocol_total: listeners((l, samples) => {
      samples.add(l.http1, l.labels, HTTP1)
      samples.add(l.http2, l.labels, HTTP2)
    }),
    pillion_protocol_errors_total: listeners((l, samples) => l.protocolErrors.collect(samples, l.labels)),
    pillion_listener_limits_total: listeners((l, samples) => l.limits.collect(samples, l.labels)),
    pillion_tls_handshakes_total: listeners((l, samples) => samples.add(l.tlsHandshakes, l.labels)),
    pillion_tls_handshake_failures_total: listeners((l, samples) => l.tlsFailures.collect(samples, l.labels)),

    pillion_upstream_pending: upstreams((u) => u.pending),
    pillion_upstream_overflow_total: upstreams((u) => u.overflow),
    pillion_upstream_no_healthy_total: upstreams((u) => u.noHealthy),
    pillion_upstream_retries_total: upstreams((u) => u.retries),
    pillion_upstream_retries_overflow_total: upstreams((u) => u.retriesOverflow),
    pillion_upstream_limits_total: (samples) => {
      for (const stats of from.upstreamStats.values()) stats.limits.collect(samples, stats.labels)
    },
    pillion_upstream_endpoints: (samples) => collectStates(samples, from),

    pillion_upstream_requests_total: endpoints((e) => e.requests),
    pillion_upstream_request_failures_total: endpoints((e) => e.failures),
    pillion_upstream_requests_active: endpoints((e) => e.active),
    pillion_upstream_connections_open: endpoints((e) => e.connections),
    pillion_upstream_connections_total: endpoints((e) => e.connectionsOpened),
    pillion_upstream_connect_failures_total: endpoints((e) => e.connectFailures),
    pillion_upstream_healthy: endpoints((e) => (e.healthy ? 1 : 0)),
    pillion_upstream_ejected: endpoints((e) => (e.ejected ? 1 : 0)),
    pillion_upstream_ejections_total: endpoints((e) => e.ejections),
    pillion_upstream_health_checks_total: (samples) => {
      for (const e of from.endpointStats.values()) {
        samples.add(e.checksOk, e.labels, OK)
        samples.add(e.checksFailed, e.labels, FAILED)
        samples.add(e.checksDiscarded, e.labels, DISCARDED)
      }
    },
    pillion_upstream_degraded: endpoints((e) => (e.degraded ? 1 : 0)),
    pillion_upstream_shut: endpoints((e) => (e.shut ? 1 : 0)),
    pillion_upstream_outliers_total: upstreamKinds('cause', (u) => u.ejections),
    pillion_upstream_breaker_total: upstreamKinds('event', (u) => u.breaker),

    pillion_certificate_expiry_timestamp_seconds: (samples) => from.certificates.collect(samples),
    pillion_config_info: (samples) => {
      if (config.hash !== '') samples.add(1, { hash: config.hash })
    },
    pillion_config_last_reload_success: (samples) => {
      if (config.lastSucceeded !== null) samples.add(config.lastSucceeded ? 1 : 0)
    },
    pillion_config_last_reload_success_timestamp_seconds: (samples) => {
      if (config.loadedAt > 0) samples.add(config.loadedAt / 1000)
    },
    pillion_config_reloads_total: (samples) => {
      samples.add(config.succeeded, OK)
      samples.add(config.failed, FAILED)
    },
    pillion_event_loop_lag_seconds: (samples) => from.eventLoopLag.collect(samples),
    pillion_log_lines_dropped_total: (samples) => samples.add(from.log?.dropped ?? 0),
    pillion_build_info: (samples) => samples.add(1, buildLabels),
  }
}

function collectStates(samples: Samples, from: Counted): void {
  const counts = new Map<string, Record<EndpointState, number>>()
  const none = { healthy: 0, degraded: 0, shut: 0, ejected: 0, unhealthy: 0 }
  for (const name of from.upstreamStats.keys()) counts.set(name, { ...none })
  for (const endpoint of from.endpointStats.values()) {
    let count = counts.get(endpoint.upstream)
    if (count === undefined) {
      count = { ...none }
      counts.set(endpoint.upstream, count)
    }
    count[endpoint.state] += 1
  }
  for (const [upstream, count] of counts) {
    for (const state of STATES) samples.add(count[state], { upstream, state })
  }
}
