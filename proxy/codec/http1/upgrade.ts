import { createHash, randomBytes } from 'node:crypto'
import { section, trimOws } from './field-section.ts'
import { Upgrade } from './head-record.ts'

export const WEBSOCKET = 'websocket'
const KEY = 'sec-websocket-key'
const ACCEPT = 'sec-websocket-accept'
/** Appended to a key before it is hashed (RFC 6455 §1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/**
 * Upgrades of HTTP itself: a proxy speaks its own HTTP on each side, so that they are not passed on (RFC 9113 §3.1 gave
 * h2c up; smuggled through a proxy it hides requests from it).
 */
const OF_HTTP_ITSELF = new Set(['h2c', 'h2', 'http', 'tls'])

/**
 * The upgrade that the scanned request asks for: the first one listed that is not one of HTTP itself, null when there is
 * none. Takes the WebSocket key out of the section: it is between the two ends of this hop (RFC 6455 §4.1).
 */
export function requestedUpgrade(value: string): Upgrade | null {
  for (const part of value.split(',')) {
    const token = tokenOf(part)
    if (token === '' || OF_HTTP_ITSELF.has(token)) continue
    return new Upgrade(token, token === WEBSOCKET ? takeOut(KEY) : '')
  }
  return null
}

/** The upgrade that the scanned 101 response announces. */
export function announcedUpgrade(value: string): Upgrade {
  return new Upgrade(tokenOf(value), section.names.includes(ACCEPT) ? takeOut(ACCEPT) : '')
}

/** The protocol named, without its version; "" when it is no token. */
function tokenOf(part: string): string {
  const name = trimOws(part).toLowerCase().split('/', 1)[0] as string
  return /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) ? name : ''
}

/** Removes all fields of that name from the section: the value of the only one, "" when there is none or are several. */
function takeOut(name: string): string {
  let value = ''
  let count = 0
  for (let at = section.names.indexOf(name); at >= 0; at = section.names.indexOf(name)) {
    value = section.values[at] as string
    count++
    section.names.splice(at, 1)
    section.values.splice(at, 1)
  }
  return count === 1 ? value : ''
}

/** 16 bytes in Base64 (RFC 6455 §4.1). */
export function isWebSocketKey(key: string): boolean {
  return /^[A-Za-z0-9+/]{22}==$/.test(key)
}

/** A key for a handshake of our own. */
export function webSocketKey(): string {
  return randomBytes(16).toString('base64')
}

/** What answers `key` (RFC 6455 §4.2.2). */
export function webSocketAccept(key: string): string {
  return createHash('sha1').update(`${key}${GUID}`).digest('base64')
}
