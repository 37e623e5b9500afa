import { createHmac } from 'node:crypto'
import type { Endpoint } from '../balance/endpoint.ts'
import type { EndpointSet } from '../balance/endpoint-set.ts'
import { hasLabels, type Labels } from '../balance/labels.ts'
import { type CookieOptions, cookieValue } from '../message/cookie.ts'
import type { Head } from '../message/head.ts'

/** Bytes of a name; 96 bits do not meet by chance. */
const NAME_BYTES = 12

/**
 * Sticky sessions: a cookie names the endpoint that answered. A name is a keyed hash of upstream and address, so that it
 * tells nothing, and stays the same for all sidecars with the same key and across their restarts.
 */
export class StickySession {
  readonly cookie: CookieOptions
  readonly #set: EndpointSet
  readonly #labels: Labels | null
  readonly #upstream: string
  readonly #key: string | Buffer
  #members: readonly Endpoint[] = []
  #names = new Map<Endpoint, string>()
  #endpoints = new Map<string, Endpoint>()

  /** `labels`: only endpoints that have them are stuck to. An empty `key` hides addresses from those who do not guess. */
  constructor(
    cookie: CookieOptions,
    set: EndpointSet,
    upstream: string,
    key: string | Buffer,
    labels: Labels | null,
  ) {
    this.cookie = cookie
    this.#set = set
    this.#upstream = upstream
    this.#key = key
    this.#labels = labels
  }

  /** The endpoint that a request's cookie names, as long as it can be used; else null. */
  find(request: Head): Endpoint | null {
    const name = cookieValue(request.fields, this.cookie.name)
    if (name === null) return null
    this.#follow()
    const endpoint = this.#endpoints.get(name)
    if (endpoint === undefined || !endpoint.usable) return null
    return this.#labels === null || hasLabels(endpoint, this.#labels) ? endpoint : null
  }

  /** What to call `endpoint` in a cookie. */
  name(endpoint: Endpoint): string {
    this.#follow()
    return this.#names.get(endpoint) ?? this.#make(endpoint)
  }

  /** Linear in the members after a change of them; only who is new gets a new name. */
  #follow(): void {
    if (this.#members === this.#set.endpoints) return
    this.#members = this.#set.endpoints
    const old = this.#names
    this.#names = new Map()
    this.#endpoints = new Map()
    for (const endpoint of this.#members) {
      const name = old.get(endpoint) ?? this.#make(endpoint)
      this.#names.set(endpoint, name)
      this.#endpoints.set(name, endpoint)
    }
  }

  #make(endpoint: Endpoint): string {
    const hash = createHmac('sha256', this.#key).update(`${this.#upstream}\n${endpoint.address}`).digest()
    return hash.toString('base64url', 0, NAME_BYTES)
  }
}
