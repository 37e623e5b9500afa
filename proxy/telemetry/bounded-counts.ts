import type { Labels, Samples } from './samples.ts'

interface Count {
  readonly labels: Labels
  value: number
}

/**
 * Counts by a label value that comes from an error code or a reason. The number of distinct values is bounded: what
 * comes after is counted as "other", so that no peer can make a scrape grow without end. Off the hot path.
 */
export class BoundedCounts {
  readonly #label: string
  readonly #limit: number
  readonly #counts = new Map<string, Count>()

  /** `limit` is the number of distinct values kept apart from "other". */
  constructor(label: string, limit = 32) {
    this.#label = label
    this.#limit = limit
  }

  /** Counts one more of `value`. */
  count(value: string): void {
    let count = this.#counts.get(value)
    if (count === undefined) count = this.#open(this.#counts.size < this.#limit ? value : 'other')
    count.value += 1
  }

  /** What was counted under `value` so far. */
  get(value: string): number {
    return this.#counts.get(value)?.value ?? 0
  }

  collect(samples: Samples, shared: Labels): void {
    for (const count of this.#counts.values()) samples.add(count.value, shared, count.labels)
  }

  #open(value: string): Count {
    let count = this.#counts.get(value)
    if (count === undefined) {
      count = { labels: { [this.#label]: value }, value: 0 }
      this.#counts.set(value, count)
    }
    return count
  }
}
