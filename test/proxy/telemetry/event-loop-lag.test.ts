import t from 'tap'
import { type DelayMonitor, EventLoopLag } from '../../../proxy/telemetry/event-loop-lag.ts'
import { Samples } from '../../../proxy/telemetry/samples.ts'

/** Delays by hand, in milliseconds. */
class ManualMonitor implements DelayMonitor {
  delays: number[] = []
  enabled = false
  get count(): number {
    return this.delays.length
  }
  get mean(): number {
    return (this.delays.reduce((sum, ms) => sum + ms, 0) / this.delays.length) * 1e6
  }
  get max(): number {
    return Math.max(...this.delays) * 1e6
  }
  percentile(percentile: number): number {
    const sorted = this.delays.toSorted((a, b) => a - b)
    return sorted[Math.ceil((percentile / 100) * sorted.length) - 1]! * 1e6
  }
  reset(): void {
    this.delays = []
  }
  enable(): boolean {
    this.enabled = true
    return true
  }
  disable(): boolean {
    this.enabled = false
    return true
  }
}

function read(lag: EventLoopLag): Record<string, number> {
  const samples = new Samples('lag', false)
  lag.collect(samples)
  return Object.fromEntries(
    samples.list.map(({ metricName, sharedLabels, value }) => [
      metricName ?? sharedLabels['quantile']!,
      Math.round(value * 1e6) / 1e6,
    ]),
  )
}

t.test(
  'quantiles are those of the last full window, sum and count go on, the interval is not lag',
  async (t) => {
    const monitor = new ManualMonitor()
    let now = 0
    const lag = new EventLoopLag(() => now, monitor)
    t.equal(monitor.enabled, true)
    t.strictSame(read(lag), {}, 'nothing before the first sample')

    monitor.delays = [20, 20, 20, 120]
    const first = { '0.5': 0, '0.9': 0.1, '0.99': 0.1, '1.0': 0.1, lag_sum: 0.1, lag_count: 4 }
    t.strictSame(read(lag), first)

    monitor.delays = [30, 30]
    now = 9999
    t.strictSame(read(lag), first, 'a second scraper sees the same window')
    now = 10_000
    t.strictSame(read(lag), {
      '0.5': 0.01,
      '0.9': 0.01,
      '0.99': 0.01,
      '1.0': 0.01,
      lag_sum: 0.12,
      lag_count: 6,
    })

    lag.close()
    t.equal(monitor.enabled, false)
  },
)

t.test('the real monitor can be read', async (t) => {
  const lag = new EventLoopLag(() => 0)
  t.teardown(() => lag.close())
  t.doesNotThrow(() => read(lag))
})
