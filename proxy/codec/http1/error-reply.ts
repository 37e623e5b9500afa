import type { Head } from '../../message/head.ts'
import type { Reason } from '../../message/reason.ts'
import type { Transport } from '../transport.ts'
import { STATUS_PHRASES } from './status-phrases.ts'

/**
 * Writes the reply to input that no exchange was made of (`request` is null), or whose exchange is given up: a short
 * text, for gRPC a status. The connection closes behind it. What answers HEAD has its text
 * counted only (RFC 9110 §9.3.2).
 */
export function writeErrorReply(
  transport: Transport,
  reason: Reason,
  serverName: string,
  request: Head | null,
): void {
  const grpc = request?.grpc === true
  const sentence = printable(reason.toString())
  const body = grpc ? '' : `${sentence}\n`
  // gRPC over HTTP/2, "Responses": the HTTP status is 200 whatever happened, and "%" starts an escape.
  const start = grpc
    ? `200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: ${reason.grpcStatus}\r\n` +
      `grpc-message: ${sentence.replaceAll('%', '%25')}`
    : `${reason.status} ${STATUS_PHRASES[reason.status] ?? ''}\r\ncontent-type: text/plain`
  const server = serverName === '' ? '' : `server: ${serverName}\r\n`
  const text =
    `HTTP/1.1 ${start}\r\ncontent-length: ${body.length}\r\nx-pillion-reason: ${reason.code}\r\n` +
    `${server}connection: close\r\n\r\n${request?.method === 'HEAD' ? '' : body}`
  const at = transport.reserve(text.length)
  transport.buffer.latin1Write(text, at, text.length)
  transport.length = at + text.length
}

/** Details quote input: what is no printable ASCII becomes "?". */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?')
}
