/** Durations in milliseconds, to be asked for their distribution. */
export class Latencies {
  readonly #samples: number[] = []
  #sorted: Float64Array | null = null

  get count(): number {
    return this.#samples.length
  }

  add(ms: number): void {
    this.#samples.push(ms)
    this.#sorted = null
  }

  /** The duration that the share `quantile` (0 to 1) of all does not exceed; 0 when there is none. */
  quantile(quantile: number): number {
    const sorted = this.#sort()
    if (sorted.length === 0) return 0
    return sorted[Math.min(sorted.length - 1, Math.ceil(quantile * sorted.length) - 1)] as number
  }

  /** The share of all that takes longer than `ms`. */
  shareAbove(ms: number): number {
    const sorted = this.#sort()
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sorted[middle] as number) <= ms) low = middle + 1
      else high = middle
    }
    return (sorted.length - low) / sorted.length
  }

  #sort(): Float64Array {
    if (this.#sorted === null) this.#sorted = Float64Array.from(this.#samples).sort()
    return this.#sorted
  }
}
