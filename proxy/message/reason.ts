/** Whose doing an ended exchange, stream or session was. */
export type Fault = 'downstream' | 'upstream' | 'internal' | 'policy'

/**
 * Why something ended before its time. Errors are data: codecs, pools and policies hand one of these on, and each edge
 * turns it into a reply, a RST_STREAM or a closed socket.
 */
export class Reason {
  /** Stable name, in logs, metrics and the `x-pillion-reason` field of local replies. */
  readonly code: string
  readonly fault: Fault
  /** HTTP status of a local reply. */
  readonly status: number
  /** gRPC status of a local reply to a gRPC caller. */
  readonly grpcStatus: number
  /** HTTP/2 error code of a RST_STREAM sent for it (RFC 9113 §7). */
  readonly http2: number
  /** True when the peer certainly processed nothing of the request, so that it is always safe to send again. */
  readonly unprocessed: boolean
  /** One sentence for people. */
  readonly sentence: string
  /** What happened in this case (an errno, an address), "" when the sentence says it all. */
  readonly detail: string

  constructor(
    code: string,
    fault: Fault,
    status: number,
    grpcStatus: number,
    http2: number,
    unprocessed: boolean,
    sentence: string,
    detail = '',
  ) {
    this.code = code
    this.fault = fault
    this.status = status
    this.grpcStatus = grpcStatus
    this.http2 = http2
    this.unprocessed = unprocessed
    this.sentence = sentence
    this.detail = detail
  }

  /** The same reason with what happened in this case. */
  with(detail: string): Reason {
    return this.#variant(this.http2, this.unprocessed, detail)
  }

  /** The same reason with the HTTP/2 error code that it came with. */
  withHttp2(code: number, detail: string): Reason {
    return this.#variant(code, this.unprocessed, detail)
  }

  /** The same reason, known to have happened before the peer processed anything. */
  asUnprocessed(): Reason {
    return this.unprocessed ? this : this.#variant(this.http2, true, this.detail)
  }

  #variant(http2: number, unprocessed: boolean, detail: string): Reason {
    const { code, fault, status, grpcStatus, sentence } = this
    return new Reason(code, fault, status, grpcStatus, http2, unprocessed, sentence, detail)
  }

  /** True when both are the same kind of reason, whatever their detail. */
  is(other: Reason): boolean {
    return this.code === other.code
  }

  toString(): string {
    return this.detail === '' ? this.sentence : `${this.sentence}: ${this.detail}`
  }
}

// HTTP/2 error codes used below (RFC 9113 §7).
const NO_ERROR = 0
const PROTOCOL_ERROR = 1
const INTERNAL_ERROR = 2
const REFUSED_STREAM = 7
const CANCEL = 8
const ENHANCE_YOUR_CALM = 11

const downstream: Fault = 'downstream'
const upstream: Fault = 'upstream'
const internal: Fault = 'internal'
const policy: Fault = 'policy'

