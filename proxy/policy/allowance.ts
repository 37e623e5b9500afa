import type { SpiffeId } from '../../certs/spiffe-id.ts'
import type { Head } from '../message/head.ts'
import { Bucket } from './bucket-table.ts'
import type { RateLimit } from './rate-limit.ts'
import { rateLimitKey } from './rate-limit-key.ts'

/** Before a bucket is asked for. */
const UNKNOWN = new Bucket('', false)

/**
 * What the requests with one head, on one connection, draw on: a bucket of each rate limit that they meet. All limits have
 * to let a request pass; one that is refused takes from none.
 */
export class Allowance {
  /** The one that refused last, null before. */
  refusedBy: RateLimit | null
  readonly #limits: readonly RateLimit[]
  readonly #keys: readonly string[]
  readonly #buckets: Bucket[]
  readonly #advertised: readonly number[]

  /** `limits`: at least one. */
  constructor(limits: readonly RateLimit[], principal: SpiffeId | null, address: string, head: Head) {
    this.refusedBy = null
    this.#limits = limits
    this.#keys = limits.map(({ by }) => rateLimitKey(by, principal, address, head))
    this.#buckets = limits.map(() => UNKNOWN)
    this.#advertised = limits.flatMap(({ advertise }, i) => (advertise ? [i] : []))
  }

  /** Whether callers are told what is left. */
  get advertises(): boolean {
    return this.#advertised.length > 0
  }

  /** Lets a request pass and returns 0, or refuses it and returns after how many milliseconds none of them would. */
  take(now: number): number {
    const limits = this.#limits
    let longest = 0
    for (let i = 0; i < limits.length; i++) {
      const limit = limits[i]
      if (limit.dryRun) continue
      const wait = limit.wait(this.#bucket(i, now), now)
      if (wait <= longest) continue
      longest = wait
      this.refusedBy = limit
    }
    if (longest > 0) {
      ;(this.refusedBy as RateLimit).stats.refused += 1
      return longest
    }
    for (let i = 0; i < limits.length; i++) {
      const limit = limits[i]
      const bucket = this.#bucket(i, now)
      if (limit.dryRun && limit.wait(bucket, now) > 0) limit.stats.dryRun += 1
      else limit.take(bucket, now)
    }
    return 0
  }

  /**
   * `RateLimit-Policy` and `RateLimit` of a response; `refused` when it is a refusal, which tells of the limit that refused
   * alone: Retry-After must not be earlier than what any of the items says (section 6 of the draft).
   */
  fields(now: number, refused: boolean): Record<string, string> {
    const told = this.#advertised
    const stating = refused ? told.filter((i) => this.#limits[i] === this.refusedBy) : told
    const fields: Record<string, string> = {
      'ratelimit-policy': told.map((i) => this.#limits[i].policy).join(', '),
    }
    if (stating.length > 0) {
      fields.ratelimit = stating.map((i) => this.#limits[i].state(this.#bucket(i, now), now)).join(', ')
    }
    return fields
  }

  #bucket(i: number, now: number): Bucket {
    const known = this.#buckets[i]
    if (known.listed) return known
    const bucket = this.#limits[i].bucket(this.#keys[i], now)
    this.#buckets[i] = bucket
    return bucket
  }
}
