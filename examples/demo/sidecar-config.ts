import {
  endpointOf,
  type InstancePlan,
  type MeshPlan,
  type ServiceName,
  type SidecarPlan,
  TRUST_DOMAIN,
} from './plan.ts'

/** How the instances of each service are checked. Short intervals, so that a change is seen within seconds. */
const CHECK: Record<ServiceName, string> = {
  greeter:
    '{ grpc: { service: example.Greeter }, interval: 500ms, timeout: 1s, unhealthyAfter: 3, healthyAfter: 2 }',
  orders: '{ http: { path: /healthz }, interval: 500ms, timeout: 1s, unhealthyAfter: 3, healthyAfter: 2 }',
}

/** What the workload "web" may ask of each service. */
const ALLOWED_PATHS: Record<ServiceName, string> = {
  greeter: '[/example.Greeter/*, /grpc.health.v1.Health/Check]',
  orders: '[/api/*, /healthz]',
}

const APP_PROTOCOL: Record<ServiceName, string> = { greeter: 'h2', orders: 'http1' }

/** The configuration of the sidecar beside an instance. */
export function inboundConfig({ name, service, servicePort, sidecar }: InstancePlan): string {
  return `# The sidecar beside ${name}: takes calls from the mesh over mutual TLS and hands them to the service.
${head(service, sidecar)}
listeners:
  - name: inbound
    address: 127.0.0.1:${sidecar.port}
    tls: mutual
    authorize:
      - allow:
          principals: ["${spiffe('web')}"]
          paths: ${ALLOWED_PATHS[service]}
    routes:
      - upstream: app

upstreams:
  app:
    protocol: ${APP_PROTOCOL[service]}
    endpoints: ["127.0.0.1:${servicePort}"]
`
}

/** The configuration of the sidecar beside the caller. */
export function outboundConfig({ instances, web }: MeshPlan): string {
  return `# The sidecar beside the caller: takes its plain-text calls on loopback and makes them as the workload "web".
${head('web', web)}
listeners:
  - name: outbound
    address: 127.0.0.1:${web.port}
    tls: none
    routes:
      - name: greeter
        match: { authority: greeter.mesh, grpc: example.Greeter }
        upstream: greeter
        timeout: 5s
        retry: { on: [connect-failure, refused-stream, reset, unavailable], attempts: 3 }
      - name: orders
        match: { authority: orders.mesh, prefix: /api/ }
        upstream: orders
        timeout: 5s
        retry: { on: [connect-failure, refused-stream, reset, gateway-error], attempts: 3 }

upstreams:
${upstream('greeter', instances)}
${upstream('orders', instances)}`
}

function upstream(service: ServiceName, instances: readonly InstancePlan[]): string {
  const endpoints = instances.filter((instance) => instance.service === service).map(endpointOf)
  return `  ${service}:
    protocol: h2
    endpoints: [${endpoints.map((endpoint) => `"${endpoint}"`).join(', ')}]
    tls: { mode: mutual, peer: "${spiffe(service)}" }
    health: ${CHECK[service]}
    # Only a handful of requests are in flight here at a time: each of them may be a retry.
    limits: { retryBudget: 100% }
`
}

function head(workload: string, { adminPort, metricsPort }: SidecarPlan): string {
  return `service: ${workload}
admin: { address: 127.0.0.1:${adminPort} }
metrics: { address: 127.0.0.1:${metricsPort} }
shutdown: { grace: 2s }

identity:
  trustDomain: ${TRUST_DOMAIN}
  certificateFile: ${workload}.crt
  keyFile: ${workload}.key
  trustBundleFile: ca.crt
`
}

function spiffe(workload: string): string {
  return `spiffe://${TRUST_DOMAIN}/ns/default/sa/${workload}`
}
