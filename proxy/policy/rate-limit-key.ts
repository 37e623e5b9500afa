import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { SpiffeId } from '../../certs/spiffe-id.ts'
import type { RateLimitBy } from '../../config/types/overload.ts'
import type { Head } from '../message/head.ts'

/** The key of a request's bucket: equal exactly for requests that share one. What a request lacks is "". */
export function rateLimitKey(
  by: readonly RateLimitBy[],
  principal: SpiffeId | null,
  address: string,
  head: Head,
): string {
  // No part can contain the separator.
  return by.map((part) => partOf(part, principal, address, head)).join('\n')
}

function partOf(by: RateLimitBy, principal: SpiffeId | null, address: string, head: Head): string {
  if (by.kind === 'principal') return principal?.toString() ?? ''
  if (by.kind === 'source') return sourceKey(address)
  const value = head.fields.joined(by.name) ?? ''
  // A digest, because values may be long, and because they are secrets as often as not.
  return value === '' ? '' : createHash('sha256').update(value, 'latin1').digest('base64')
}

/**
 * Who a network address stands for: an IPv4 address, or the first 64 bits of an IPv6 address, since whoever has one such
 * address has all of that network (RFC 6177).
 */
export function sourceKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped !== null) return mapped[1] as string
  if (!isIPv6(address)) return address
  const [front, back] = address.replace(/%.*$/, '').toLowerCase().split('::') as [string, string?]
  const groups = front === '' ? [] : front.split(':')
  const behind = back === undefined || back === '' ? [] : back.split(':')
  // An IPv4 address at the end stands for two groups, and is never among the first four.
  const count = behind.length + (behind.at(-1)?.includes('.') === true ? 1 : 0)
  while (groups.length + count < 8) groups.push('0')
  const network = [...groups, ...behind].slice(0, 4)
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
