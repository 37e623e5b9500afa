/**
 * SPIFFE IDs (SPIFFE-ID, sections 2.1 to 2.3): `spiffe://trust-domain/path`.
 *
 * An ID is compared byte by byte and nothing is normalised on the way: upper case in the trust domain, percent
 * encoding, empty and dot segments are refused, so that one workload has exactly one spelling.
 */

/** Longest SPIFFE ID, in bytes (SPIFFE-ID, section 2.3). */
export const MAX_SPIFFE_ID_BYTES = 2048
/** Longest trust domain name, in bytes (SPIFFE-ID, section 2.3; RFC 3986, section 3.2.2). */
export const MAX_TRUST_DOMAIN_BYTES = 255

const SCHEME = 'spiffe://'
const TRUST_DOMAIN = /^[a-z0-9._-]+$/
const SEGMENT = /^[A-Za-z0-9._-]+$/
/** How much of a refused text an error message repeats. */
const SHOWN = 200

/** A text is not a SPIFFE ID, a trust domain name or a principal pattern; the message says why. */
export class SpiffeIdError extends Error {
  override readonly name = 'SpiffeIdError'
}

/** A valid SPIFFE ID; made by {@link parseSpiffeId} or {@link serviceId} only. */
export class SpiffeId {
  /** Trust domain name, without scheme: `mesh.local`. */
  readonly trustDomain: string
  /** Path with its leading slash: `/ns/default/sa/web`; empty for the trust domain itself. */
  readonly path: string
  readonly #text: string

  constructor(trustDomain: string, path: string) {
    checkTrustDomain(trustDomain)
    checkPath(path)
    this.trustDomain = trustDomain
    this.path = path
    this.#text = `${SCHEME}${trustDomain}${path}`
    if (this.#text.length > MAX_SPIFFE_ID_BYTES) {
      throw new SpiffeIdError(
        `SPIFFE ID of ${this.#text.length} bytes: at most ${MAX_SPIFFE_ID_BYTES} are allowed`,
      )
    }
  }

  /** The last segment of the path (`web`), or the trust domain where there is no path. */
  get lastSegment(): string {
    return this.path === '' ? this.trustDomain : this.path.slice(this.path.lastIndexOf('/') + 1)
  }

  equals(other: SpiffeId): boolean {
    return this.#text === other.#text
  }

  toString(): string {
    return this.#text
  }

  toJSON(): string {
    return this.#text
  }
}

/**
 * Reads a SPIFFE ID.
 * @throws {SpiffeIdError} when the text is not a valid one.
 */
export function parseSpiffeId(text: string): SpiffeId {
  if (!text.startsWith(SCHEME)) {
    throw new SpiffeIdError(`${quote(text)} is not a SPIFFE ID: it must start with "${SCHEME}" in lower case`)
  }
  const slash = text.indexOf('/', SCHEME.length)
  const trustDomain = slash < 0 ? text.slice(SCHEME.length) : text.slice(SCHEME.length, slash)
  const path = slash < 0 ? '' : text.slice(slash)
  try {
    return new SpiffeId(trustDomain, path)
  } catch (error) {
    if (!(error instanceof SpiffeIdError)) throw error
    throw new SpiffeIdError(`${quote(text)} is not a SPIFFE ID: ${error.message}`)
  }
}

/**
 * The ID of a service by the mesh's convention: `spiffe://<trustDomain>/ns/<namespace>/sa/<service>`.
 * @throws {SpiffeIdError} when one of the names has a character that an ID cannot hold.
 */
export function serviceId(trustDomain: string, namespace: string, service: string): SpiffeId {
  checkSegment(namespace, 'namespace')
  checkSegment(service, 'service')
  return new SpiffeId(trustDomain, `/ns/${namespace}/sa/${service}`)
}

/**
 * Checks a trust domain name: 1 to 255 of `a-z 0-9 . _ -` (SPIFFE-ID, section 2.1).
 * @throws {SpiffeIdError} saying which rule is broken.
 */
export function checkTrustDomain(name: string): void {
  if (name === '') throw new SpiffeIdError('the trust domain is empty')
  if (name.includes('://')) {
    throw new SpiffeIdError(`the trust domain ${quote(name)} must be the bare name, such as "mesh.local"`)
  }
  if (name.includes('@')) throw new SpiffeIdError('user information ("user@") is not allowed')
  if (name.includes(':')) throw new SpiffeIdError(`a port is not allowed in the trust domain ${quote(name)}`)
  if (/[?#]/.test(name)) throw new SpiffeIdError('a query ("?") or fragment ("#") is not allowed')
  if (name.length > MAX_TRUST_DOMAIN_BYTES) {
    throw new SpiffeIdError(
      `the trust domain has ${name.length} bytes: at most ${MAX_TRUST_DOMAIN_BYTES} are allowed`,
    )
  }
  if (!TRUST_DOMAIN.test(name)) {
    const hint = TRUST_DOMAIN.test(name.toLowerCase())
      ? `write ${quote(name.toLowerCase())}`
      : 'use a-z 0-9 . _ -'
    throw new SpiffeIdError(`the trust domain ${quote(name)} has a character that is not allowed: ${hint}`)
  }
}

function checkPath(path: string): void {
  if (path === '') return
  if (/[?#]/.test(path)) throw new SpiffeIdError('a query ("?") or fragment ("#") is not allowed')
  if (path.endsWith('/')) throw new SpiffeIdError('the path must not end with "/"')
  for (const segment of path.slice(1).split('/')) checkSegment(segment, 'path segment')
}

function checkSegment(segment: string, what: string): void {
  if (segment === '') throw new SpiffeIdError(`the ${what} is empty`)
  if (segment === '.' || segment === '..') throw new SpiffeIdError(`the ${what} "${segment}" is not allowed`)
  if (!SEGMENT.test(segment)) {
    throw new SpiffeIdError(
      `the ${what} ${quote(segment)} has a character that is not allowed: use A-Z a-z 0-9 . _ -`,
    )
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text)
}
