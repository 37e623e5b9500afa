/** Label values by label name. Objects that live long are made once: their text is cached by identity. */
export type Labels = Readonly<Record<string, string>>

/** One line of a scrape, in the shape that prom-client's registry renders. */
export interface Sample {
  readonly value: number
  readonly labels: Labels
  readonly sharedLabels: Labels
  readonly metricName?: string
}

const NONE: Labels = {}

/** The samples of one metric, gathered for one scrape. */
export class Samples {
  /** Whether the scrape is in the OpenMetrics format, where `le` values are written as floats ("1.0"). */
  readonly openMetrics: boolean
  readonly list: Sample[] = []
  readonly #name: string

  /** `name` is the metric's name in the format of the scrape. */
  constructor(name: string, openMetrics: boolean) {
    this.#name = name
    this.openMetrics = openMetrics
  }

  /** Adds a value; `shared` are labels kept by the caller from scrape to scrape. */
  add(value: number, shared: Labels = NONE, own: Labels = NONE): void {
    this.list.push({ value, labels: own, sharedLabels: shared })
  }

  /** Adds a value whose name has a suffix (`_sum`, `_count`, `_bucket`). */
  addSuffixed(suffix: string, value: number, shared: Labels = NONE, own: Labels = NONE): void {
    this.list.push({ value, labels: own, sharedLabels: shared, metricName: this.#name + suffix })
  }
}