/** Every reason there is; docs/reasons.md lists them and a test holds the two together. */
export const reasons = {
  noRoute: new Reason(
    'no-route',
    policy,
    404,
    12,
    NO_ERROR,
    true,
    'no route of this listener matches the request',
  ),
  misdirectedRequest: new Reason(
    'misdirected-request',
    policy,
    421,
    12,
    NO_ERROR,
    true,
    'the request is for a host that this listener does not answer for',
  ),
  loopDetected: new Reason(
    'loop-detected',
    policy,
    508,
    13,
    NO_ERROR,
    true,
    'the request goes round in circles',
  ),
  noHealthyUpstream: new Reason(
    'no-healthy-upstream',
    upstream,
    503,
    14,
    REFUSED_STREAM,
    true,
    'no endpoint of the upstream is healthy',
  ),
  overflow: new Reason(
    'overflow',
    policy,
    503,
    14,
    REFUSED_STREAM,
    true,
    'a limit of the upstream is reached',
  ),
  rateLimited: new Reason(
    'rate-limited',
    policy,
    429,
    8,
    REFUSED_STREAM,
    true,
    'more requests than a rate limit allows',
  ),
  overloaded: new Reason(
    'overloaded',
    policy,
    503,
    14,
    REFUSED_STREAM,
    true,
    'as many requests wait for responses as can be answered without delay',
  ),
  denied: new Reason(
    'denied',
    policy,
    403,
    7,
    REFUSED_STREAM,
    true,
    'the caller is not allowed to make this request',
  ),
  tunnelDenied: new Reason(
    'tunnel-denied',
    policy,
    403,
    7,
    REFUSED_STREAM,
    true,
    'the route opens no tunnel of this kind',
  ),
  tunnelUnsupported: new Reason(
    'tunnel-unsupported',
    upstream,
    502,
    14,
    REFUSED_STREAM,
    true,
    'the endpoint takes no tunnel of this kind over HTTP/2 (RFC 8441)',
  ),
  connectFailure: new Reason(
    'connect-failure',
    upstream,
    503,
    14,
    REFUSED_STREAM,
    true,
    'the endpoint could not be connected to',
  ),
  connectTimeout: new Reason(
    'connect-timeout',
    upstream,
    503,
    14,
    REFUSED_STREAM,
    true,
    'connecting to the endpoint took too long',
  ),
  peerIdentity: new Reason(
    'peer-identity',
    upstream,
    503,
    14,
    REFUSED_STREAM,
    true,
    'the endpoint did not prove the expected identity',
  ),
  refusedStream: new Reason(
    'refused-stream',
    upstream,
    503,
    14,
    REFUSED_STREAM,
    true,
    'the endpoint refused the stream before processing it',
  ),
  goaway: new Reason(
    'goaway',
    upstream,
    503,
    14,
    REFUSED_STREAM,
    true,
    'the endpoint is going away and did not process the request',
  ),
  upstreamReset: new Reason(
    'upstream-reset',
    upstream,
    503,
    14,
    INTERNAL_ERROR,
    false,
    'the endpoint reset the request',
  ),
  upstreamClosed: new Reason(
    'upstream-closed',
    upstream,
    503,
    14,
    INTERNAL_ERROR,
    false,
    'the endpoint closed the connection before its response was complete',
  ),
  upstreamProtocol: new Reason(
    'upstream-protocol',
    upstream,
    502,
    14,
    INTERNAL_ERROR,
    false,
    'the endpoint broke the protocol',
  ),
  timeout: new Reason(
    'timeout',
    upstream,
    504,
    4,
    CANCEL,
    false,
    'the response took longer than the time allowed',
  ),
  deadlineExceeded: new Reason(
    'deadline-exceeded',
    upstream,
    504,
    4,
    CANCEL,
    false,
    'the request was not complete within the time that its caller or the route allows',
  ),
  downstreamReset: new Reason(
    'downstream-reset',
    downstream,
    499,
    1,
    CANCEL,
    false,
    'the caller cancelled the request',
  ),
  downstreamClosed: new Reason(
    'downstream-closed',
    downstream,
    499,
    1,
    CANCEL,
    false,
    'the caller closed the connection',
  ),
  badRequest: new Reason(
    'bad-request',
    downstream,
    400,
    13,
    PROTOCOL_ERROR,
    true,
    'the request is malformed',
  ),
  notImplemented: new Reason(
    'not-implemented',
    downstream,
    501,
    12,
    PROTOCOL_ERROR,
    true,
    'the request asks for something this proxy does not do',
  ),
  expectationFailed: new Reason(
    'expectation-failed',
    downstream,
    417,
    13,
    PROTOCOL_ERROR,
    true,
    'the only expectation known is 100-continue',
  ),
  uriTooLong: new Reason(
    'uri-too-long',
    downstream,
    414,
    13,
    PROTOCOL_ERROR,
    true,
    'the request target is too long',
  ),
  bodyTooLarge: new Reason(
    'body-too-large',
    downstream,
    413,
    8,
    CANCEL,
    false,
    'the body of the request is too large',
  ),
  headTooLarge: new Reason(
    'head-too-large',
    downstream,
    431,
    13,
    ENHANCE_YOUR_CALM,
    true,
    'the fields of the head are too many or too large',
  ),
  requestTimeout: new Reason(
    'request-timeout',
    downstream,
    408,
    4,
    CANCEL,
    true,
    'the request did not arrive in time',
  ),
  writeTimeout: new Reason(
    'write-timeout',
    downstream,
    499,
    1,
    CANCEL,
    false,
    'the caller did not take the response in time',
  ),
  idleTimeout: new Reason(
    'idle-timeout',
    downstream,
    408,
    4,
    NO_ERROR,
    true,
    'the connection was idle for too long',
  ),
  tooManyStreams: new Reason(
    'too-many-streams',
    downstream,
    503,
    14,
    REFUSED_STREAM,
    true,
    'more streams than this connection allows',
  ),
  flood: new Reason(
    'flood',
    downstream,
    429,
    8,
    ENHANCE_YOUR_CALM,
    true,
    'the connection spends its time on frames that carry nothing',
  ),
  draining: new Reason('draining', internal, 503, 14, REFUSED_STREAM, true, 'this sidecar is shutting down'),
  internalError: new Reason(
    'internal-error',
    internal,
    500,
    13,
    INTERNAL_ERROR,
    false,
    'this sidecar failed',
  ),
} as const
