import { Fields } from '../message/fields.ts'
import { Head } from '../message/head.ts'
import { type Reason, reasons } from '../message/reason.ts'
import type { MessageSink } from '../message/stream.ts'

/** Names the reason of a reply that this sidecar made itself. */
export const REASON_FIELD = 'x-pillion-reason'

const NO_EXTRA: Record<string, string> = Object.freeze({})

/**
 * Tells another sidecar that no application has processed anything of the request, so that it may be sent elsewhere,
 * whatever its method. Never passed on to callers.
 */
export const UNPROCESSED_FIELD = 'x-pillion-unprocessed'

/**
 * Answers a request with what went wrong: gRPC callers get a trailers-only response with a status (gRPC over HTTP/2,
 * "Responses"), others an HTTP status and a sentence. `extra` are further fields, names in lower case.
 */
export function replyLocally(
  to: MessageSink,
  request: Head,
  reason: Reason,
  extra: Record<string, string> = NO_EXTRA,
): void {
  if (request.grpc) {
    to.head(grpcReply(reason, extra), null, true)
    return
  }
  const body = Buffer.from(`${reason}\n`)
  const fields = Fields.of({
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(body.length),
    [REASON_FIELD]: reason.code,
    ...extra,
  })
  const head = Head.response(reason.status, fields)
  // The response to HEAD has the fields and no body (RFC 9110 §9.3.2).
  if (request.method === 'HEAD') {
    to.head(head, null, true)
    return
  }
  to.head(head, null, false)
  to.data(body, 0, body.length, true)
}

/**
 * Ends a gRPC response that has begun and will not be completed, with the status that the reason stands for; only where
 * the endpoint itself reset the call its code is passed on, which says as much (gRPC over HTTP/2, "Errors").
 */
export function endWithStatus(to: MessageSink, reason: Reason): void {
  if (reason.is(reasons.upstreamReset)) to.reset(reason)
  else to.trailers(Fields.of(grpcStatusFields(reason)))
}

/**
 * Tells a caller after how many milliseconds (above 0) to come again, in the form it knows: whole seconds, at least one, in
 * Retry-After (RFC 9110 §10.2.3), milliseconds for gRPC (gRPC proposal A6, "Pushback").
 */
export function retryFields(request: Head, ms: number): Record<string, string> {
  return request.grpc
    ? { 'grpc-retry-pushback-ms': String(Math.ceil(ms)) }
    : { 'retry-after': String(Math.ceil(ms / 1000)) }
}

function grpcReply(reason: Reason, extra: Record<string, string>): Head {
  const fields = { 'content-type': 'application/grpc', ...grpcStatusFields(reason), ...extra }
  return Head.response(200, Fields.of(fields))
}

function grpcStatusFields(reason: Reason): Record<string, string> {
  return {
    'grpc-status': String(reason.grpcStatus),
    'grpc-message': encodeGrpcMessage(String(reason)),
    [REASON_FIELD]: reason.code,
  }
}

/** Percent-encodes what is not printable ASCII, and "%" (gRPC over HTTP/2, "Status-Message"). */
export function encodeGrpcMessage(text: string): string {
  let out = ''
  for (const byte of Buffer.from(text)) {
    if (byte >= 0x20 && byte <= 0x7e && byte !== 0x25) out += String.fromCharCode(byte)
    else out += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}
