import type { Labels, Samples } from './samples.ts'

/** Upper bounds of the buckets, in seconds, each inclusive; one more bucket takes what is longer. */
export const BUCKETS_SECONDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]

const BOUNDS_MS = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000]
const LE: readonly Labels[] = [...BUCKETS_SECONDS.map((bound) => ({ le: String(bound) })), { le: '+Inf' }]
// OpenMetrics 1.0 wants canonical floats here.
const LE_OPEN_METRICS: readonly Labels[] = LE.map(({ le }) => ({ le: /^\d+$/.test(le!) ? `${le}.0` : le! }))

/** Durations counted into fixed buckets; observing allocates nothing. */
export class DurationHistogram {
  /** Observations per bucket (not cumulative), the one beyond all bounds last. */
  readonly counts: Float64Array
  /** Sum of all observations in milliseconds. */
  sumMs: number

  constructor() {
    this.counts = new Float64Array(BOUNDS_MS.length + 1)
    this.sumMs = 0
  }

  /** Counts one duration in milliseconds; what is not above 0 counts as 0. */
  observe(durationMs: number): void {
    // Written so that NaN is caught too: it would stay in the sum for ever.
    const ms = !(durationMs > 0) ? 0 : durationMs
    let bucket = 0
    // Nearly all requests fall into the first few buckets: walking beats a binary search.
    while (bucket < BOUNDS_MS.length && ms > BOUNDS_MS[bucket]!) bucket += 1
    this.counts[bucket]! += 1
    this.sumMs += ms
  }

  /** Number of observations. */
  get count(): number {
    let total = 0
    for (let i = 0; i < this.counts.length; i++) total += this.counts[i]!
    return total
  }

  collect(samples: Samples, shared: Labels): void {
    const le = samples.openMetrics ? LE_OPEN_METRICS : LE
    let cumulative = 0
    for (let i = 0; i < this.counts.length; i++) {
      cumulative += this.counts[i]!
      samples.addSuffixed('_bucket', cumulative, shared, le[i]!)
    }
    samples.addSuffixed('_sum', this.sumMs / 1000, shared)
    samples.addSuffixed('_count', cumulative, shared)
  }
}
