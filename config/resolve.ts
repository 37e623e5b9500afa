import { resolve } from 'node:path'
import type { ConfigDocument } from './schema.ts'
import type * as to from './types.ts'
import { isLoopback } from './values.ts'

type ListenerDocument = ConfigDocument['listeners'][number]
type RouteDocument = ListenerDocument['routes'][number]
type RuleDocument = ListenerDocument['authorize'][number]
type UpstreamDocument = ConfigDocument['upstreams'][string]
type HealthDocument = NonNullable<UpstreamDocument['health']>

/** From the checked document to the configuration: one form for each thing, and the defaults that depend on others. */
export function resolveConfig(document: ConfigDocument, baseDir: string): to.Config {
  const { identity } = document
  return {
    service: document.service,
    workers: document.workers === 'auto' ? 1 : document.workers,
    admin: isOff(document.admin) ? null : document.admin,
    metrics: isOff(document.metrics) ? null : document.metrics,
    log: document.log,
    shutdown: document.shutdown,
    identity: identity
      ? {
          trustDomain: identity.trustDomain,
          certificateFile: resolve(baseDir, identity.certificateFile),
          keyFile: resolve(baseDir, identity.keyFile),
          trustBundleFile: resolve(baseDir, identity.trustBundleFile),
        }
      : null,
    listeners: document.listeners.map(resolveListener),
    upstreams: Object.entries(document.upstreams).map(([name, upstream]) =>
      resolveUpstream(name, upstream, baseDir),
    ),
  }
}

function isOff(value: unknown): value is 'off' | false {
  return value === 'off' || value === false
}

/** `null` for what is switched off. */
function orNull<T>(value: T | 'off' | false): T | null {
  return isOff(value) ? null : value
}

function resolveListener(listener: ListenerDocument): to.ListenerConfig {
  const { name, address, tls, timeouts, limits, http1 } = listener
  const exposed = tls === 'none' && !isLoopback(address)
  const streams = limits.streams ?? (exposed ? 100 : 1024)
  return {
    name,
    address,
    tls,
    direction: listener.direction ?? (tls !== 'none' || name.startsWith('inbound') ? 'inbound' : 'outbound'),
    hosts: listener.hosts ?? null,
    matchServerName: listener.matchServerName,
    paths: listener.paths,
    forwarded: listener.forwarded,
    via: isOff(listener.via) ? null : listener.via,
    authorize: listener.authorize.map(resolveRule),
    routes: listener.routes.map((route, index) => resolveRoute(route, `${name}/${index}`)),
    timeouts: { ...timeouts, stream: orNull(timeouts.stream), tunnel: orNull(timeouts.tunnel) },
    limits: {
      ...limits,
      streams,
      bodyBytes: orNull(limits.bodyBytes),
    },
    http1: { ...http1, requests: orNull(http1.requests) },
    // A caller may cancel all its streams at once, and more than once.
    http2: { ...listener.http2, ...resolveHttp2(listener.http2, 3 * streams) },
  }
}

function resolveRule(rule: RuleDocument): to.AuthorizeRule {
  const conditions = rule.allow ?? rule.deny
  return {
    action: rule.allow === undefined ? 'deny' : 'allow',
    principals: conditions?.principals ?? null,
    methods: conditions?.methods ?? null,
    paths: conditions?.paths ?? null,
  }
}

function resolveRoute(route: RouteDocument, defaultName: string): to.RouteConfig {
  const { match, upstream, retry } = route
  const targets = typeof upstream === 'string' ? { [upstream]: 1 } : upstream
  return {
    name: route.name ?? defaultName,
    match: {
      authority: match.authority ?? null,
      path: match.path ?? null,
      prefix: match.prefix ?? null,
      grpc: match.grpc ?? null,
      methods: match.methods ?? null,
      headers: Object.entries(match.headers ?? {}).map(([name, wanted]) => resolveHeader(name, wanted)),
    },
    upstreams: Object.entries(targets)
      .filter(([, weight]) => weight > 0)
      .map(([name, weight]) => ({ upstream: name, weight })),
    timeout: orNull(route.timeout),
    retry: retry
      ? { on: retry.on, attempts: retry.attempts, perTryTimeout: retry.perTryTimeout ?? null }
      : null,
    upgrades: route.upgrades,
  }
}

type HeaderDocument = NonNullable<RouteDocument['match']['headers']>[string]

function resolveHeader(name: string, wanted: HeaderDocument): to.HeaderMatch {
  const lower = name.toLowerCase()
  if (typeof wanted === 'string') return { name: lower, kind: 'exact', value: wanted }
  if (wanted.exact !== undefined) return { name: lower, kind: 'exact', value: wanted.exact }
  if (wanted.prefix !== undefined) return { name: lower, kind: 'prefix', value: wanted.prefix }
  return { name: lower, kind: wanted.present === false ? 'absent' : 'present', value: '' }
}

function resolveUpstream(name: string, upstream: UpstreamDocument, baseDir: string): to.UpstreamConfig {
  const { tls, timeouts, http1 } = upstream
  return {
    name,
    protocol: upstream.protocol,
    endpoints: upstream.endpoints.map((endpoint) =>
      'address' in endpoint
        ? { ...endpoint, zone: endpoint.zone ?? null }
        : { address: endpoint, weight: 1, zone: null, priority: 0 },
    ),
    balance: typeof upstream.balance === 'string' ? { policy: upstream.balance } : upstream.balance,
    tls: {
      mode: tls.mode,
      peers: tls.peer === undefined ? [] : typeof tls.peer === 'string' ? [tls.peer] : tls.peer,
      serverName: tls.serverName ?? null,
      trustBundleFile: tls.trustBundleFile === undefined ? null : resolve(baseDir, tls.trustBundleFile),
    },
    health: upstream.health ? resolveHealth(upstream.health) : null,
    outlier: upstream.outlier ?? null,
    limits: upstream.limits,
    timeouts: { connect: timeouts.connect, idle: timeouts.idle ?? null },
    http1: { ...http1, requests: orNull(http1.requests) },
    http2: { ...upstream.http2, ...resolveHttp2(upstream.http2, 0) },
  }
}

const LEAST_GLITCHES = 1000

/** A stalled stream holds `maxWindow`; a connection has room for some of them. */
function resolveHttp2(
  http2: UpstreamDocument['http2'],
  leastGlitches: number,
): Pick<to.Http2Config, 'glitches' | 'maxWindow' | 'maxConnectionWindow'> {
  const maxWindow = http2.maxWindow ?? Math.max(1024 ** 2, http2.window)
  const most = Math.min(4 * maxWindow, 2 ** 31 - 1)
  return {
    glitches: http2.glitches ?? Math.max(LEAST_GLITCHES, leastGlitches),
    maxWindow,
    maxConnectionWindow: http2.maxConnectionWindow ?? Math.max(most, http2.connectionWindow),
  }
}

function resolveHealth(health: HealthDocument): to.HealthConfig {
  const { http, grpc, tcp: _, ...schedule } = health
  const probe: to.HealthProbe = http
    ? { kind: 'http', ...http }
    : grpc
      ? { kind: 'grpc', service: grpc.service }
      : { kind: 'tcp' }
  return { probe, ...schedule }
}
