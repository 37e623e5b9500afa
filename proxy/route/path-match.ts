import type { MatchConfig } from '../../config/types/route.ts'
import { type Head, pathOf } from '../message/head.ts'

/** Compiles the path condition of a route (exact, prefix by whole segments, or gRPC), null when it has none. */
export function compilePath(match: MatchConfig): ((head: Head) => boolean) | null {
  if (match.path !== null) {
    const path = match.path
    return (head) => pathOf(head.path) === path
  }
  if (match.prefix !== null) return prefixMatch(match.prefix)
  if (match.grpc !== null) {
    const { service, method } = match.grpc
    if (method !== null) {
      const path = `/${service}/${method}`
      return (head) => head.grpc && head.path === path
    }
    const prefix = `/${service}/`
    return (head) => head.grpc && head.path.startsWith(prefix)
  }
  return null
}

/** `/api` and `/api/` both match `/api`, `/api/` and `/api/x`; neither matches `/apix`. */
function prefixMatch(prefix: string): (head: Head) => boolean {
  const whole = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix
  const below = `${whole}/`
  return (head) => {
    const path = pathOf(head.path)
    return path === whole || path.startsWith(below)
  }
}
