import type { Identity } from '../certs/store.ts'
import type { Config } from '../config/types/config.ts'
import type { ListenerConfig } from '../config/types/listener.ts'
import type { RouteConfig } from '../config/types/route.ts'
import type { Caller } from './downstream/caller.ts'
import { Listener } from './downstream/listener.ts'
import { CallerContext, type ListenerContext } from './exchange/caller-context.ts'
import { type Destination, RouteTarget } from './exchange/route-target.ts'
import { ServedHosts } from './exchange/served-hosts.ts'
import { TUNNEL_CONNECT } from './message/head.ts'
import { Authorization } from './policy/authorize.ts'
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
  const context: ListenerContext = {
    clock,
    timers,
    maxUriBytes: config.limits.uriBytes,
    maxBodyBytes: config.limits.bodyBytes ?? Number.POSITIVE_INFINITY,
    routes: new RouteTable(
      config.routes.map((route) => ({
        match: route.match,
        target: buildTarget(route, config, upstreams, runtime),
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
    },
    stats,
    acceptor: (caller, protocol) => new CallerContext(context, caller, protocol),
    refused,
  })
}

function buildTarget(
  route: RouteConfig,
  listener: ListenerConfig,
  upstreams: ReadonlyMap<string, RunningUpstream>,
  { telemetry, random }: Runtime,
): RouteTarget {
  let upTo = 0
  const destinations: Destination[] = route.upstreams.map(({ upstream, weight }) => {
    upTo += weight
    const { cluster, affinities } = upstreams.get(upstream) as RunningUpstream
    const affinity = affinities.of(route)
    return { cluster, upTo, affinity, stats: telemetry.requests(listener.direction, route.name, upstream) }
  })
  const retry = route.retry === null ? null : new RetryPolicy(route.retry)
  const allowed = route.upgrades.map((name) => (name === 'connect' ? TUNNEL_CONNECT : name))
  const tunnels = { allowed: new Set(allowed), idleMs: listener.timeouts.tunnel }
  const sticky = route.sticky !== null
  return new RouteTarget(route.name, destinations, route.timeout, retry, tunnels, random, sticky)
}
