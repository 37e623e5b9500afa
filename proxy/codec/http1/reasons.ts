import { Reason } from '../../message/reason.ts'

/**
 * The endpoint closed a kept-alive connection just when it was used again, before a byte of the response: the
 * keep-alive race (RFC 9112 §9.3.1). A request with an idempotent method may be sent again.
 */
export const REUSED_CONNECTION_CLOSED = new Reason(
  'upstream-closed-reused',
  'upstream',
  503,
  14,
  2,
  false,
  'the endpoint closed the idle connection just when it was used again',
)

/** The request asks for HTTP/2.0 or something else that is not HTTP/1.1 or HTTP/1.0 (RFC 9110 §15.6.6). */
export const VERSION_NOT_SUPPORTED = new Reason(
  'version-not-supported',
  'downstream',
  505,
  12,
  1,
  true,
  'only HTTP/1.1 and HTTP/1.0 are spoken here',
)
