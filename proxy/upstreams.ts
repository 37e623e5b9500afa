import { readFileSync } from 'node:fs'
import { createSecureContext, rootCertificates } from 'node:tls'
import type { Identity } from '../certs/store.ts'
import type { UpstreamConfig } from '../config/types/upstream.ts'
import { Affinities, type CreateBalancer } from './affinities.ts'
import { Breaker } from './balance/breaker.ts'
import { CappedBalancer, EndpointCap } from './balance/capped-balancer.ts'
import { type BalanceOptions, createBalancer } from './balance/create-balancer.ts'
import type { Endpoint } from './balance/endpoint.ts'
import { type EndpointChange, EndpointSet } from './balance/endpoint-set.ts'
import { LatencyObserver } from './balance/ewma.ts'
import { HealthChecker } from './balance/health-check/checker.ts'
import { createProbe } from './balance/health-check/create-probe.ts'
import { dialTcp } from './balance/health-check/probe.ts'
import type { AttemptObserver } from './balance/outcome.ts'
import { OutlierDetector } from './balance/outlier.ts'
import { TrialBalancer } from './balance/trial-balancer.ts'
import { StallWatch } from './base/stall-watch.ts'
import { Cluster } from './exchange/cluster.ts'
import type { Runtime } from './runtime.ts'
import { type ClientSessionOptions, createClientSession } from './upstream/client-session.ts'
import { EndpointPool } from './upstream/endpoint-pool.ts'
import { UpstreamLimits } from './upstream/upstream-limits.ts'
import { UpstreamTls } from './upstream/upstream-tls.ts'

const WORSE: ReadonlySet<EndpointChange> = new Set(['unhealthy', 'degraded', 'ejected', 'shut'])

/** An upstream with what keeps it going: active checks, ejection, numbers for each scrape. */
export interface RunningUpstream {
  readonly cluster: Cluster
  /** For routes that go to it. */
  readonly affinities: Affinities
  start(): void
  /** Ends checks, closes pools as their streams end. */
  stop(): void
}

/** Builds the run-time form of one upstream. Nothing is dialled before `start` or the first request. */
export function buildUpstream(
  config: UpstreamConfig,
  identity: Identity | null,
  runtime: Runtime,
): RunningUpstream {
  const { telemetry, log, timers, clock, random } = runtime
  const stats = telemetry.upstream(config.name)
  const set = new EndpointSet(config.endpoints, {
    panicBelow: config.balance.panic,
    overprovision: config.balance.overprovision,
    zone: config.balance.zones === 'prefer' ? (runtime.zone ?? null) : null,
    warmUpClock: config.slowStart === null ? null : clock,
    onChange: (endpoint, change, why) => {
      const fields = { upstream: config.name, endpoint: endpoint.address, change, why }
      const bad = WORSE.has(change)
      if (bad) log.warn(fields, `endpoint ${endpoint.address} of ${config.name} is ${change}: ${why}`)
      else log.info(fields, `endpoint ${endpoint.address} of ${config.name} is ${change}: ${why}`)
      outlier?.relent()
    },
  })
  const outlier =
    config.outlier === null ? null : new OutlierDetector(set, config.outlier, timers, clock, random)
  const breaker = config.breaker === null ? null : new Breaker(set, config.breaker, timers, random)
  const judges = [outlier, breaker].filter((judge) => judge !== null)
  const stalls = judges.length === 0 ? null : new StallWatch(() => clock.now(), timers)
  const endpointStats = set.endpoints.map((endpoint) => telemetry.endpoint(config.name, endpoint.address))
  const tls = upstreamTls(config, identity)
  const limits = new UpstreamLimits(config.limits.connections, config.limits.pending, {
    upstream: config.name,
    pendingMs: config.limits.pendingTimeout,
    reached: (limit) => stats.limits.count(limit),
  })
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
  const poolOf = (endpoint: Endpoint, i: number, protocol: UpstreamConfig['protocol']) =>
    new EndpointPool({
      host: endpoint.host,
      port: endpoint.port,
      protocol,
      tls,
      connectMs,
      timers,
      session: (transport, protocol, owner) => createClientSession(transport, protocol, owner, session),
      limits,
      stats: endpointStats[i],
      refused: (reason) =>
        runtime.limitedLog.warn(
          `${config.name} ${reason.code}`,
          { upstream: config.name, endpoint: endpoint.address, reason: reason.code },
          `cannot connect to endpoint ${endpoint.address} of ${config.name}: ${reason}`,
        ),
    })
  const pools = set.endpoints.map((endpoint, i) => poolOf(endpoint, i, config.protocol))
  // Most servers that prefer HTTP/2 take WebSockets over HTTP/1.1 only, and a tunnel has a connection of its own anyway.
  const chosen = config.protocol === 'auto' && tls !== null
  const tunnelPools = chosen ? set.endpoints.map((endpoint, i) => poolOf(endpoint, i, 'http1')) : pools
  const balance = balanceOptions(config)
  const perEndpoint = config.limits.requestsPerEndpoint
  const cap = perEndpoint === null ? null : new EndpointCap(perEndpoint)
  const createFor: CreateBalancer = (source, labels) => {
    const byPolicy = createBalancer(balance, source, random, clock)
    const capped = cap === null ? byPolicy : new CappedBalancer(byPolicy, cap)
    return breaker === null ? capped : new TrialBalancer(capped, breaker, labels)
  }
  const observers: AttemptObserver[] = [...judges]
  if (balance.policy === 'ewma') observers.push(new LatencyObserver(clock, balance))
  const cluster = new Cluster({
    name: config.name,
    scheme: tls === null ? 'http' : 'https',
    set,
    balancer: createFor(set, null),
    observers,
    breaker,
    stalls,
    cap,
    pools,
    tunnelPools,
    endpointStats,
    stats,
    maxRequests: config.limits.requests,
    retryBudget: config.limits.retryBudget,
  })
  const checker = buildChecker(config, cluster, tls, runtime)
  const unhook = telemetry.onScrape(() => copyNumbers(cluster, limits, outlier))
  return {
    cluster,
    affinities: new Affinities(config, cluster, createFor),
    start: () => {
      checker?.start()
      outlier?.start()
      stalls?.start()
    },
    stop: () => {
      checker?.stop()
      outlier?.stop()
      breaker?.stop()
      stalls?.stop()
      unhook()
      for (const pool of [...pools, ...tunnelPools]) pool.drain()
    },
  }
}

