import type { ConfigDocument } from '../schema.ts'
import type { HeaderMatch, RetryConfig, RouteConfig } from '../types/route.ts'
import { resolveSticky } from './balance.ts'
import { orNull } from './off.ts'
import { resolveConcurrency, resolveRateLimits } from './overload.ts'

type RouteDocument = ConfigDocument['listeners'][number]['routes'][number]
type HeaderDocument = NonNullable<RouteDocument['match']['headers']>[string]

/** gRPC streams may be silent for this long where nothing else is said, in milliseconds. */
const GRPC_IDLE = 3_600_000

/** `idle` is the listener's `timeouts.stream`. */
export function resolveRoute(
  route: RouteDocument,
  defaultName: string,
  baseDir: string,
  idle: number | null,
): RouteConfig {
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
    maxDuration: orNull(route.maxDuration),
    ...resolveIdle(route, idle),
    retry: retry ? resolveRetry(retry) : null,
    hedge: route.hedge
      ? { ...route.hedge, after: route.hedge.after === 'p95' ? null : route.hedge.after }
      : null,
    subset: route.subset ?? null,
    subsetFallback: route.subsetFallback,
    sticky: route.sticky ? resolveSticky(route.sticky, baseDir) : null,
    upgrades: route.upgrades,
    rateLimits: resolveRateLimits(route.rateLimit),
    concurrency: resolveConcurrency(route.concurrency),
  }
}

function resolveIdle(
  { idleTimeout }: RouteDocument,
  idle: number | null,
): Pick<RouteConfig, 'idleTimeout' | 'grpcIdleTimeout'> {
  if (idleTimeout === undefined) {
    return { idleTimeout: idle, grpcIdleTimeout: idle === null ? null : Math.max(idle, GRPC_IDLE) }
  }
  const own = orNull(idleTimeout)
  return { idleTimeout: own, grpcIdleTimeout: own }
}

function resolveRetry(retry: NonNullable<RouteDocument['retry']>): RetryConfig {
  return {
    on: retry.on ?? [],
    statuses: retry.statuses ?? [],
    attempts: retry.attempts,
    perTryTimeout: retry.perTryTimeout ?? null,
    // The longest wait is ten times the shortest, unless it is given.
    backOff: { base: retry.backOff.base, max: retry.backOff.max ?? 10 * retry.backOff.base },
  }
}

function resolveHeader(name: string, wanted: HeaderDocument): HeaderMatch {
  const lower = name.toLowerCase()
  if (typeof wanted === 'string') return { name: lower, kind: 'exact', value: wanted }
  if (wanted.exact !== undefined) return { name: lower, kind: 'exact', value: wanted.exact }
  if (wanted.prefix !== undefined) return { name: lower, kind: 'prefix', value: wanted.prefix }
  return { name: lower, kind: wanted.present === false ? 'absent' : 'present', value: '' }
}
