import type { ConfigDocument } from '../schema.ts'
import type { HeaderMatch, RouteConfig } from '../types/route.ts'
import { resolveSticky } from './balance.ts'
import { orNull } from './off.ts'

type RouteDocument = ConfigDocument['listeners'][number]['routes'][number]
type HeaderDocument = NonNullable<RouteDocument['match']['headers']>[string]

export function resolveRoute(route: RouteDocument, defaultName: string, baseDir: string): RouteConfig {
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
    subset: route.subset ?? null,
    subsetFallback: route.subsetFallback,
    sticky: route.sticky ? resolveSticky(route.sticky, baseDir) : null,
    upgrades: route.upgrades,
  }
}

function resolveHeader(name: string, wanted: HeaderDocument): HeaderMatch {
  const lower = name.toLowerCase()
  if (typeof wanted === 'string') return { name: lower, kind: 'exact', value: wanted }
  if (wanted.exact !== undefined) return { name: lower, kind: 'exact', value: wanted.exact }
  if (wanted.prefix !== undefined) return { name: lower, kind: 'prefix', value: wanted.prefix }
  return { name: lower, kind: wanted.present === false ? 'absent' : 'present', value: '' }
}
