import { hostOf, portOf } from '../message/authority.ts'
import type { Head } from '../message/head.ts'

/**
 * Compiles an authority pattern: `host` (any port), `host:port`, or `*.suffix` (any labels before it, any port). The
 * pattern is lower case; host names are compared without regard to case and to a final dot, ports by their number, which
 * the scheme stands for where the authority names none (RFC 9110 §4.2.3).
 */
export function compileAuthority(pattern: string): (head: Head) => boolean {
  if (pattern.startsWith('*.')) {
    const suffix = pattern.slice(1)
    return (head) => {
      const host = hostOf(head.authority)
      return host.length > suffix.length && host.endsWith(suffix)
    }
  }
  const host = hostOf(pattern)
  if (host === pattern) return (head) => hostOf(head.authority) === pattern
  const port = portOf(pattern, '')
  return (head) => hostOf(head.authority) === host && portOf(head.authority, head.scheme) === port
}
