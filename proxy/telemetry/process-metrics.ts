import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Exposition } from './exposition.ts'
import type { MetricDefinition } from './metric-table.ts'

/**
 * Of prom-client's own metrics of the process, those whose names follow the conventions and whose reading is cheap:
 * listing every active handle is not, with thousands of sockets, and the event loop has a metric of ours.
 */
const WANTED = /^(process_|nodejs_(heap_|external_memory_|version_info|gc_))/

let registry: Registry | null = null

/** One per process: the collectors cannot be stopped, and each observes every garbage collection. */
function processRegistry(): Registry {
  if (registry === null) {
    registry = new Registry()
    // Its event-loop monitor is not read, so let it wake as rarely as it can.
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 3_600_000 })
  }
  return registry
}

/** Adds memory, CPU time, file descriptors, garbage collection and the like. */
export function addProcessMetrics(exposition: Exposition): void {
  const source = processRegistry()
  for (const { name, help, type } of source.getMetricsAsArray()) {
    if (!WANTED.test(name)) continue
    // prom-client 15 gives the type as text, whatever its typings say.
    const definition: MetricDefinition = {
      type: String(type) as MetricDefinition['type'],
      help,
      labels: [],
    }
    exposition.add(name, definition, async (samples) => {
      const read = await source.getSingleMetric(name)?.get()
      for (const value of read?.values ?? []) {
        const labels: Record<string, string> = {}
        for (const [label, text] of Object.entries(value.labels)) labels[label] = labelText(label, text)
        const own = 'metricName' in value ? String(value.metricName) : name
        if (own === name) samples.add(value.value, {}, labels)
        else samples.addSuffixed(own.slice(name.length), value.value, {}, labels)

        function labelText(label: string, text: string | number | undefined): string {
          const whole = label === 'le' && samples.openMetrics && Number.isInteger(text)
          return whole ? `${text}.0` : String(text)
        }
      }
    })
  }
}
