import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { PatternCheck } from './pattern.ts'

/** A request as both upstreams hand it to a behaviour. */
export type PeerRequest = IncomingMessage | Http2ServerRequest
export type PeerResponse = ServerResponse | Http2ServerResponse

/** What an upstream saw of one request. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  /** `:authority` or Host. */
  readonly authority: string
  readonly httpVersion: string
  /** Header fields in order, names as received, without pseudo-fields. */
  readonly fields: [string, string][]
  /** Counts the body as far as it was read. */
  readonly body: PatternCheck
  /** Trailers, once the body was read to its end. */
  trailers: Record<string, string>
  state: 'active' | 'finished' | 'aborted'
}

export function fieldsOf(request: PeerRequest): [string, string][] {
  const out: [string, string][] = []
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] as string
    if (!name.startsWith(':')) out.push([name, request.rawHeaders[i + 1] as string])
  }
  return out
}

export function authorityOf(request: PeerRequest): string {
  return 'stream' in request
    ? request.authority || (request.headers.host ?? '')
    : (request.headers.host ?? '')
}

/** Closes the connection (HTTP/1.1) or resets the stream with INTERNAL_ERROR (HTTP/2) in the middle of things. */
export function cutOff(request: PeerRequest): void {
  if ('stream' in request) request.stream.close(2)
  else request.socket.resetAndDestroy()
}
