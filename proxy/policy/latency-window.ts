/** Latencies kept of one window; of more, the last so many. */
const KEPT = 128

/** Latencies of one window of time, of which the median is wanted. Adding allocates nothing. */
export class LatencyWindow {
  readonly #kept = new Float64Array(KEPT)
  #count = 0

  /** How many were added. */
  get count(): number {
    return this.#count
  }

  add(ms: number): void {
    this.#kept[this.#count % KEPT] = ms
    this.#count += 1
  }

  /** The median, of an even number the lower one; then the window is empty again. There has to be something in it. */
  takeMedian(): number {
    const filled = this.#kept.subarray(0, Math.min(this.#count, KEPT)).sort()
    this.#count = 0
    return filled[(filled.length - 1) >> 1]
  }

  clear(): void {
    this.#count = 0
  }
}
