import { setImmediate as turn } from 'node:timers/promises'
import { type Metric, type OpenMetricsContentType, type PrometheusContentType, Registry } from 'prom-client'
import type { MetricDefinition } from './metric-table.ts'
import { type Sample, Samples } from './samples.ts'

/** Samples rendered before the event loop gets a turn: a scrape of many endpoints must not hold up requests. */
const SAMPLES_PER_TURN = 500

/** A metric as prom-client's registry asks for it. */
class Family {
  readonly name: string
  readonly #definition: MetricDefinition
  readonly collect: (samples: Samples) => void | Promise<void>
  /** What the registry is to render next. */
  values: readonly Sample[]

  constructor(
    name: string,
    definition: MetricDefinition,
    collect: (samples: Samples) => void | Promise<void>,
  ) {
    this.name = name
    this.#definition = definition
    this.collect = collect
    this.values = []
  }

  get(): { name: string; help: string; type: string; values: readonly Sample[] } {
    const { help, type } = this.#definition
    return { name: this.name, help, type, values: this.values }
  }
}

/**
 * The metrics in one of the two text formats. Each format has a registry of its own, because prom-client renames
 * counters in place when a registry changes its format.
 */
export class Exposition {
  readonly contentType: string
  readonly openMetrics: boolean
  readonly #registry: Registry<PrometheusContentType | OpenMetricsContentType>
  readonly #families: Family[] = []
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
    const bare = this.openMetrics && definition.type === 'counter' ? name.replace(/_total$/, '') : name
    const family = new Family(bare, definition, collect)
    // The registry needs no more than this of a metric; its type is that of prom-client's own classes.
    this.#registry.registerMetric(family as unknown as Metric)
    this.#families.push(family)
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
    let rendered = 0
    for (const family of this.#families) {
      const samples = new Samples(family.name, this.openMetrics)
      await family.collect(samples)
      const { list } = samples
      for (let from = 0; from === 0 || from < list.length; from += SAMPLES_PER_TURN) {
        family.values = list.slice(from, from + SAMPLES_PER_TURN)
        const text = await this.#registry.getSingleMetricAsString(family.name)
        parts.push(from === 0 ? text : withoutHeader(text), '\n')
        rendered += family.values.length
        if (rendered < SAMPLES_PER_TURN) continue
        rendered = 0
        await turn()
      }
      family.values = []
    }
    if (this.openMetrics) parts.push('# EOF\n')
    return parts.join('')
  }
}

/** The samples of a rendered metric without its HELP and TYPE lines. */
function withoutHeader(text: string): string {
  return text.slice(text.indexOf('\n', text.indexOf('\n') + 1) + 1)
}
