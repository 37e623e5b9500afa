import { isIPv6 } from 'node:net'

/**
 * The grammar of an authority, for both protocols: `uri-host [":" port]` of RFC 9110 §7.2, or nothing. Narrower than RFC
 * 3986 §3.2 where readers disagree: no user information, no percent escapes, no comma, and a port up to 65535.
 */

/** 1 for what may stand in a host name: unreserved characters and sub-delims (RFC 3986 §3.2.2) without the comma. */
const HOST_OCTET = new Uint8Array(128)
for (const char of "-._~!$&'()*+;=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  HOST_OCTET[char.charCodeAt(0)] = 1
}

const DOT = 0x2e
const COLON = 0x3a
const BRACKET = 0x5b
const LONGEST_PORT = 5
const MAX_PORT = 65535

export function isAuthority(text: string): boolean {
  const length = text.length
  if (length === 0) return true
  let i = 0
  if (text.charCodeAt(0) === BRACKET) {
    const end = text.indexOf(']')
    if (end < 0 || !isIPv6Literal(text, end)) return false
    i = end + 1
  } else {
    while (i < length) {
      const code = text.charCodeAt(i)
      if (code > 0x7f || HOST_OCTET[code] === 0) break
      i++
    }
    if (i === 0) return false
  }
  return i === length || (text.charCodeAt(i) === COLON && isPort(text, i + 1))
}

/** What stands between the brackets is an address without a zone (RFC 3986 §3.2.2, RFC 6874). */
function isIPv6Literal(text: string, end: number): boolean {
  const address = text.slice(1, end)
  return isIPv6(address) && !address.includes('%')
}

/** RFC 3986 §3.2.3 allows it to be empty. */
function isPort(text: string, from: number): boolean {
  const digits = text.length - from
  if (digits > LONGEST_PORT) return false
  let port = 0
  for (let i = from; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return false
    port = port * 10 + digit
  }
  return port <= MAX_PORT
}

/** Whether two authorities are the same but for the case of letters. */
export function sameAuthority(one: string, other: string): boolean {
  return one === other || one.toLowerCase() === other.toLowerCase()
}

/**
 * The host of an authority as it is compared: lower case (RFC 9110 §4.2.3), without port, without the dot that ends a
 * fully qualified name; an IPv6 address keeps its brackets.
 */
export function hostOf(authority: string): string {
  let end = portStart(authority)
  end = end < 0 ? authority.length : end - 1
  if (end > 1 && authority.charCodeAt(end - 1) === DOT) end--
  return (end === authority.length ? authority : authority.slice(0, end)).toLowerCase()
}

/** The port of an authority; where it names none, the one that the scheme stands for (RFC 9110 §4.2), else -1. */
export function portOf(authority: string, scheme: string): number {
  const start = portStart(authority)
  if (start >= 0 && start < authority.length) return Number(authority.slice(start))
  if (scheme === 'http') return 80
  return scheme === 'https' ? 443 : -1
}

/** Where the port begins, behind its colon; -1 without a colon. */
function portStart(authority: string): number {
  const colon = authority.lastIndexOf(':')
  // A colon inside brackets belongs to an IPv6 address.
  return colon < 0 || authority.indexOf(']', colon) >= 0 ? -1 : colon + 1
}
