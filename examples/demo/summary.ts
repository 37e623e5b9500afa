import type { EndpointState } from './observation.ts'
import type { Traffic } from './traffic.ts'

/** What is known of a service at a moment. */
export interface ServiceSummary {
  readonly traffic: Traffic
  /** Attempts beyond the first that the sidecar beside the caller has made. */
  readonly retries: number
  /** The instances, with their endpoints as the sidecar beside the caller sees them. */
  readonly instances: readonly { readonly name: string; readonly endpoint: EndpointState | null }[]
}

/** The state as a block of lines. `events` are the latest ones, the last of them the newest. */
export function fullSummary(services: readonly ServiceSummary[], events: readonly string[]): string[] {
  const lines = ['']
  for (const { traffic, retries, instances } of services) {
    lines.push(
      `${traffic.name.padEnd(10)} ${String(traffic.calls).padStart(7)} calls   ${traffic.errors} lost   ` +
        `p50 ${latency(traffic, 0.5)}   p99 ${latency(traffic, 0.99)}   ${retries} retries`,
    )
    for (const { name, endpoint } of instances) {
      const answered = `${String(traffic.byInstance.get(name) ?? 0).padStart(7)} answered`
      const state = stateOf(endpoint)
      const why = state === 'healthy' ? '' : (endpoint?.lastCheck ?? '')
      lines.push(
        `  ${name.padEnd(10)} ${(endpoint?.address ?? '').padEnd(16)} ${answered}   ${state.padEnd(10)} ${why}`,
      )
    }
    if (traffic.lastError !== '') lines.push(`  last loss: ${traffic.lastError}`)
  }
  return [...lines, '', ...events, 'Ctrl-C ends everything.']
}

/** The state as one line. */
export function briefSummary(services: readonly ServiceSummary[]): string {
  return services
    .map(({ traffic, retries, instances }) => {
      const fit = instances.filter(({ endpoint }) => stateOf(endpoint) === 'healthy').length
      return (
        `${traffic.name}: ${traffic.calls} calls, ${traffic.errors} lost, ${retries} retries, ` +
        `p50 ${latency(traffic, 0.5)}, p99 ${latency(traffic, 0.99)}, ${fit} of ${instances.length} healthy` +
        (traffic.lastError === '' ? '' : `, last loss: ${traffic.lastError}`)
      )
    })
    .join(' | ')
}

function stateOf(endpoint: EndpointState | null): string {
  if (endpoint === null) return 'unknown'
  return endpoint.ejected ? 'ejected' : endpoint.health
}

function latency(traffic: Traffic, share: number): string {
  const ms = traffic.percentile(share)
  return ms === null ? '-' : `${ms.toFixed(1)} ms`
}
