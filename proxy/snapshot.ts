import type { Identity } from '../certs/store.ts'
import type { Config } from '../config/types/config.ts'
import type { ListenerConfig } from '../config/types/listener.ts'
import type { RateLimitConfig } from '../config/types/overload.ts'
import type { RouteConfig } from '../config/types/route.ts'
import type { Caller } from './downstream/caller.ts'
import { Listener } from './downstream/listener.ts'
import { CallerContext, type ListenerContext } from './exchange/caller-context.ts'
import { type Destination, RouteTarget } from './exchange/route-target.ts'
import { ServedHosts } from './exchange/served-hosts.ts'
import { TUNNEL_CONNECT } from './message/head.ts'
import { Authorization } from './policy/authorize.ts'
import { ConcurrencyLimit } from './policy/concurrency-limit.ts'
import { HedgePolicy } from './policy/hedge.ts'
import { RateLimit } from './policy/rate-limit.ts'
import { RetryPolicy } from './policy/retry.ts'
import { RouteTable } from './route/route-table.ts'
import type { Runtime } from './runtime.ts'
import { AccessLog } from './telemetry/access-log.ts'
import { buildUpstream, type RunningUpstream } from './upstreams.ts'

/** A validated configuration made into what handles requests. Immutable; a reload makes a new one. */
export interface Snapshot {
  readonly config: Config
  readonly identity: Identity | null
  readonly upstreams: ReadonlyMap<string, RunningUpstream>
  readonly listeners: readonly { readonly config: ListenerConfig; readonly listener: Listener }[]
}

/** Label of requests that no route took. */
const UNROUTED = 'none'

export function buildSnapshot(config: Config, identity: Identity | null, runtime: Runtime): Snapshot {
  const upstreams = new Map(
    config.upstreams.map((upstream) => [upstream.name, buildUpstream(upstream, identity, runtime)]),
  )
  const accessLog = config.log.access ? new AccessLog() : null
  const listeners = config.listeners.map((listener) => ({
    config: listener,
    listener: buildListener(listener, config, identity, upstreams, accessLog, runtime),
  }))
  return { config, identity, upstreams, listeners }
}

function buildListener(
  config: ListenerConfig,
  whole: Config,
  identity: Identity | null,
  upstreams: ReadonlyMap<string, RunningUpstream>,
  accessLog: AccessLog | null,
  runtime: Runtime,
): Listener {
  const { clock, timers, telemetry, limitedLog } = runtime
  const stats = telemetry.listener(config.name, config.direction)
  const refused = (remote: string, reason: string, detail: string, principal?: string) => {
    const fields = {
      listener: config.name,
      remote,
      reason,
      ...(principal === undefined ? {} : { principal }),
    }
    limitedLog.warn(`${config.name} ${reason}`, fields, `refused ${remote} at ${config.name}: ${detail}`)
  }
  const rateLimits = buildRateLimits(config.rateLimits, config, null, runtime)
  const context: ListenerContext = {
    clock,
    timers,
    maxUriBytes: config.limits.uriBytes,
    maxBodyBytes: config.limits.bodyBytes ?? Number.POSITIVE_INFINITY,
    routes: new RouteTable(
      config.routes.map((route) => ({
        match: route.match,
        target: buildTarget(route, config, rateLimits, upstreams, runtime),
      })),
    ),
    authorization: new Authorization(config.authorize),
    listener: stats,
    unrouted: telemetry.requests(config.direction, UNROUTED, UNROUTED),
    accessLog,
    paths: {
      keepEscapedSlashes: config.paths.escapedSlashes === 'keep',
      mergeSlashes: config.paths.mergeSlashes,
    },
    hosts: new ServedHosts(config.hosts, config.matchServerName),
    forwarding: {
      inbound: config.direction === 'inbound',
      self: identity?.id.toString() ?? null,
      forwarded: config.forwarded,
      via: config.via,
    },
    refused: (caller: Caller, reason) =>
      refused(
        `${caller.address}:${caller.port}`,
        reason.code,
        String(reason),
        caller.principal?.toString() ?? '',
      ),
  }
  const trustDomain = whole.identity?.trustDomain ?? ''
  return new Listener({
    name: config.name,
    host: config.address.host,
    port: config.address.port,
    tls: config.tls,
    identity: identity === null || config.tls === 'none' ? null : { ...identity, trustDomain },
    timers,
    handshakeMs: config.timeouts.handshake,
    maxConnections: config.limits.connections,
    session: {
      timers,
      maxStreams: config.limits.streams,
      maxHeadBytes: config.limits.headBytes,
      maxFields: config.limits.fields,
      maxUriBytes: config.limits.uriBytes,
      maxTrailerBytes: config.limits.trailerBytes,
      http1: { ...config.http1, requests: config.http1.requests ?? Number.POSITIVE_INFINITY },
      maxCookies: config.limits.cookies,
      http2: config.http2,
      headMs: config.timeouts.head,
      idleMs: config.timeouts.idle,
      bodyMs: config.timeouts.body,
      writeMs: config.timeouts.write,
      streamMs: config.timeouts.stream ?? 0,
      shortestSilenceMs: shortestSilence(config.routes),
    },
    stats,
    acceptor: (caller, protocol) => new CallerContext(context, caller, protocol),
    refused,
  })
}

