import { readFile } from 'node:fs/promises'
import type { Callers } from './callers.ts'
import { Checklist, expect } from './checklist.ts'
import { BOTH_KILLED, type Disruption, SERVICE_KILLED } from './disruption.ts'
import { callHttp } from './http-call.ts'
import type { Mesh } from './mesh.ts'
import { sumOf } from './metric-samples.ts'
import { readEndpoint, readHealthMetric, readMetrics } from './observation.ts'
import { caFile, certificateFiles, type ServiceName } from './plan.ts'
import type { Screen } from './screen.ts'
import { sleep, until } from './waiting.ts'

/** Calls per second while an instance fails. */
const PACE = 100
/** Calls that every instance has to have taken a share of before one fails. */
const WARM_UP = 50
/** Longest time for an instance to leave, or to return, in milliseconds. */
const CHANGE_TIMEOUT = 10_000
/** Load goes on for this long after each change, in milliseconds. */
const AFTERMATH = 500

/** The demo without anybody watching: checks what it promises, step by step. Resolves to whether all of it held. */
export async function runScenario(
  mesh: Mesh,
  callers: Callers,
  screen: Screen,
  signal: AbortSignal,
): Promise<boolean> {
  const checklist = new Checklist(screen, signal)
  await checkCalls(mesh, callers, checklist)
  await checkIdentities(mesh, checklist)
  const failover = { mesh, callers, checklist, signal }
  await checkFailover(failover, 'greeter', 'greeter-2', SERVICE_KILLED)
  await checkFailover(failover, 'orders', 'orders-1', BOTH_KILLED)
  await checkMetrics(mesh, checklist)
  const { passed, failed } = checklist
  screen.say(
    failed === 0 ? `${passed} of ${passed} checks passed` : `${failed} of ${passed + failed} checks failed`,
  )
  return failed === 0
}

async function checkCalls({ plan }: Mesh, { greeter, orders }: Callers, checklist: Checklist): Promise<void> {
  await checklist.check('REST GET across two sidecars', async () => {
    const { instance, text } = await orders.read()
    return `${text} from ${instance}`
  })
  await checklist.check('REST POST across two sidecars', async () => {
    const { instance, text } = await orders.add('tea', 3)
    return `${text} from ${instance}`
  })
  await checklist.check('gRPC across two sidecars', async () => {
    const { instance, text } = await greeter.hello('Ada')
    expect(text === 'Hello, Ada.', `expected "Hello, Ada.", got "${text}"`)
    return `${text} from ${instance}`
  })
  await checklist.check('calls are spread over all instances', async () => {
    const calls = Array.from({ length: 40 }, (_, i) => [greeter.hello(`caller ${i}`), orders.read()])
    const seen = new Set((await Promise.all(calls.flat())).map(({ instance }) => instance))
    const missing = plan.instances.map(({ name }) => name).filter((name) => !seen.has(name))
    expect(missing.length === 0, `80 calls, none answered by ${missing.join(', ')}`)
    return [...seen].sort().join(', ')
  })
  await checklist.check('a host without a route is refused', async () => {
    const { status } = await callHttp({ port: plan.web.port, path: '/', headers: { host: 'nobody.mesh' } })
    expect(status === 404, `expected status 404, got ${status}`)
    return 'status 404'
  })
}

/** Who gets in at the sidecars beside the services. */
async function checkIdentities({ plan }: Mesh, checklist: Checklist): Promise<void> {
  const { folder, instances } = plan
  const ca = await readFile(caFile(folder), 'utf8')
  const as = async (workload: string) => {
    const { certificateFile, keyFile } = certificateFiles(folder, workload)
    return { ca, cert: await readFile(certificateFile, 'utf8'), key: await readFile(keyFile, 'utf8') }
  }
  const path = { greeter: '/example.Greeter/SayHello', orders: '/api/orders/1' }
  for (const service of ['greeter', 'orders'] as const) {
    const { name, sidecar } = instances.find((instance) => instance.service === service)!
    const call = { port: sidecar.port, path: path[service] }
    await checklist.check(`a caller without certificate is refused at ${name}`, async () => {
      const refusals = async () =>
        sumOf(await readMetrics(sidecar), 'pillion_tls_handshake_failures_total', {
          reason: 'no-certificate',
        })
      const before = await refusals()
      const outcome = await callHttp({ ...call, tls: { ca } }).then(
        ({ status }) => ({ status, message: '' }),
        (error: Error) => ({ status: 0, message: error.message }),
      )
      expect(outcome.status === 0, `it got an answer, status ${outcome.status}`)
      expect((await refusals()) > before, `the sidecar did not count it as refused: ${outcome.message}`)
      return `connection closed (${outcome.message}), counted as no-certificate`
    })
    await checklist.check(`a workload that no rule allows is refused at ${name}`, async () => {
      const { status, body } = await callHttp({ ...call, tls: await as('guest') })
      expect(status === 403, `expected status 403, got ${status}: ${body.trim()}`)
      return body.trim()
    })
  }
}

