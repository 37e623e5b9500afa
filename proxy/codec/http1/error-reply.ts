import type { Reason } from '../../message/reason.ts'
import type { Transport } from '../transport.ts'
import { STATUS_PHRASES } from './status-phrases.ts'

/**
 * Writes the reply to input that no exchange was made of: a short text, then the connection closes. `bodiless`: it answers
 * HEAD, so that the text is only counted (RFC 9110 §9.3.2).
 */
export function writeErrorReply(
  transport: Transport,
  reason: Reason,
  serverName: string,
  bodiless: boolean,
): void {
  const body = `${printable(reason.toString())}\n`
  const server = serverName === '' ? '' : `server: ${serverName}\r\n`
  const text =
    `HTTP/1.1 ${reason.status} ${STATUS_PHRASES[reason.status] ?? ''}\r\n` +
    `content-type: text/plain\r\ncontent-length: ${body.length}\r\nx-pillion-reason: ${reason.code}\r\n` +
    `${server}connection: close\r\n\r\n${bodiless ? '' : body}`
  const at = transport.reserve(text.length)
  transport.buffer.latin1Write(text, at, text.length)
  transport.length = at + text.length
}

/** Details quote input: what is no printable ASCII becomes "?". */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?')
}
