import type { ConfigDocument } from '../schema.ts'
import type { AuthorizeRule, ListenerConfig } from '../types/listener.ts'
import { isLoopback } from '../values.ts'
import { resolveHttp2 } from './http2.ts'
import { isOff, orNull } from './off.ts'
import { resolveRoute } from './route.ts'

type ListenerDocument = ConfigDocument['listeners'][number]
type RuleDocument = ListenerDocument['authorize'][number]

export function resolveListener(listener: ListenerDocument, baseDir: string): ListenerConfig {
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
    routes: listener.routes.map((route, index) => resolveRoute(route, `${name}/${index}`, baseDir)),
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

function resolveRule(rule: RuleDocument): AuthorizeRule {
  const conditions = rule.allow ?? rule.deny
  return {
    action: rule.allow === undefined ? 'deny' : 'allow',
    principals: conditions?.principals ?? null,
    methods: conditions?.methods ?? null,
    paths: conditions?.paths ?? null,
  }
}