interface Failover {
  readonly mesh: Mesh
  readonly callers: Callers
  readonly checklist: Checklist
  readonly signal: AbortSignal
}

/** Takes an instance away and gives it back, under load. */
async function checkFailover(
  { mesh, callers, checklist, signal }: Failover,
  service: ServiceName,
  name: string,
  { what, strike }: Disruption,
): Promise<void> {
  const { web } = mesh.plan
  const instance = mesh.instance(name)
  const traffic = callers.traffic(service)
  const retries = async () =>
    sumOf(await readMetrics(web), 'pillion_upstream_retries_total', { upstream: service })
  const retriesBefore = await retries()
  traffic.start(PACE)
  try {
    await until(`${WARM_UP} calls to ${service}`, CHANGE_TIMEOUT, signal, () =>
      traffic.calls >= WARM_UP && traffic.byInstance.has(name) ? true : null,
    )
    const from = performance.now()
    await strike(instance, traffic, signal)
    await checklist.check(`${name} leaves by health check (${what})`, async () => {
      const why = await until(`${name} to be unhealthy`, CHANGE_TIMEOUT, signal, async () => {
        const { health, lastCheck } = await readEndpoint(web, instance.plan)
        return health === 'unhealthy' ? lastCheck : null
      })
      const took = seconds(from)
      const metric = await readHealthMetric(web, instance.plan)
      expect(metric === 0, `pillion_upstream_healthy is ${metric}, expected 0`)
      return `unhealthy after ${took}, ${why}; pillion_upstream_healthy 0`
    })
    await sleep(AFTERMATH, signal)
    await checklist.check(`${name} returns when it is started again`, async () => {
      await instance.start(signal)
      const ready = performance.now()
      const answered = traffic.byInstance.get(name) ?? 0
      await until(`${name} to be healthy again`, CHANGE_TIMEOUT, signal, async () =>
        (await readEndpoint(web, instance.plan)).health === 'healthy' ? true : null,
      )
      const took = seconds(ready)
      await until(`${name} to answer calls again`, CHANGE_TIMEOUT, signal, () =>
        (traffic.byInstance.get(name) ?? 0) > answered ? true : null,
      )
      return `healthy ${took} after its start, and answers calls`
    })
    await sleep(AFTERMATH, signal)
  } finally {
    await traffic.stop()
  }
  await checklist.check(`no call to ${service} is lost meanwhile`, async () => {
    const { calls, errors, lastError } = traffic
    expect(errors === 0, `${errors} of ${calls} calls lost, the last one: ${lastError}`)
    return `${calls} calls, 0 lost, ${(await retries()) - retriesBefore} retries`
  })
}

async function checkMetrics({ plan }: Mesh, checklist: Checklist): Promise<void> {
  const { instances, web } = plan
  await checklist.check('the metrics of the caller’s sidecar show both services', async () => {
    const samples = await readMetrics(web)
    const answered = (labels: Record<string, string>) =>
      sumOf(samples, 'pillion_requests_total', { direction: 'outbound', ...labels })
    const grpc = answered({ upstream: 'greeter', code: '200', grpc_status: '0' })
    const rest = answered({ upstream: 'orders', code: '200' })
    const healthy = sumOf(samples, 'pillion_upstream_healthy')
    expect(grpc > 0 && rest > 0, `counted ${grpc} gRPC calls and ${rest} REST calls`)
    expect(healthy === instances.length, `${healthy} of ${instances.length} endpoints are healthy`)
    return `${grpc} gRPC calls, ${rest} REST calls, ${healthy} of ${instances.length} endpoints healthy`
  })
  await checklist.check('the metrics of every service’s sidecar show calls over mutual TLS', async () => {
    const counts: string[] = []
    for (const { name, sidecar } of instances) {
      const samples = await readMetrics(sidecar)
      const answered = sumOf(samples, 'pillion_requests_total', { direction: 'inbound', code: '200' })
      const handshakes = sumOf(samples, 'pillion_tls_handshakes_total')
      expect(answered > 0 && handshakes > 0, `${name}: ${answered} calls, ${handshakes} TLS handshakes`)
      counts.push(`${name} ${answered}`)
    }
    return counts.join(', ')
  })
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
