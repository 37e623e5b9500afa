import { isIP, isIPv4, isIPv6 } from 'node:net'

/**
 * What proxies say of the hops before them: X-Forwarded-For and its relatives, and Forwarded (RFC 7239). Both are texts of
 * somebody else, so each value is judged by itself; what is malformed becomes "unknown" or nothing.
 */

/** One hop: who connected to the proxy that reports it, and how. "" is not known. */
export interface Hop {
  /** As in X-Forwarded-For: an address, `address:port`, `[IPv6]:port`, `unknown`, or `_name` (RFC 7239 §6.3). */
  readonly from: string
  /** "http", "https" or "". */
  readonly proto: string
  /** The authority that was asked for, or "". */
  readonly host: string
}

const UNKNOWN = 'unknown'
/** An address with port, or one in brackets. */
const WITH_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/
const OBFUSCATED = /^_[A-Za-z0-9._-]+(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?$/

/** A node (RFC 7239 §6) in the form of X-Forwarded-For; "unknown" for what is none. */
export function nodeOf(text: string): string {
  if (isIP(text) !== 0) return text.includes('%') ? UNKNOWN : text
  const parts = WITH_PORT.exec(text)
  if (parts !== null) {
    const [, address6, address4, port] = parts
    if (address6 === undefined ? !isIPv4(address4 as string) : !isIPv6(address6)) return UNKNOWN
    return address6 !== undefined && port === undefined ? address6 : text
  }
  return OBFUSCATED.test(text) ? text : UNKNOWN
}

/** The same node as the value of a parameter of Forwarded: in quotes where it is no token (RFC 7239 §4, §6). */
function quotedNode(node: string): string {
  if (isIPv6(node)) return `"[${node}]"`
  return node.includes(':') ? `"${node}"` : node
}

/** The elements of a comma-separated list without the empty ones (RFC 9110 §5.6.1). */
export function listOf(value: string): string[] {
  return value
    .split(',')
    .map((element) => element.trim())
    .filter((element) => element !== '')
}

export function isProto(text: string): boolean {
  return text === 'http' || text === 'https'
}

export function isPortNumber(text: string): boolean {
  return /^[0-9]{1,5}$/.test(text) && Number(text) > 0 && Number(text) <= 65535
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
/** A parameter, its value a token or in quotes, and what stands behind it. White space only around separators. */
const PARAMETER = new RegExp(
  `[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*)"))?[ \\t]*([,;]|$)`,
  'y',
)

/** The hops of a Forwarded field, first to last, `authority` telling what a host may be; null when it is malformed. */
export function parseForwarded(value: string, authority: (text: string) => boolean): Hop[] | null {
  const hops: Hop[] = []
  let [from, proto, host, parameters] = ['', '', '', 0]
  PARAMETER.lastIndex = 0
  for (;;) {
    const found = PARAMETER.exec(value)
    if (found === null) return null
    const [, name, token, quoted, separator] = found
    if (name !== undefined) {
      parameters++
      const text = token ?? (quoted as string).replace(/\\(.)/g, '$1')
      const parameter = name.toLowerCase()
      // Of a parameter given twice (RFC 7239 §4 forbids it) nobody knows which one counts.
      if (parameter === 'for') from = from === '' ? nodeOf(text) : UNKNOWN
      else if (parameter === 'proto') proto = isProto(text.toLowerCase()) ? text.toLowerCase() : ''
      else if (parameter === 'host') host = authority(text) ? text : ''
    }
    if (separator === ';') continue
    // An empty list element is none.
    if (parameters > 0) hops.push({ from: from === '' ? UNKNOWN : from, proto, host })
    if (separator === '') return hops
    ;[from, proto, host, parameters] = ['', '', '', 0]
  }
}

/** One element of Forwarded. */
export function formatHop({ from, proto, host }: Hop): string {
  let text = `for=${quotedNode(from)}`
  if (host !== '') text += `;host="${host}"`
  if (proto !== '') text += `;proto=${proto}`
  return text
}
