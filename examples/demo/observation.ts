import { DemoError } from './demo-error.ts'
import { callHttp } from './http-call.ts'
import { type MetricSample, parseMetrics, sumOf } from './metric-samples.ts'
import { endpointOf, type InstancePlan, type SidecarPlan } from './plan.ts'

/** What the admin page /upstreams of a sidecar says about an endpoint. */
export interface EndpointState {
  readonly address: string
  readonly usable: boolean
  readonly health: 'unknown' | 'healthy' | 'unhealthy'
  readonly ejected: boolean
  readonly lastCheck: string
}

interface UpstreamState {
  readonly name: string
  readonly endpoints: readonly EndpointState[]
}

/** Reads a sidecar's admin page /upstreams. */
export async function readUpstreams(sidecar: SidecarPlan): Promise<UpstreamState[]> {
  return JSON.parse(await get(sidecar, sidecar.adminPort, '/upstreams')) as UpstreamState[]
}

/** Reads a sidecar's metrics as Prometheus does. */
export async function readMetrics(sidecar: SidecarPlan): Promise<MetricSample[]> {
  return parseMetrics(await get(sidecar, sidecar.metricsPort, '/metrics'))
}

/** What the sidecar beside the caller knows about an instance. */
export async function readEndpoint(web: SidecarPlan, instance: InstancePlan): Promise<EndpointState> {
  const address = endpointOf(instance)
  for (const { name, endpoints } of await readUpstreams(web)) {
    const found = endpoints.find((endpoint) => endpoint.address === address)
    if (name === instance.service && found !== undefined) return found
  }
  throw new DemoError(`the sidecar of ${web.name} knows no endpoint ${address} of ${instance.service}`)
}

/** The same in its metrics: 1 healthy, 0 not. */
export async function readHealthMetric(web: SidecarPlan, instance: InstancePlan): Promise<number> {
  const labels = { upstream: instance.service, endpoint: endpointOf(instance) }
  return sumOf(await readMetrics(web), 'pillion_upstream_healthy', labels)
}

async function get(sidecar: SidecarPlan, port: number, path: string): Promise<string> {
  let problem: string
  try {
    const { status, body } = await callHttp({ port, path })
    if (status === 200) return body
    problem = `status ${status}: ${body.trim()}`
  } catch (error) {
    problem = (error as Error).message
  }
  throw new DemoError(`cannot read ${path} of the sidecar of ${sidecar.name}: ${problem}`)
}
