import { isIPv4 } from 'node:net'

/** Whether `host` (a name or an IP address without brackets) is this machine talking to itself. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase()
  if (name === 'localhost' || name === '::1' || name === '::ffff:127.0.0.1') return true
  return isIPv4(name) && name.startsWith('127.')
}

/**
 * Whether a Host field (RFC 9110 §7.2) names the loopback. A web page can have its own name resolve to 127.0.0.1
 * (DNS rebinding) and then read what listens there, but the browser still sends the page's name. Callers without a
 * Host field (HTTP/1.0) are no browsers.
 */
export function namesLoopback(field: string | undefined): boolean {
  if (field === undefined) return true
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d*)?$/i.exec(field)
  if (match === null) return false
  return isLoopback((match[1] ?? match[2])!)
}
