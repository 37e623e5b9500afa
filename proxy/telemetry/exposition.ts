import { setImmediate as turn } from 'node:timers/promises'
import { type Metric, type OpenMetricsContentType, type PrometheusContentType, Registry } from 'prom-client'
import type { MetricDefinition } from './metric-table.ts'
import { type Sample, Samples } from './samples.ts'

/** After this many samples the event loop gets a turn before the next metric is rendered. */
const SAMPLES_PER_TURN = 500

/** A metric as prom-client's registry asks for it at a scrape. */
interface Family {
  readonly name: string
  get(): Promise<{ name: string; help: string; type: string; values: readonly Sample[] }>
}

/**
 * The metrics in one of the two text formats. Each format has a registry of its own, because prom-client renames
 * counters in place when a registry changes its format.
 */
export class Exposition {
  readonly contentType: string
  readonly openMetrics: boolean
  readonly #registry: Registry<PrometheusContentType | OpenMetricsContentType>
  readonly #names: string[] = []
  #samples = 0
  #rendering: Promise<string> | null = null

  constructor(openMetrics: boolean) {
    this.openMetrics = openMetrics
    this.#registry = new Registry<PrometheusContentType | OpenMetricsContentType>()
    this.#registry.setContentType(
      openMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE,
    )
    this.contentType = this.#registry.contentType
  }

  /** Adds a metric; `collect` is called at each scrape. Throws when the name is taken. */
  add(name: string, definition: MetricDefinition, collect: (samples: Samples) => void | Promise<void>): void {
    // The registry adds `_total` to the samples of OpenMetrics counters itself.
    const familyName = this.openMetrics && definition.type === 'counter' ? name.replace(/_total$/, '') : name
    const family: Family = {
      name: familyName,
      get: async () => {
        const samples = new Samples(familyName, this.openMetrics)
        await collect(samples)
        this.#samples += samples.list.length
        return { name: familyName, help: definition.help, type: definition.type, values: samples.list }
      },
    }
    // The registry needs no more than this of a metric; its type is that of prom-client's own classes.
    this.#registry.registerMetric(family as unknown as Metric)
    this.#names.push(familyName)
  }

  /** All metrics as text. Scrapes at the same time share one rendering. */
  render(): Promise<string> {
    this.#rendering ??= this.#render().finally(() => {
      this.#rendering = null
    })
    return this.#rendering
  }

  async #render(): Promise<string> {
    const parts: string[] = []
    this.#samples = 0
    for (const name of this.#names) {
      parts.push(await this.#registry.getSingleMetricAsString(name), '\n')
      if (this.#samples > SAMPLES_PER_TURN) {
        this.#samples = 0
        await turn()
      }
    }
    if (this.openMetrics) parts.push('# EOF\n')
    return parts.join('')
  }
}