/** In milliseconds, 0 when no route limits it. */
function shortestSilence(routes: readonly RouteConfig[]): number {
  const limits = routes.flatMap(({ idleTimeout, grpcIdleTimeout }) => [
    idleTimeout ?? 0,
    grpcIdleTimeout ?? 0,
  ])
  const set = limits.filter((ms) => ms > 0)
  return set.length === 0 ? 0 : Math.min(...set)
}

function buildTarget(
  route: RouteConfig,
  listener: ListenerConfig,
  listenerLimits: readonly RateLimit[],
  upstreams: ReadonlyMap<string, RunningUpstream>,
  runtime: Runtime,
): RouteTarget {
  const { telemetry, random } = runtime
  const own =
    route.concurrency === null
      ? []
      : [
          new ConcurrencyLimit(
            route.concurrency,
            `route ${route.name}`,
            telemetry.concurrency(route.name, ''),
            random,
          ),
        ]
  let upTo = 0
  const destinations: Destination[] = route.upstreams.map(({ upstream, weight }) => {
    upTo += weight
    const { cluster, affinities, concurrency } = upstreams.get(upstream) as RunningUpstream
    const limits = concurrency === null ? own : [...own, concurrency]
    return {
      cluster,
      upTo,
      stats: telemetry.requests(listener.direction, route.name, upstream),
      affinity: affinities.of(route),
      concurrency: limits.length === 0 ? null : limits,
    }
  })
  const retry = route.retry === null ? null : new RetryPolicy(route.retry, random)
  const allowed = route.upgrades.map((name) => (name === 'connect' ? TUNNEL_CONNECT : name))
  const tunnels = { allowed: new Set(allowed), idleMs: listener.timeouts.tunnel }
  const times = {
    response: route.timeout,
    whole: route.maxDuration,
    silence: route.idleTimeout ?? 0,
    grpcSilence: route.grpcIdleTimeout ?? 0,
  }
  const rateLimits = [...listenerLimits, ...buildRateLimits(route.rateLimits, listener, route, runtime)]
  return new RouteTarget({
    name: route.name,
    destinations,
    tunnels,
    times,
    retry,
    hedge: route.hedge === null ? null : new HedgePolicy(route.hedge),
    rateLimits: rateLimits.length === 0 ? null : rateLimits,
    sticky: route.sticky !== null,
    random,
  })
}

/** Those of a route, or of the listener as a whole when `route` is null. */
function buildRateLimits(
  limits: readonly RateLimitConfig[],
  listener: ListenerConfig,
  route: RouteConfig | null,
  { telemetry }: Runtime,
): RateLimit[] {
  const place = route === null ? `listener ${listener.name}` : `route ${route.name}`
  return limits.map(
    (limit) => new RateLimit(limit, place, telemetry.rateLimit(listener.name, route?.name ?? '', limit.name)),
  )
}
