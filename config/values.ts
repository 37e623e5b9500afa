import { isIP, isIPv4, isIPv6 } from 'node:net'
import type { Address } from './types/address.ts'
import type { GrpcMatch } from './types/route.ts'
import type { StatusRange } from './types/upstream.ts'

/** Longest duration, the reach of a 32-bit timer: 24 days in milliseconds. */
export const longestDuration = 24 * 86_400_000

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const sizeUnits: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

export const durationPattern = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)$/
export const sizePattern = /^([0-9]+)(B|KiB|MiB|GiB)$/
export const percentPattern = /^([0-9]+(?:\.[0-9]+)?)%$/

/** `500ms`, `1.5s`, `5m`, `1h`, `7d` -> whole milliseconds; `null` when it is none. */
export function parseDuration(text: string): number | null {
  const parts = durationPattern.exec(text)
  if (parts === null) return null
  const milliseconds = Number(parts[1]) * durationUnits[parts[2]!]!
  return milliseconds <= longestDuration ? Math.round(milliseconds) : null
}

/** `512B`, `64KiB`, `1MiB`, `1GiB` -> bytes; `null` when it is none. */
export function parseSize(text: string): number | null {
  const parts = sizePattern.exec(text)
  if (parts === null) return null
  const bytes = Number(parts[1]) * sizeUnits[parts[2]!]!
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** `0%` to `100%` -> 0 to 1, or up to another share; `null` when it is none. */
export function parsePercent(text: string, most = 1): number | null {
  const parts = percentPattern.exec(text)
  if (parts === null) return null
  const percent = Number(parts[1])
  return percent <= most * 100 ? percent / 100 : null
}

const hostLabel = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i

/** Whether it is a DNS name (RFC 1123, section 2.1, underscores allowed) that cannot be taken for an IPv4 address. */
export function isHostName(text: string): boolean {
  if (text.length === 0 || text.length > 253) return false
  const labels = text.split('.')
  return labels.every((label) => hostLabel.test(label)) && !/^[0-9]+$/.test(labels[labels.length - 1]!)
}

/** `127.0.0.1:8080`, `[::1]:8080`, `name:8080` -> its parts; `null` when it is none. Port 0 passes. */
export function parseAddress(text: string): Address | null {
  const parts = /^(?:\[([^[\]]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text)
  if (parts === null) return null
  const port = Number(parts[3])
  if (port > 65535) return null
  if (parts[1] !== undefined) {
    return isIPv6(parts[1]) ? { host: parts[1], port, text: `[${parts[1]}]:${port}` } : null
  }
  const host = parts[2]!
  return isIPv4(host) || isHostName(host) ? { host, port, text: `${host}:${port}` } : null
}

/** Whether an address reaches only this machine. */
export function isLoopback(address: Address): boolean {
  const host = address.host.toLowerCase()
  if (isIPv4(host)) return host.startsWith('127.')
  return (
    host === 'localhost' || host === '::1' || host === '0:0:0:0:0:0:0:1' || host.startsWith('::ffff:127.')
  )
}

/** `host`, `host:port` or `*.suffix` of a request's authority, made lower-case; `null` when it is none. */
export function parseAuthority(text: string): string | null {
  const lower = text.toLowerCase()
  if (lower.startsWith('*.')) return isHostName(lower.slice(2)) ? lower : null
  if (isIPv4(lower) || isHostName(lower)) return lower
  const address = parseAddress(lower.startsWith('[') && lower.endsWith(']') ? `${lower}:1` : lower)
  return address !== null && address.port > 0 ? lower : null
}

/**
 * A path of a request in the form it is compared in: from `/`, without query, fragment, spaces, dot and empty segments, and
 * escaped only where it has to be, in capitals.
 */
export function isPath(text: string): boolean {
  if (!/^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/.test(text)) return false
  if (/(?:\/|%2F)\.{1,2}(?:;|%3B|\/|%2F|$)|\/\/|\\|%(?![0-9A-F]{2})|%(?:[01].|5C|7F)/.test(text)) return false
  return !(text.match(/%../g) ?? []).some(isUnreserved)
}

function isUnreserved(written: string): boolean {
  return /[A-Za-z0-9._~-]/.test(String.fromCharCode(Number.parseInt(written.slice(1), 16)))
}

/** The path that somebody probably meant who escaped too much or too little of it; `null` when nothing is near. */
export function pathMeant(input: unknown): string | null {
  if (typeof input !== 'string') return null
  const path = input
    .replace(/%[0-9a-fA-F]{2}/g, (written) =>
      isUnreserved(written)
        ? String.fromCharCode(Number.parseInt(written.slice(1), 16))
        : written.toUpperCase(),
    )
    .replace(/\/{2,}/g, '/')
  return path !== input && isPathPattern(path) ? path : null
}

/** A path that may end with `*`, which stands for any rest. */
export function isPathPattern(text: string): boolean {
  const fixed = text.endsWith('*') ? text.slice(0, -1) : text
  return !fixed.includes('*') && isPath(fixed)
}

/** A pseudonym for Via: a token (RFC 9110, section 7.6.3). */
export function isViaName(text: string): boolean {
  // Words that somebody meant as a switch.
  if (/^(?:no|none|yes|on|true|false|null)$/i.test(text)) return false
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,63}$/.test(text) && text !== 'off'
}

const trustDomain = /^[a-z0-9._-]{1,255}$/

/** SPIFFE-ID specification, section 2.1: lower-case letters, digits, dots, dashes, underscores. */
export function isTrustDomain(text: string): boolean {
  return trustDomain.test(text)
}

/** Trust domain of a SPIFFE ID or pattern; `null` when it is neither. */
export function principalTrustDomain(text: string): string | null {
  const parts = /^spiffe:\/\/([^/*]+)\/(.*)$/.exec(text)
  if (parts === null || text.length > 2048 || !isTrustDomain(parts[1]!)) return null
  const wild = parts[2]!.endsWith('*')
  const segments = (wild ? parts[2]!.slice(0, -1) : parts[2]!).split('/')
  // Behind a whole segment the star may follow at once; otherwise an empty segment is not allowed (section 2.2).
  if (wild && segments[segments.length - 1] === '') segments.pop()
  const plain = segments.every(
    (segment) => /^[A-Za-z0-9._-]+$/.test(segment) && segment !== '.' && segment !== '..',
  )
  return plain ? parts[1]! : null
}

const grpcPattern = /^([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\/([A-Za-z_]\w*))?$/

/** `package.Service` or `package.Service/Method`; `null` when it is neither. */
export function parseGrpc(text: string): GrpcMatch | null {
  const parts = grpcPattern.exec(text)
  return parts === null ? null : { service: parts[1]!, method: parts[2] ?? null }
}

/** `200` or `200-299`, codes from 100 to 599; `null` when it is neither. */
export function parseStatusRange(text: string): StatusRange | null {
  const parts = /^([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$/.exec(text)
  if (parts === null) return null
  const from = Number(parts[1])
  const to = Number(parts[2] ?? parts[1])
  return from <= to ? { from, to } : null
}

/** What a host stands for when two addresses are compared: `localhost` is 127.0.0.1, `*` every interface. */
export function bindHost(host: string): string {
  const lower = host.toLowerCase()
  if (lower === 'localhost') return '127.0.0.1'
  if (lower === '0.0.0.0' || (isIP(lower) === 6 && /^[0:]+$/.test(lower))) return '*'
  return lower
}
