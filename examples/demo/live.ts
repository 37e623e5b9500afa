import type { Callers } from './callers.ts'
import { curlLines } from './curl-lines.ts'
import { DemoError } from './demo-error.ts'
import { BOTH_KILLED, BOTH_KILLED_IDLE, BOTH_STOPPED, type Disruption, SERVICE_KILLED } from './disruption.ts'
import type { Mesh } from './mesh.ts'
import { sumOf } from './metric-samples.ts'
import { type EndpointState, readMetrics, readUpstreams } from './observation.ts'
import { endpointOf, type ServiceName } from './plan.ts'
import type { Screen } from './screen.ts'
import { briefSummary, fullSummary, type ServiceSummary } from './summary.ts'
import type { Traffic } from './traffic.ts'
import { sleep } from './waiting.ts'

/** Calls per second, to each service. */
const PACE = 20
/** Every how many calls to the orders make one. */
const ADD_EVERY = 20
/** Time in which nothing happens to any instance, in milliseconds. */
const CALM = 9000
/** Time that an instance is away, in milliseconds. */
const AWAY = 7000
/** Events shown. */
const EVENTS = 5

const STORY: readonly (readonly [string, Disruption])[] = [
  ['greeter-2', SERVICE_KILLED],
  ['orders-1', BOTH_STOPPED],
  ['greeter-3', BOTH_KILLED],
  ['orders-2', BOTH_KILLED_IDLE],
  ['greeter-1', BOTH_STOPPED],
]

/**
 * Sends light traffic, takes an instance away now and then, and shows how it goes, until `signal` aborts: rejects with
 * its reason then.
 * @param fail ends the demo, by way of `signal`, when an instance does not come back
 */
export async function runLive(
  mesh: Mesh,
  callers: Callers,
  screen: Screen,
  signal: AbortSignal,
  fail: (error: unknown) => void,
): Promise<void> {
  screen.say(`\nTo try in another terminal:\n\n${curlLines(mesh.plan).join('\n')}`)
  const events: string[] = []
  const tell = (event: string) => {
    const line = `${new Date().toTimeString().slice(0, 8)}  ${event}`
    if (screen.every > 1000) screen.say(line)
    events.push(line)
    if (events.length > EVENTS) events.shift()
  }
  const traffic = [callers.traffic('greeter'), callers.traffic('orders', ADD_EVERY)]
  for (const one of traffic) one.start(PACE)
  const story = tellStory(mesh, traffic, tell, signal).catch(fail)
  try {
    let services: ServiceSummary[] = []
    for (;;) {
      services = await summarize(mesh, traffic, services)
      screen.show(fullSummary(services, events), briefSummary(services))
      await sleep(screen.every, signal)
    }
  } finally {
    screen.leave()
    await story
    await Promise.all(traffic.map((one) => one.stop()))
    screen.say(traffic.map(({ name, calls, errors }) => `${name}: ${calls} calls, ${errors} lost`).join('; '))
  }
}

async function tellStory(
  mesh: Mesh,
  traffic: readonly Traffic[],
  tell: (event: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let nth = 0; ; nth++) {
    await sleep(CALM, signal)
    const [name, { what, strike }] = STORY[nth % STORY.length] as (typeof STORY)[number]
    const instance = mesh.instance(name)
    tell(`${name}: ${what}`)
    const own = traffic.find((one) => one.name === instance.plan.service) as Traffic
    await strike(instance, own, signal)
    await sleep(AWAY, signal)
    tell(`${name}: starting again`)
    await instance.start(signal)
  }
}

/** `before` stands in for what cannot be read now, as after the computer was asleep. */
async function summarize(
  mesh: Mesh,
  traffic: readonly Traffic[],
  before: readonly ServiceSummary[],
): Promise<ServiceSummary[]> {
  try {
    const { instances, web } = mesh.plan
    const [upstreams, metrics] = await Promise.all([readUpstreams(web), readMetrics(web)])
    const states = new Map<string, EndpointState>(
      upstreams.flatMap(({ endpoints }) =>
        endpoints.map((endpoint) => [endpoint.address, endpoint] as const),
      ),
    )
    return traffic.map((one) => ({
      traffic: one,
      retries: sumOf(metrics, 'pillion_upstream_retries_total', { upstream: one.name }),
      instances: instances
        .filter(({ service }) => service === (one.name as ServiceName))
        .map((instance) => ({ name: instance.name, endpoint: states.get(endpointOf(instance)) ?? null })),
    }))
  } catch (error) {
    if (error instanceof DemoError) return [...before]
    throw error
  }
}
