import { TOKEN_LOWER } from './octets.ts'

/** What a field means to the codec itself. */
export const PLAIN = 0
export const HOST = 1
export const CONTENT_LENGTH = 2
export const TRANSFER_ENCODING = 3
export const CONNECTION = 4
/** Hop-by-hop and of no use here: dropped (RFC 9110 §7.6.1). */
export const HOP_BY_HOP = 5
export const TE = 6
export const EXPECT = 7
export const CONTENT_TYPE = 8
export const UPGRADE = 9

const ROLES: Record<string, number> = {
  host: HOST,
  'content-length': CONTENT_LENGTH,
  'transfer-encoding': TRANSFER_ENCODING,
  connection: CONNECTION,
  'keep-alive': HOP_BY_HOP,
  'proxy-connection': HOP_BY_HOP,
  upgrade: UPGRADE,
  'http2-settings': HOP_BY_HOP,
  te: TE,
  expect: EXPECT,
  'content-type': CONTENT_TYPE,
}

const COMMON =
  'accept accept-charset accept-encoding accept-language accept-ranges access-control-allow-credentials ' +
  'access-control-allow-headers access-control-allow-methods access-control-allow-origin ' +
  'access-control-expose-headers access-control-max-age access-control-request-headers ' +
  'access-control-request-method age allow authorization cache-control content-disposition content-encoding ' +
  'content-language content-location content-range cookie date dnt etag expires forwarded from ' +
  'grpc-accept-encoding grpc-encoding grpc-message grpc-status grpc-timeout if-match if-modified-since ' +
  'if-none-match if-range if-unmodified-since last-modified link location max-forwards origin pragma ' +
  'proxy-authenticate proxy-authorization range referer retry-after sec-ch-ua sec-fetch-dest sec-fetch-mode ' +
  'sec-fetch-site server set-cookie strict-transport-security traceparent tracestate trailer ' +
  'upgrade-insecure-requests user-agent vary via www-authenticate x-b3-parentspanid x-b3-sampled x-b3-spanid ' +
  'x-b3-traceid x-content-type-options x-forwarded-client-cert x-forwarded-for x-forwarded-host ' +
  'x-forwarded-proto x-frame-options x-powered-by x-real-ip x-request-id x-requested-with'

/** A field name met before: its one string and what it means. */
export class FieldName {
  readonly text: string
  readonly role: number
  readonly hash: number
  /** Next well-known name of the same bucket. */
  readonly next: FieldName | null

  constructor(text: string, role: number, hash: number, next: FieldName | null) {
    this.text = text
    this.role = role
    this.hash = hash
    this.next = next
  }
}

const BUCKETS = 1024
/** Longer names are not remembered. */
const REMEMBERED_LENGTH = 48
const known = new Array<FieldName | null>(BUCKETS).fill(null)
/** Other names as they come, the newest per bucket: bounded whatever callers send. */
const recent = new Array<FieldName | null>(BUCKETS).fill(null)

/** One step of the hash that the scanner computes over a name's lower-case octets, starting at 0. */
export function hashStep(hash: number, octet: number): number {
  return (Math.imul(hash, 31) + octet) | 0
}

for (const text of [...Object.keys(ROLES), ...COMMON.split(' ')]) {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = hashStep(hash, text.charCodeAt(i))
  const bucket = bucketOf(hash)
  known[bucket] = new FieldName(text, ROLES[text] ?? PLAIN, hash, known[bucket] as FieldName | null)
}

/** The name in octets `from` to `to` (all of them tchar) whose hash is `hash`. */
export function fieldName(octets: Buffer, from: number, to: number, hash: number): FieldName {
  const bucket = bucketOf(hash)
  let name = known[bucket] as FieldName | null
  while (name !== null) {
    if (name.hash === hash && equals(name.text, octets, from, to)) return name
    name = name.next
  }
  name = recent[bucket] as FieldName | null
  if (name !== null && name.hash === hash && equals(name.text, octets, from, to)) return name
  name = new FieldName(octets.toString('latin1', from, to).toLowerCase(), PLAIN, hash, null)
  if (to - from <= REMEMBERED_LENGTH) recent[bucket] = name
  return name
}

function bucketOf(hash: number): number {
  return (hash ^ (hash >>> 11)) & (BUCKETS - 1)
}

function equals(text: string, octets: Buffer, from: number, to: number): boolean {
  if (text.length !== to - from) return false
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== TOKEN_LOWER[octets[from + i] as number]) return false
  }
  return true
}
