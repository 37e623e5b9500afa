import { hyphenated } from './field-name.ts'

/** Fields that frame, route, authenticate or condition a message and so mean nothing behind it (RFC 9110 §6.5.1). */
const NOT_IN_TRAILERS = new Set(
  (
    'host content-length transfer-encoding connection keep-alive proxy-connection upgrade http2-settings te expect ' +
    'content-type content-encoding content-range trailer authorization proxy-authorization proxy-authenticate ' +
    'www-authenticate cookie set-cookie cache-control max-forwards range age expires date location retry-after vary ' +
    'forwarded via origin x-real-ip x-request-id'
  ).split(' '),
)

/** Whether a trailer section may carry the field `name` (lower case). */
export function allowedInTrailers(name: string): boolean {
  const plain = hyphenated(name)
  return (
    !NOT_IN_TRAILERS.has(plain) &&
    !plain.startsWith('x-forwarded-') &&
    !plain.startsWith('if-') &&
    !plain.startsWith('x-pillion-')
  )
}
