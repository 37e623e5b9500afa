import type { Head } from '../message/head.ts'

/**
 * Compiles an authority pattern: `host` (any port), `host:port`, or `*.suffix` (any labels before it, any port). The
 * pattern is lower case; host names are compared without regard to case (RFC 9110 §4.2.3).
 */
export function compileAuthority(pattern: string): (head: Head) => boolean {
  if (pattern.startsWith('*.')) {
    const suffix = pattern.slice(1)
    return (head) => {
      const host = hostOf(head.authority.toLowerCase())
      return host.length > suffix.length && host.endsWith(suffix)
    }
  }
  if (hostOf(pattern) !== pattern) return (head) => head.authority.toLowerCase() === pattern
  return (head) => hostOf(head.authority.toLowerCase()) === pattern
}

/** The authority without its port. */
function hostOf(authority: string): string {
  const colon = authority.lastIndexOf(':')
  // A colon inside brackets belongs to an IPv6 address.
  return colon < 0 || authority.indexOf(']', colon) >= 0 ? authority : authority.slice(0, colon)
}
