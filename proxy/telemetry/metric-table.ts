/** What a metric is, whoever counts it. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary'
  readonly help: string
  /** In the order docs/metrics.md lists them; `le` and `quantile` of histograms and summaries are not named. */
  readonly labels: readonly string[]
}

const listener = ['listener'] as const
const upstream = ['upstream'] as const
const endpoint = ['upstream', 'endpoint'] as const
const route = ['direction', 'route', 'upstream'] as const

/**
 * Every metric the proxy counts itself, by name. docs/metrics.md lists them and a test holds the two together.
 * Names follow the Prometheus conventions: base units, `_total` for counters.
 */
export const METRICS = {
  pillion_requests_total: {
    type: 'counter',
    help: 'Requests answered, by HTTP status code and gRPC status (empty for calls that are not gRPC).',
    labels: [...route, 'code', 'grpc_status'],
  },
  pillion_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from the complete request head to the end of the response.',
    labels: route,
  },
  pillion_request_body_bytes_total: {
    type: 'counter',
    help: 'Bytes of request body passed on.',
    labels: route,
  },
  pillion_response_body_bytes_total: {
    type: 'counter',
    help: 'Bytes of response body passed on.',
    labels: route,
  },
  pillion_local_replies_total: {
    type: 'counter',
    help: 'Replies made by the proxy itself, by the reason.',
    labels: [...listener, 'reason'],
  },
  pillion_authorization_denied_total: {
    type: 'counter',
    help: 'Requests refused by the authorization rules of the listener.',
    labels: listener,
  },
  pillion_listener_info: {
    type: 'gauge',
    help: 'Always 1; tells the direction of a listener.',
    labels: [...listener, 'direction'],
  },
  pillion_connections_open: {
    type: 'gauge',
    help: 'Connections of callers open now.',
    labels: listener,
  },
  pillion_connections_total: {
    type: 'counter',
    help: 'Connections of callers accepted.',
    labels: listener,
  },
  pillion_tunnels_open: {
    type: 'gauge',
    help: 'Tunnels of callers open now: WebSockets, other upgrades and CONNECT.',
    labels: listener,
  },
  pillion_connections_refused_total: {
    type: 'counter',
    help: 'Connections of callers closed before their first request, by the reason.',
    labels: [...listener, 'reason'],
  },
  pillion_connections_protocol_total: {
    type: 'counter',
    help: 'Connections of callers by the protocol they speak.',
    labels: [...listener, 'protocol'],
  },
  pillion_protocol_errors_total: {
    type: 'counter',
    help: 'Connections and streams of callers ended for breaking the protocol, by the error code.',
    labels: [...listener, 'code'],
  },
  pillion_listener_limits_total: {
    type: 'counter',
    help: 'Times callers reached a limit of the listener, by the key that sets it, such as limits.headBytes.',
    labels: [...listener, 'limit'],
  },
  pillion_tls_handshakes_total: {
    type: 'counter',
    help: 'TLS handshakes completed with callers.',
    labels: listener,
  },
  pillion_tls_handshake_failures_total: {
    type: 'counter',
    help: 'TLS handshakes with callers that failed or were refused, by the reason.',
    labels: [...listener, 'reason'],
  },
  pillion_upstream_pending: {
    type: 'gauge',
    help: 'Requests waiting for a connection now.',
    labels: upstream,
  },
  pillion_upstream_overflow_total: {
    type: 'counter',
    help: 'Requests refused because a limit of the upstream was reached.',
    labels: upstream,
  },
  pillion_upstream_no_healthy_total: {
    type: 'counter',
    help: 'Requests refused because no endpoint was healthy.',
    labels: upstream,
  },
  pillion_upstream_retries_total: {
    type: 'counter',
    help: 'Further attempts made for requests.',
    labels: upstream,
  },
  pillion_upstream_retries_overflow_total: {
    type: 'counter',
    help: 'Further attempts not made because the retry budget was used up.',
    labels: upstream,
  },
  pillion_upstream_limits_total: {
    type: 'counter',
    help: 'Times a limit of the upstream or of its connections was reached, by the key that sets it, such as limits.requests or http2.glitches.',
    labels: [...upstream, 'limit'],
  },
  pillion_upstream_endpoints: {
    type: 'gauge',
    help: 'Endpoints known now, by state, the worst first: unhealthy (active checks), ejected (outlier detection), shut (breaker), degraded (active checks), healthy.',
    labels: [...upstream, 'state'],
  },
  pillion_upstream_requests_total: {
    type: 'counter',
    help: 'Attempts sent to the endpoint.',
    labels: endpoint,
  },
  pillion_upstream_request_failures_total: {
    type: 'counter',
    help: 'Attempts that failed: no response, a reset, or an answer that counts against the endpoint.',
    labels: endpoint,
  },
  pillion_upstream_requests_active: {
    type: 'gauge',
    help: 'Attempts under way at the endpoint now.',
    labels: endpoint,
  },
  pillion_upstream_connections_open: {
    type: 'gauge',
    help: 'Connections to the endpoint open now.',
    labels: endpoint,
  },
  pillion_upstream_connections_total: {
    type: 'counter',
    help: 'Connections to the endpoint opened.',
    labels: endpoint,
  },
  pillion_upstream_connect_failures_total: {
    type: 'counter',
    help: 'Connections to the endpoint that could not be opened, TLS included.',
    labels: endpoint,
  },
  pillion_upstream_healthy: {
    type: 'gauge',
    help: 'Verdict of the active checks on the endpoint: 1 healthy (also when none are configured), 0 not.',
    labels: endpoint,
  },
  pillion_upstream_ejected: {
    type: 'gauge',
    help: 'Whether outlier detection has the endpoint ejected now: 1 yes, 0 no.',
    labels: endpoint,
  },
  pillion_upstream_ejections_total: {
    type: 'counter',
    help: 'Times outlier detection ejected the endpoint.',
    labels: endpoint,
  },
  pillion_upstream_health_checks_total: {
    type: 'counter',
    help: 'Active checks of the endpoint, by result: ok, failed, or discarded (failed while this process had stalled).',
    labels: [...endpoint, 'result'],
  },
  pillion_upstream_degraded: {
    type: 'gauge',
    help: 'Whether the active checks say that the endpoint is degraded: 1 yes, 0 no.',
    labels: endpoint,
  },
  pillion_upstream_shut: {
    type: 'gauge',
    help: 'Whether the breaker has the endpoint shut now: 1 yes, 0 no.',
    labels: endpoint,
  },
  pillion_upstream_outliers_total: {
    type: 'counter',
    help: 'Ejections by outlier detection, by cause: consecutive, success-rate or failure-share.',
    labels: [...upstream, 'cause'],
  },
  pillion_upstream_breaker_total: {
    type: 'counter',
    help: 'What the breaker did: shut (an endpoint), opened (one again), or trial-failed (a trial, so that it stays shut).',
    labels: [...upstream, 'event'],
  },
  pillion_certificate_expiry_timestamp_seconds: {
    type: 'gauge',
    help: 'When the certificate stops being valid, in seconds since 1970, by kind: leaf, intermediate or ca.',
    labels: ['kind', 'id'],
  },
  pillion_config_info: {
    type: 'gauge',
    help: 'Always 1; tells the hash of the configuration in force.',
    labels: ['hash'],
  },
  pillion_config_last_reload_success: {
    type: 'gauge',
    help: 'Whether the last attempt to load the configuration succeeded: 1 yes, 0 no (the one before stays in force).',
    labels: [],
  },
  pillion_config_last_reload_success_timestamp_seconds: {
    type: 'gauge',
    help: 'When a configuration was last loaded with success, in seconds since 1970.',
    labels: [],
  },
  pillion_config_reloads_total: {
    type: 'counter',
    help: 'Attempts to load the configuration, the first included, by result: ok or failed.',
    labels: ['result'],
  },
  pillion_event_loop_lag_seconds: {
    type: 'summary',
    help: 'How late the event loop ran its timers; the quantiles are those of the last full 10 seconds.',
    labels: [],
  },
  pillion_log_lines_dropped_total: {
    type: 'counter',
    help: 'Log lines dropped because their reader was too slow.',
    labels: [],
  },
  pillion_build_info: {
    type: 'gauge',
    help: 'Always 1; tells the service, the version of the proxy and that of Node.js.',
    labels: ['service', 'version', 'node'],
  },
} as const satisfies Record<string, MetricDefinition>

export type MetricName = keyof typeof METRICS
