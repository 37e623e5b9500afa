import { randomBytes } from 'node:crypto'
import type { Balancer } from '../balance/balancer.ts'
import type { Endpoint } from '../balance/endpoint.ts'
import { murmur3 } from '../base/murmur3.ts'
import { setCookie } from '../message/cookie.ts'
import { Fields } from '../message/fields.ts'
import { Head } from '../message/head.ts'
import type { HashKeys } from '../policy/hash-key.ts'
import type { Exchange } from './exchange.ts'
import type { Destination, RouteTarget } from './route-target.ts'
import type { StickySession } from './sticky.ts'

/** What binds a route's requests to some endpoints of an upstream rather than others. */
export interface Affinity {
  /** Chooses in place of the upstream's own balancer. */
  readonly balancer: Balancer
  /** What the balancer wants to know of a request; null: nothing. */
  readonly keys: HashKeys | null
  readonly sticky: StickySession | null
  /** The labels that endpoints need, for people, such as `version=v2`; "" for none. */
  readonly subset: string
}

/** Bytes of a cookie that is made to hash by. */
const KEY_BYTES = 12

/** Index of the destination for a request: where its session is, if the route has sessions, else drawn by weight. */
export function chooseDestination(exchange: Exchange, target: RouteTarget): number {
  const { destinations } = target
  if (target.sticky && destinations.length > 1) {
    for (let i = 0; i < destinations.length; i++) {
      const endpoint = destinations[i].affinity?.sticky?.find(exchange.request) ?? null
      if (endpoint === null) continue
      exchange.session = endpoint
      return i
    }
  }
  return target.choose()
}

/** The endpoint for the first try; null when none is left. */
export function firstEndpoint(exchange: Exchange, destination: Destination): Endpoint | null {
  const { affinity } = destination
  if (affinity === null) return destination.cluster.balancer.pick(exchange)
  const { sticky, keys, balancer } = affinity
  if (sticky !== null) {
    if (exchange.session === null) exchange.session = sticky.find(exchange.request)
    if (exchange.session !== null) return exchange.session
  }
  if (keys !== null) hashRequest(exchange, keys)
  return balancer.pick(exchange)
}

/** Who chooses for a further try. */
export function balancerOf(exchange: Exchange): Balancer {
  const destination = (exchange.verdict.target as RouteTarget).destinations[exchange.destination]
  return destination.affinity === null ? destination.cluster.balancer : destination.affinity.balancer
}

/** What a request was to be sent to, for people. */
export function whereTo(exchange: Exchange): string {
  const { affinity, cluster } = (exchange.verdict.target as RouteTarget).destinations[exchange.destination]
  const subset = affinity === null ? '' : affinity.subset
  return subset === '' ? cluster.name : `${cluster.name} with ${subset}`
}

function hashRequest(exchange: Exchange, keys: HashKeys): void {
  exchange.hash = exchange.verdict.hash(exchange.destination, keys)
  if (exchange.hash >= 0 || keys.cookie === null) return
  const value = randomBytes(KEY_BYTES).toString('base64url')
  exchange.hash = murmur3(value)
  exchange.setCookie = setCookie(keys.cookie, value, exchange.context.tls)
}

/** The response to pass on: `head`, with the cookies that bring the caller's next request to the same endpoint. */
export function withCookies(exchange: Exchange, endpoint: Endpoint, head: Head): Head {
  const { affinity } = (exchange.verdict.target as RouteTarget).destinations[exchange.destination]
  if (affinity === null) return head
  const { sticky } = affinity
  const cookies = exchange.setCookie === '' ? [] : [exchange.setCookie]
  // Who fails is not stuck to.
  if (sticky !== null && endpoint !== exchange.session && head.status < 500) {
    cookies.push(setCookie(sticky.cookie, sticky.name(endpoint), exchange.context.tls))
  }
  if (cookies.length === 0) return head
  const { names, values, sensitive } = head.fields
  const fields = new Fields(
    [...names, ...cookies.map(() => 'set-cookie')],
    [...values, ...cookies],
    sensitive,
  )
  return new Head('', '', '', '', head.status, fields, head.contentLength, head.grpc, head.tunnel)
}
