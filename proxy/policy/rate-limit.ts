import type { RateLimitBy, RateLimitConfig } from '../../config/types/overload.ts'
import type { RateLimitStats } from '../telemetry/rate-limit-stats.ts'
import { type Bucket, BucketTable } from './bucket-table.ts'

/** Far less than any interval, and more than what additions of fractions lose. */
const ROUNDING_MS = 1e-6

/**
 * So many requests per time, by the generic cell rate algorithm: a leaky bucket whose state is the time when it will be
 * empty, so that nothing has to be refilled and a key costs one number (ITU-T I.371, "virtual scheduling").
 */
export class RateLimit {
  readonly name: string
  /** Where it holds, such as `route outbound/0`. */
  readonly place: string
  readonly by: readonly RateLimitBy[]
  readonly dryRun: boolean
  readonly advertise: boolean
  readonly stats: RateLimitStats
  /** Its item of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11, section 3). */
  readonly policy: string
  /** Milliseconds in which one request comes back. */
  readonly #interval: number
  readonly #buckets: BucketTable
  /** How far the time at which the bucket is full may lie ahead for another request to pass. */
  readonly #tolerance: number

  constructor(config: RateLimitConfig, place: string, stats: RateLimitStats) {
    const { requests, per, burst } = config
    this.name = config.name
    this.place = place
    this.by = config.by
    this.dryRun = config.dryRun
    this.advertise = config.advertise && !config.dryRun
    this.#buckets = new BucketTable(config.by.length === 0 ? 1 : config.maxKeys)
    this.stats = stats
    // Windows are whole seconds there; a shorter one is left out.
    const window = per % 1000 === 0 ? `;w=${per / 1000}` : ''
    this.policy = `"${config.name}";q=${requests}${window}`
    this.#interval = per / requests
    this.#tolerance = (burst - 1) * this.#interval + ROUNDING_MS
  }

  /** The bucket of a key, to be asked for again once it is not `listed` any more. */
  bucket(key: string, now: number): Bucket {
    const bucket = this.#buckets.obtain(key, now)
    this.stats.keys = this.#buckets.size
    return bucket
  }

  /** Milliseconds until a request may pass; 0: now. */
  wait(bucket: Bucket, now: number): number {
    const ahead = bucket.fullAt - now
    return ahead <= this.#tolerance ? 0 : ahead - this.#tolerance + ROUNDING_MS
  }

  /** A request passes. */
  take(bucket: Bucket, now: number): void {
    bucket.fullAt = (bucket.fullAt > now ? bucket.fullAt : now) + this.#interval
  }

  /**
   * Its item of `RateLimit` (the same draft, section 4): how many requests could pass at once, and the seconds in which so
   * many come back, so that a caller who spreads them keeps to the limit; after a refusal, when to come again.
   */
  state(bucket: Bucket, now: number): string {
    const ahead = Math.max(0, bucket.fullAt - now)
    const left = Math.max(0, Math.floor((this.#tolerance - ahead) / this.#interval) + 1)
    const ms = left === 0 ? this.wait(bucket, now) : left * this.#interval
    return `"${this.name}";r=${left};t=${Math.max(1, Math.ceil(ms / 1000))}`
  }
}
