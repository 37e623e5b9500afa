import { isIP } from 'node:net'
import { IssueError } from './certificate-error.ts'

/** Longest DNS name, in characters (RFC 1035, section 2.3.4). */
const MAX_DNS_NAME = 253
const LABEL = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/

/**
 * Checks a DNS name for a certificate: letters, digits, hyphen and underscore in labels of 1 to 63 characters; `*.` may
 * stand in front (RFC 6125, section 6.4.3).
 * @throws {IssueError} when it is none.
 */
export function checkDnsName(name: string): void {
  const labels = (name.startsWith('*.') ? name.slice(2) : name).split('.')
  if (name.length > MAX_DNS_NAME || !labels.every((label) => LABEL.test(label))) {
    throw new IssueError(`"${name}" is not a DNS name, such as checkout.default.svc or *.mesh.local`)
  }
  if (isIP(name) !== 0) throw new IssueError(`"${name}" is an IP address, not a DNS name`)
}

/**
 * The 4 or 16 bytes of an IP address, as a certificate holds them (RFC 5280, section 4.2.1.6).
 * @throws {IssueError} for anything else, addresses with a zone (`fe80::1%eth0`) included.
 */
export function ipBytes(address: string): Buffer {
  const version = isIP(address)
  if (version === 4) return Buffer.from(address.split('.').map(Number))
  if (version === 0 || address.includes('%')) throw new IssueError(`"${address}" is not an IP address`)
  // The URL parser writes an embedded IPv4 part as two hexadecimal groups.
  const [head, tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::')
  const before = groups(head)
  const after = groups(tail)
  const zeros = Array<number>(8 - before.length - after.length).fill(0)
  return Buffer.from([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]))
}

function groups(text: string | undefined): number[] {
  return text ? text.split(':').map((group) => Number.parseInt(group, 16)) : []
}