function balanceOptions({ balance, slowStart }: UpstreamConfig): BalanceOptions {
  const { policy, choices, bias, decay, boundedLoad } = balance
  const penalty = balance.failurePenalty ?? 0
  const sizes = { minSize: balance.minRingSize, maxSize: balance.maxRingSize }
  return { policy, choices, bias, decay, penalty, boundedLoad, ...sizes, slowStart }
}

function upstreamTls(config: UpstreamConfig, identity: Identity | null): UpstreamTls | null {
  if (config.tls.mode === 'none') return null
  const bundle = config.tls.trustBundleFile
  const ca =
    bundle === null ? (identity?.trustBundlePem ?? [...rootCertificates]) : readFileSync(bundle, 'utf8')
  const own =
    config.tls.mode === 'mutual' && identity !== null
      ? { cert: identity.certificateChainPem, key: identity.keyPem }
      : {}
  return new UpstreamTls({
    secureContext: createSecureContext({ ...own, ca, minVersion: 'TLSv1.3' }),
    peers: config.tls.peers,
    serverName: config.tls.serverName,
  })
}

function buildChecker(
  config: UpstreamConfig,
  cluster: Cluster,
  tls: UpstreamTls | null,
  runtime: Runtime,
): HealthChecker | null {
  if (config.health === null) return null
  const probe = createProbe(config.health.probe, {
    dial: tls === null ? dialTcp : (endpoint, alpn) => tls.connect(endpoint.host, endpoint.port, alpn),
    tls: tls !== null,
    protocol: config.protocol,
    serverName: config.tls.serverName,
  })
  const { clock, timers: wheel, random } = runtime
  let seen = 0
  const busy = () => {
    const begun = cluster.started !== seen
    seen = cluster.started
    return begun || cluster.active > 0
  }
  return new HealthChecker(cluster.set, probe, config.health, { clock, wheel, random, busy })
}

/** Gauges that live elsewhere, brought up to date for a scrape. */
function copyNumbers(cluster: Cluster, limits: UpstreamLimits, outlier: OutlierDetector | null): void {
  const { stats, breaker } = cluster
  stats.pending = limits.pending
  if (outlier !== null) stats.ejections = outlier.causes
  if (breaker !== null) {
    stats.breaker = {
      shut: breaker.timesShut,
      opened: breaker.timesOpened,
      'trial-failed': breaker.trialsFailed,
    }
  }
  for (const endpoint of cluster.set.endpoints) {
    const stats = cluster.endpointStats[endpoint.index]
    stats.active = endpoint.active
    stats.healthy = endpoint.health !== 'unhealthy'
    stats.degraded = endpoint.degraded
    stats.ejected = endpoint.ejected
    stats.shut = endpoint.shut
    stats.ejections = endpoint.ejections
    stats.checksOk = endpoint.checksOk
    stats.checksFailed = endpoint.checksFailed
    stats.checksDiscarded = endpoint.checksDiscarded
  }
}
