import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Labels, Samples } from './samples.ts'

/** What is used of `perf_hooks.monitorEventLoopDelay`; values in nanoseconds. */
export interface DelayMonitor {
  readonly count: number
  readonly mean: number
  readonly max: number
  percentile(percentile: number): number
  reset(): void
  enable(): boolean
  disable(): boolean
}

/** Sampling interval in milliseconds. */
const RESOLUTION_MS = 20
/** Span the quantiles are taken over, in milliseconds. */
const WINDOW_MS = 10_000

const QUANTILES: readonly { readonly percentile: number; readonly labels: Labels }[] = [
  { percentile: 50, labels: { quantile: '0.5' } },
  { percentile: 90, labels: { quantile: '0.9' } },
  { percentile: 99, labels: { quantile: '0.99' } },
]
const MAX: Labels = { quantile: '1.0' }

/**
 * How late the event loop runs, as a summary. Sum and count grow for ever, the quantiles are those of the last full
 * window, so that several scrapers do not disturb each other. Sampled by the runtime off the JavaScript heap.
 */
export class EventLoopLag {
  readonly #monitor: DelayMonitor
  readonly #now: () => number
  #windowStart: number
  #sum = 0
  #count = 0
  #quantiles: number[] | null = null
  #max = 0

  /** `now` gives monotonic milliseconds. */
  constructor(now: () => number, monitor?: DelayMonitor) {
    this.#now = now
    this.#monitor = monitor ?? monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#windowStart = now()
    this.#monitor.enable()
  }

  collect(samples: Samples): void {
    if (this.#quantiles === null || this.#now() - this.#windowStart >= WINDOW_MS) this.#closeWindow()
    if (this.#quantiles === null) return
    for (let i = 0; i < QUANTILES.length; i++) samples.add(this.#quantiles[i]!, QUANTILES[i]!.labels)
    samples.add(this.#max, MAX)
    samples.addSuffixed('_sum', this.#sum)
    samples.addSuffixed('_count', this.#count)
  }

  close(): void {
    this.#monitor.disable()
  }

  #closeWindow(): void {
    const monitor = this.#monitor
    if (monitor.count === 0) return
    this.#sum += monitor.count * lagSeconds(monitor.mean)
    this.#count += monitor.count
    this.#quantiles = QUANTILES.map(({ percentile }) => lagSeconds(monitor.percentile(percentile)))
    this.#max = lagSeconds(monitor.max)
    monitor.reset()
    this.#windowStart = this.#now()
  }
}

/** The monitor reports the time between two of its timers, the interval included. */
function lagSeconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000)
}
