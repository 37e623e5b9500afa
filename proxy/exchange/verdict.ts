import type { Head } from '../message/head.ts'
import type { Reason } from '../message/reason.ts'
import { REQUEST_ID_FIELD } from '../message/request-id.ts'
import type { HashKeys } from '../policy/hash-key.ts'
import { forwardedHead } from './forwarded-head.ts'
import type { Forwarding } from './forwarding.ts'
import type { RouteTarget } from './route-target.ts'

/** Of a hash that nobody asked for yet. */
const UNKNOWN = -2

/**
 * All that follows from a request's head and the connection it came on, and from nothing else. Kept on the (interned)
 * head, so that it is worked out once for all requests whose bytes are the same.
 */
export class Verdict {
  /** The request as it was judged: its path is in the one form that there is. */
  readonly head: Head
  /** Why the request is turned away; null when it is not. */
  readonly refusal: Reason | null
  /** Null exactly when there is a refusal. */
  readonly target: RouteTarget | null
  /** Whether the caller gave no request id, so that one has to be made. */
  readonly needsRequestId: boolean
  readonly #forwarding: Forwarding
  readonly #forwarded: (Head | null)[]
  /** By destination; null before anybody asked. */
  #hashes: number[] | null

  constructor(head: Head, refusal: Reason | null, target: RouteTarget | null, forwarding: Forwarding) {
    this.refusal = refusal
    this.target = target
    this.needsRequestId = !head.fields.has(REQUEST_ID_FIELD)
    this.head = head
    this.#forwarding = forwarding
    this.#forwarded = target === null ? [] : target.destinations.map(() => null)
    this.#hashes = null
  }

  /** The hash of the request's key for the destination with this index, -1 without a key. */
  hash(destination: number, keys: HashKeys): number {
    this.#hashes ??= this.#forwarded.map(() => UNKNOWN)
    if (this.#hashes[destination] === UNKNOWN) {
      this.#hashes[destination] = keys.hash(this.head, this.#forwarding.caller.address)
    }
    return this.#hashes[destination]
  }

  /** The head that goes to the destination with this index. */
  forwarded(destination: number): Head {
    const known = this.#forwarded[destination]
    if (known !== null) return known
    const scheme = (this.target as RouteTarget).destinations[destination].cluster.scheme
    const made = forwardedHead(this.head, scheme, this.#forwarding)
    this.#forwarded[destination] = made
    return made
  }
}
