import type { ForwardedConfig } from '../../config/types/listener.ts'
import type { Caller } from '../downstream/caller.ts'
import { isAuthority } from '../message/authority.ts'
import { formatHop, type Hop, isPortNumber, isProto, listOf, nodeOf, parseForwarded } from '../message/hop.ts'
import type { Protocol } from '../message/session.ts'

/** How a listener treats what is said of earlier hops. */
export interface ForwardingOptions {
  readonly inbound: boolean
  /** Our own SPIFFE ID, null without an identity. */
  readonly self: string | null
  readonly forwarded: ForwardedConfig
  /** Our name in Via; null: Via stays as it came. */
  readonly via: string | null
}

/** Entries of our own name in a Via beyond which the request goes round in circles. Far more than sidecars on any way. */
export const MAX_PASSES = 32

/** What a request says of the hops before it: lists joined, "" for what it does not say. */
export interface Claims {
  forwardedFor: string
  proto: string
  host: string
  port: string
  forwarded: string
}

export const NO_CLAIMS: Claims = { forwardedFor: '', proto: '', host: '', port: '', forwarded: '' }

/** What the next hop is told; "" for a field that is not written. */
export interface Told extends Claims {}

const NOBODY: Hop = { from: '', proto: '', host: '' }

/**
 * What this sidecar believes of earlier hops and says of itself and of the caller to the next one; fixed for a connection.
 */
export class Forwarding {
  readonly caller: Caller
  readonly self: string | null
  readonly inbound: boolean
  /** All that the caller says about earlier hops is believed. */
  readonly trusted: boolean
  /** How many of the hops it reports are believed, from the last one back. */
  readonly hops: number
  readonly writesX: boolean
  readonly writesForwarded: boolean
  /** Our name in Via, "" when Via stays as it came. */
  readonly viaName: string
  /** Our entry in Via (RFC 9110 §7.6.3): the version that the request came in, and our name. */
  readonly viaEntry: string
  // What was asked last and what came out: of one connection it is nearly always the same.
  #asked: Claims
  #told: Told

  constructor(options: ForwardingOptions, caller: Caller, protocol: Protocol) {
    const { trust, trustedHops, write } = options.forwarded
    this.caller = caller
    this.self = options.self
    this.inbound = options.inbound
    // A mesh peer has proved who it is; outbound, the caller is the application that this sidecar serves.
    const ofTheMesh = caller.principal !== null || !options.inbound
    this.trusted = trust === 'always' || (trust === 'mesh' && ofTheMesh)
    this.hops = this.trusted ? Number.POSITIVE_INFINITY : trustedHops
    this.writesX = write !== 'forwarded'
    this.writesForwarded = write !== 'x-forwarded'
    this.viaName = options.via ?? ''
    this.viaEntry = options.via === null ? '' : `${protocol === 'h2' ? '2.0' : '1.1'} ${options.via}`
    this.#asked = NO_CLAIMS
    this.#told = this.#tell(NO_CLAIMS)
  }

  /** What the next hop is told in place of `claims`, which were believed as far as `hops` goes. */
  tell(claims: Claims): Told {
    const asked = this.#asked
    if (
      claims.forwardedFor !== asked.forwardedFor ||
      claims.proto !== asked.proto ||
      claims.host !== asked.host ||
      claims.port !== asked.port ||
      claims.forwarded !== asked.forwarded
    ) {
      this.#asked = { ...claims }
      this.#told = this.#tell(claims)
    }
    return this.#told
  }

  #tell(claims: Claims): Told {
    const { caller } = this
    let earlier = NOTHING
    if (this.hops > 0) {
      // One form is read where both came: the one that is written.
      const reads = claims.forwarded !== '' && (!this.writesX || claims.forwardedFor === '')
      earlier = reads ? this.#fromForwarded(claims.forwarded) : this.#fromXForwarded(claims)
    }
    const spoke = caller.tls ? 'https' : 'http'
    const { hops, proto, host, port } = earlier
    const told: Told = { ...NO_CLAIMS }
    if (this.writesX) {
      // A caller that has gone by now has no address any more.
      told.forwardedFor = [...hops.map(({ from }) => from), caller.address || 'unknown'].join(', ')
      told.proto = proto === '' ? spoke : proto
      told.host = host
      told.port = port
    }
    if (this.writesForwarded) {
      const ours = { from: nodeOf(caller.address), proto: spoke, host: '' }
      // Without any hop that could carry it, what is known of the first one is said of the caller.
      const all = hops.length > 0 ? [...hops, ours] : [{ ...ours, proto: proto === '' ? spoke : proto, host }]
      told.forwarded = all.map(formatHop).join(', ')
    }
    return told
  }

  #fromXForwarded({ forwardedFor, proto, host, port }: Claims): Earlier {
    const nodes = listOf(forwardedFor).map(nodeOf)
    // Fewer than our own proxies would have written: it did not come through all of them.
    if (!this.trusted && nodes.length < this.hops) return NOTHING
    const hops: Hop[] = nodes.slice(-this.hops).map((from) => ({ ...NOBODY, from }))
    const found = {
      hops,
      proto: this.#one(proto.toLowerCase(), isProto),
      host: this.#one(host, isAuthority),
      port: this.#one(port, isPortNumber),
    }
    if (hops.length > 0) hops[0] = { from: (hops[0] as Hop).from, proto: found.proto, host: found.host }
    return found
  }

  /** Of a list the value that the first caller got, where all is believed; else the one our nearest proxy wrote. */
  #one(list: string, fits: (text: string) => boolean): string {
    const values = listOf(list)
    const value = (this.trusted ? values[0] : values[values.length - 1]) ?? ''
    return fits(value) ? value : ''
  }

  #fromForwarded(forwarded: string): Earlier {
    const all = parseForwarded(forwarded, isAuthority)
    if (all === null) return this.trusted ? UNREADABLE : NOTHING
    if (!this.trusted && all.length < this.hops) return NOTHING
    const hops = all.slice(-this.hops)
    return {
      hops,
      proto: hops.find(({ proto }) => proto !== '')?.proto ?? '',
      host: hops.find(({ host }) => host !== '')?.host ?? '',
      port: '',
    }
  }
}

/** What is believed of the hops before. */
interface Earlier {
  /** First to last. */
  readonly hops: readonly Hop[]
  readonly proto: string
  readonly host: string
  readonly port: string
}

const NOTHING: Earlier = { hops: [], proto: '', host: '', port: '' }
/** Somebody was there, and that is all. */
const UNREADABLE: Earlier = { ...NOTHING, hops: [{ ...NOBODY, from: 'unknown' }] }

/** Whether a request with this Via (all fields joined, null for none) has passed sidecars called `name` too often. */
export function goesInCircles(via: string | null, name: string): boolean {
  // The shortest entry, with its comma, is four characters longer than the name.
  if (via === null || name === '' || via.length < MAX_PASSES * name.length) return false
  return listOf(via).filter((entry) => entry.split(/[ \t]+/, 2)[1] === name).length >= MAX_PASSES
}
