import { Fields, NO_FIELDS } from './fields.ts'

/** `Head.tunnel` of CONNECT: no upgrade token is spelled like this, since those are lower case here. */
export const TUNNEL_CONNECT = 'CONNECT'

/**
 * The head of a request or a response, the same whichever codec read it. Immutable: codecs intern heads, so one
 * object may stand for many requests whose bytes were equal. What is computed from a head alone is kept on it
 * (`memo`...), tagged with what it was computed for, and is thrown away when the tag no longer matches.
 *
 * `fields` never holds pseudo-fields, `host`, `connection`, `transfer-encoding` or other hop-by-hop fields: codecs
 * strip them when reading and write their own. `content-length` stays in `fields` and is also parsed.
 */
export class Head {
  /** Request method, "" in a response. */
  readonly method: string
  /** "http" or "https", "" in a response. */
  readonly scheme: string
  /** `:authority` or Host, "" when the caller sent none. */
  readonly authority: string
  /** Path with query, "" in a response and for CONNECT. */
  readonly path: string
  /** Status code 100-599, 0 in a request. */
  readonly status: number
  readonly fields: Fields
  /** Declared body length in bytes, -1 when none is declared. */
  readonly contentLength: number
  /** True when content-type is application/grpc or one of its +suffixes. */
  readonly grpc: boolean
  /**
   * What the request wants the connection turned into once it is accepted, "" for an ordinary request: TUNNEL_CONNECT for
   * CONNECT (RFC 9110 §9.3.6), otherwise a lower-case upgrade token such as "websocket", whether it came by Upgrade
   * (RFC 9110 §7.8; the method is GET) or by extended CONNECT (RFC 8441; the method stands here as GET too, so that rules
   * mean the same for both). In a response the same value says that the tunnel is open; its status is 200.
   */
  readonly tunnel: string

  /** What was decided for requests with this head, valid while `memoFor` is who asks. */
  memo: unknown
  memoFor: unknown
  /** The serialised HTTP/1 form, valid while `memoHttp1For` (an integer shape made by the codec) matches. */
  memoHttp1: Buffer | null
  memoHttp1For: number

  constructor(
    method: string,
    scheme: string,
    authority: string,
    path: string,
    status: number,
    fields: Fields,
    contentLength: number,
    grpc: boolean,
    tunnel = '',
  ) {
    this.method = method
    this.scheme = scheme
    this.authority = authority
    this.path = path
    this.status = status
    this.fields = fields
    this.contentLength = contentLength
    this.grpc = grpc
    this.tunnel = tunnel
    this.memo = null
    this.memoFor = null
    this.memoHttp1 = null
    this.memoHttp1For = -1
  }

  static request(
    method: string,
    scheme: string,
    authority: string,
    path: string,
    fields: Fields = NO_FIELDS,
  ): Head {
    return new Head(
      method,
      scheme,
      authority,
      path,
      0,
      fields,
      parseContentLength(fields.get('content-length')),
      isGrpcContentType(fields.get('content-type')),
    )
  }

  /** The same request for another path. */
  withPath(path: string): Head {
    return new Head(
      this.method,
      this.scheme,
      this.authority,
      path,
      this.status,
      this.fields,
      this.contentLength,
      this.grpc,
      this.tunnel,
    )
  }

  /** A request for a tunnel; `kind` as in `tunnel`. CONNECT has neither scheme nor path. */
  static tunnel(
    kind: string,
    scheme: string,
    authority: string,
    path: string,
    fields: Fields = NO_FIELDS,
  ): Head {
    const method = kind === TUNNEL_CONNECT ? 'CONNECT' : 'GET'
    return new Head(method, scheme, authority, path, 0, fields, -1, false, kind)
  }

  static response(status: number, fields: Fields = NO_FIELDS): Head {
    return new Head(
      '',
      '',
      '',
      '',
      status,
      fields,
      parseContentLength(fields.get('content-length')),
      isGrpcContentType(fields.get('content-type')),
    )
  }
}

/** The response that opens a tunnel, made of the one that accepted it. */
export function tunnelHead(response: Head, tunnel: string): Head {
  const names: string[] = []
  const values: string[] = []
  for (let i = 0; i < response.fields.length; i++) {
    const name = response.fields.names[i] as string
    // A length means nothing here (RFC 9110 §9.3.6); the answer to a key is each hop's own (RFC 6455 §4.2.2).
    if (name === 'content-length' || name === 'sec-websocket-accept') continue
    names.push(name)
    values.push(response.fields.values[i] as string)
  }
  const { sensitive } = response.fields
  return new Head('', '', '', '', 200, new Fields(names, values, sensitive), -1, false, tunnel)
}

/** True for application/grpc, application/grpc+proto, application/grpc;..., not for application/grpc-web. */
export function isGrpcContentType(value: string | null): boolean {
  if (value === null || !value.startsWith('application/grpc')) return false
  if (value.length === 16) return true
  const next = value.charCodeAt(16)
  return next === 0x2b || next === 0x3b || next === 0x20
}

/** Parses 1*DIGIT up to 2^53-1 (RFC 9110 §8.6). Returns -1 for null, -2 for anything malformed. */
export function parseContentLength(value: string | null): number {
  if (value === null) return -1
  const n = value.length
  if (n === 0 || n > 16) return -2
  let length = 0
  for (let i = 0; i < n; i++) {
    const digit = value.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -2
    length = length * 10 + digit
  }
  return length <= Number.MAX_SAFE_INTEGER ? length : -2
}

/** A request's path without its query. */
export function pathOf(path: string): string {
  const query = path.indexOf('?')
  return query < 0 ? path : path.slice(0, query)
}
