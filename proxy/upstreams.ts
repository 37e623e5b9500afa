import { readFileSync } from 'node:fs'
import { createSecureContext, rootCertificates } from 'node:tls'
import type { Identity } from '../certs/store.ts'
import type { UpstreamConfig } from '../config/types/upstream.ts'
import { Affinities, type CreateBalancer } from './affinities.ts'
import { Breaker } from './balance/breaker.ts'
import { CappedBalancer, EndpointCap } from './balance/capped-balancer.ts'
import { type BalanceOptions, createBalancer } from './balance/create-balancer.ts'
import type { EndpointOptions } from './balance/endpoint.ts'
import { type EndpointChange, EndpointSet } from './balance/endpoint-set.ts'
import { LatencyObserver } from './balance/ewma.ts'
import { HealthChecker } from './balance/health-check/checker.ts'
import { createProbe } from './balance/health-check/create-probe.ts'
import { dialTcp } from './balance/health-check/probe.ts'
import type { AttemptObserver } from './balance/outcome.ts'
import { OutlierDetector } from './balance/outlier.ts'
import { TrialBalancer } from './balance/trial-balancer.ts'
import type { Discovery } from './discovery/discovery.ts'
import { Cluster } from './exchange/cluster.ts'
import { Members } from './exchange/members.ts'
import { memberFactory } from './member-factory.ts'
import type { Reason } from './message/reason.ts'
import { ConcurrencyLimit } from './policy/concurrency-limit.ts'
import type { Runtime } from './runtime.ts'
import type { EndpointPool } from './upstream/endpoint-pool.ts'
import { UpstreamLimits } from './upstream/upstream-limits.ts'
import { UpstreamTls } from './upstream/upstream-tls.ts'
import { buildDiscovery } from './upstream-discovery.ts'

const WORSE: ReadonlySet<EndpointChange> = new Set(['unhealthy', 'degraded', 'ejected', 'shut'])

/** An upstream with what keeps it going: active checks, ejection, numbers for each scrape. */
export interface RunningUpstream {
  readonly cluster: Cluster
  /** For routes that go to it. */
  readonly affinities: Affinities
  /** Null: only `limits.requests` counts. */
  readonly concurrency: ConcurrencyLimit | null
  /** Finds the endpoints; null: the configuration lists them. */
  readonly discovery: Discovery | null
  /** Pools of endpoints that are gone, with streams under way. */
  readonly draining: ReadonlySet<EndpointPool>
  start(): void
  /**
   * Replaces the endpoints. Those that stay keep all they have; to those that go no new request is sent, and their
   * connections close with their last stream. Throws RangeError as `EndpointSet.update` does, and changes nothing then.
   */
  update(endpoints: readonly EndpointOptions[]): void
  /** Ends checks, lets go of all endpoints: connections close as their streams end. */
  stop(): void
  /** Closes every connection now, those of endpoints that are gone included. */
  close(reason: Reason): void
}

/** Builds the run-time form of one upstream. Nothing is dialled before `start` or the first request. */
export function buildUpstream(
  config: UpstreamConfig,
  identity: Identity | null,
  runtime: Runtime,
): RunningUpstream {
  const { telemetry, log, timers, clock, random } = runtime
  const stats = telemetry.upstream(config.name)
  const set = new EndpointSet([], {
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
  const tls = upstreamTls(config, identity)
  const limits = new UpstreamLimits(config.limits.connections, config.limits.pending, {
    upstream: config.name,
    pendingMs: config.limits.pendingTimeout,
    reached: (limit) => stats.limits.count(limit),
  })
  let discovery: Discovery | null = null
  // An address that cannot be connected to may have moved.
  const doubt = (): void => discovery?.source.doubt()
  const members = new Members(memberFactory(config, tls, limits, stats, runtime, doubt))
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
    meshed: config.tls.mode === 'mutual',
    set,
    balancer: createFor(set, null),
    observers,
    breaker,
    cap,
    pools: members.pools,
    tunnelPools: members.tunnelPools,
    endpointStats: members.endpointStats,
    stats,
    maxRequests: config.limits.requests,
    retryBudget: config.limits.retryBudget,
  })
  const checker = buildChecker(config, cluster, tls, runtime)
  let checking = false
  const replace = (endpoints: readonly EndpointOptions[], forget: boolean): void => {
    const { added, removed } = set.update(endpoints)
    const retired = members.follow(added, removed, forget)
    for (const observer of observers) for (const endpoint of removed) observer.endpointRemoved?.(endpoint)
    if (checking) checker?.sync()
    // Requests that wait for a connection look for another endpoint within this call.
    for (const pool of retired) pool.drain()
  }
  replace(config.endpoints, true)
  discovery = buildDiscovery(config, cluster, (endpoints) => replace(endpoints, true), runtime)
  const unhook = telemetry.onScrape(() => copyNumbers(cluster, limits, outlier))
  return {
    cluster,
    affinities: new Affinities(config, cluster, createFor),
    concurrency: concurrencyLimit(config, runtime),
    discovery,
    draining: members.draining,
    start: () => {
      discovery?.start()
      checking = true
      checker?.start()
      outlier?.start()
    },
    update: (endpoints) => replace(endpoints, true),
    stop: () => {
      discovery?.stop()
      checking = false
      checker?.stop()
      outlier?.stop()
      breaker?.stop()
      unhook()
      // The upstream of the same name that a new configuration brings counts on in the same numbers.
      replace([], false)
    },
    close: (reason) => members.close(reason),
  }
}

function balanceOptions({ balance, slowStart }: UpstreamConfig): BalanceOptions {
  const { policy, choices, bias, decay, boundedLoad } = balance
  const penalty = balance.failurePenalty ?? 0
  const sizes = { minSize: balance.minRingSize, maxSize: balance.maxRingSize }
  return { policy, choices, bias, decay, penalty, boundedLoad, ...sizes, slowStart }
}

function concurrencyLimit(
  { concurrency, name }: UpstreamConfig,
  { telemetry, random }: Runtime,
): ConcurrencyLimit | null {
  if (concurrency === null) return null
  return new ConcurrencyLimit(concurrency, `upstream ${name}`, telemetry.concurrency('', name), random)
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
