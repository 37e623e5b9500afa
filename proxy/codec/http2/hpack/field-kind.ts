/** What the HTTP/2 layer must know of a field by its name. Small integers: they are compared per field. */
export const REGULAR = 0
export const METHOD = 1
export const SCHEME = 2
export const AUTHORITY = 3
export const PATH = 4
export const STATUS = 5
export const PROTOCOL = 6
/** Kinds from 1 up to this one are pseudo-fields. */
export const LAST_PSEUDO = PROTOCOL
export const CONTENT_LENGTH = 7
export const CONTENT_TYPE = 8
export const TE = 9
export const HOST = 10
/** Connection-specific fields, malformed in HTTP/2 (RFC 9113 §8.2.2). */
export const CONNECTION_SPECIFIC = 11
/** A name with an upper-case letter or a byte that no token has, or an unknown pseudo-field. */
export const INVALID = 12
export const COOKIE = 13

const KNOWN = new Map<string, number>([
  [':method', METHOD],
  [':scheme', SCHEME],
  [':authority', AUTHORITY],
  [':path', PATH],
  [':status', STATUS],
  [':protocol', PROTOCOL],
  ['content-length', CONTENT_LENGTH],
  ['content-type', CONTENT_TYPE],
  ['te', TE],
  ['host', HOST],
  ['cookie', COOKIE],
  ['connection', CONNECTION_SPECIFIC],
  ['keep-alive', CONNECTION_SPECIFIC],
  ['proxy-connection', CONNECTION_SPECIFIC],
  ['transfer-encoding', CONNECTION_SPECIFIC],
  ['upgrade', CONNECTION_SPECIFIC],
])

// Token characters without upper case (RFC 9110 §5.6.2, RFC 9113 §8.2.1).
const NAME_BYTES = new Uint8Array(256)
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") NAME_BYTES[char.charCodeAt(0)] = 1

/** Classifies a field name; done once per table entry and once per literal name. */
export function fieldKind(name: string): number {
  const known = KNOWN.get(name)
  if (known !== undefined) return known
  if (name.length === 0) return INVALID
  for (let i = 0; i < name.length; i++) {
    if (NAME_BYTES[name.charCodeAt(i)] !== 1) return INVALID
  }
  return REGULAR
}

/** True when a field value has no NUL, CR, LF and no white space at either end (RFC 9113 §8.2.1). */
export function isFieldValue(value: string): boolean {
  const n = value.length
  if (n === 0) return true
  const first = value.charCodeAt(0)
  const last = value.charCodeAt(n - 1)
  if (first === 0x20 || first === 0x09 || last === 0x20 || last === 0x09) return false
  for (let i = 0; i < n; i++) {
    const c = value.charCodeAt(i)
    // RFC 9110 §5.5: other control characters are invalid too.
    if ((c < 0x20 && c !== 0x09) || c === 0x7f) return false
  }
  return true
}
