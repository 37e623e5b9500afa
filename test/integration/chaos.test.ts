import t, { type Test } from 'tap'
import { SeededRandom } from '../../proxy/base/random.ts'
import { ChaosEndpoint, reservedPorts } from '../support/chaos/chaos-endpoint.ts'
import { ChaosScript } from '../support/chaos/chaos-script.ts'
import { FAULTS } from '../support/chaos/fault.ts'
import { PacedLoad } from '../support/chaos/paced-load.ts'
import { createMesh } from '../support/mesh-folder.ts'
import { GreeterClient } from '../support/peers/greeter-client.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { type Sidecar, startSidecar } from '../support/sidecar.ts'

/** How long each seed lasts; `PILLION_CHAOS_SECONDS=300 PILLION_CHAOS_SEEDS=1,2,3` for more. */
const SECONDS = Number(process.env['PILLION_CHAOS_SECONDS'] ?? 20)
const SEEDS = (process.env['PILLION_CHAOS_SEEDS'] ?? '1').split(',').map(Number)
/** Requests per second. */
const RATE = 240
/** Requests one after the other before it begins. */
const WARM_UP = 120
/** Retries that are allowed in any ten seconds, whatever the share (docs/configuration.md, `limits.retryBudget`). */
const ALWAYS = 30
/** Causes of retries that reached no endpoint: these are not paid for. */
const FREE = ['connect-failure', 'connect-timeout', 'goaway', 'upstream-closed-reused']

const PROTOCOLS = ['http1', 'h2', 'grpc'] as const

t.setTimeout((SEEDS.length * (SECONDS + 90) + 30) * 1000)

for (const seed of SEEDS) {
  t.test(`ten endpoints die, hang, crawl, reset and fail, seed ${seed}`, async (t) => {
    const random = new SeededRandom(seed)
    const endpoints = await startEndpoints(t)
    const sidecar = await startSidecar(t, {
      mesh: await createMesh(t),
      service: 'web',
      anonymous: true,
      config: configuration(endpoints),
    })
    const request = caller(t, sidecar)
    // Programs that have just started are slow, the more so on a busy machine.
    for (let i = 0; i < WARM_UP; i++) await request(i)
    const load = new PacedLoad(RATE, request)
    t.teardown(() => load.stop())
    const states = new States(sidecar)
    const script = new ChaosScript(endpoints, random)
    await Promise.all([script.run(SECONDS).finally(() => states.stop()), states.watch()])
    await load.stop()

    if (load.failures.length > 0) t.comment(script.log.join('\n'))
    t.strictSame(load.failures, [], 'no request failed')
    t.ok(load.made > (RATE * SECONDS) / 4, `${load.made} requests were made`)
    if (SECONDS >= 20) t.same(new Set(script.inflicted.keys()), new Set(FAULTS), 'everything happened')
    const retries = await sidecar.metric('pillion_upstream_retries_total')
    const refusedRetries = await sidecar.metric('pillion_upstream_retries_overflow_total')
    for (const upstream of PROTOCOLS) {
      const causes = Object.entries(retries).filter(([labels]) => labels.includes(`upstream=${upstream}`))
      const paid = causes.filter(([labels]) => !FREE.some((cause) => labels.includes(`cause=${cause}`)))
      t.ok(sum(causes) > 0, `${upstream}: ${sum(causes)} retries, ${sum(paid)} of the budget`)
      t.ok(sum(paid) <= 0.2 * (load.made / 3) + ALWAYS * (SECONDS / 10 + 1), 'within the budget')
      t.equal(refusedRetries[`upstream=${upstream}`], 0, 'which was never used up')
      t.ok(states.ejected.has(upstream), `an endpoint of ${upstream} was ejected`)
      t.ok(states.unhealthy.has(upstream), `an endpoint of ${upstream} was unhealthy`)
    }
    await returned(sidecar)
    await sidecar.stop(t)
  })
}

function sum(samples: readonly [string, number][]): number {
  return samples.reduce((total, [, value]) => total + value, 0)
}

async function startEndpoints(t: Test): Promise<ChaosEndpoint[]> {
  const ports = await reservedPorts(30, { next: Math.random })
  const endpoints = Array.from({ length: 10 }, (_, i) => {
    const [http1 = 0, h2 = 0, grpc = 0] = ports.slice(3 * i)
    return new ChaosEndpoint(`endpoint-${i}`, [http1, h2, grpc])
  })
  for (const endpoint of endpoints) t.teardown(() => endpoint.stop())
  await Promise.all(endpoints.map((endpoint) => endpoint.start()))
  return endpoints
}

function configuration(endpoints: readonly ChaosEndpoint[]): string {
  const retry =
    '{ on: [connect-failure, refused-stream, reset, gateway-error, unavailable], attempts: 6, perTryTimeout: 2s }'
  const upstream = (name: (typeof PROTOCOLS)[number], protocol: string, health: string) => `  ${name}:
    protocol: ${protocol}
    endpoints: [${endpoints.map(({ ports }) => `"127.0.0.1:${ports[name]}"`).join(', ')}]
    health: { ${health}, interval: 500ms, timeout: 1s, unhealthyAfter: 2, healthyAfter: 1 }
    outlier: { consecutive: 3, eject: 2s }`
  return `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes:
      - { match: { prefix: /http1 }, upstream: http1, retry: ${retry} }
      - { match: { prefix: /h2 }, upstream: h2, retry: ${retry} }
      - { match: { grpc: example.Greeter }, upstream: grpc, retry: ${retry} }
upstreams:
${upstream('http1', 'http1', 'http: { path: /healthz }')}
${upstream('h2', 'h2', 'http: { path: /healthz }')}
${upstream('grpc', 'h2', 'grpc: { service: example.Greeter }')}`
}

/** Requests by turns: over HTTP/1.1 and HTTP/2 to endpoints that speak either, and gRPC. */
function caller(t: Test, sidecar: Sidecar): (number: number) => Promise<void> {
  const port = sidecar.port('outbound')
  const http1 = new Http1Client({ port, connections: 64 })
  const http2 = new Http2Client({ port })
  const greeter = new GreeterClient(`127.0.0.1:${port}`, 'greeter.mesh')
  t.teardown(() => {
    http1.close()
    http2.close()
    greeter.close()
  })
  const get = async (client: Http1Client | Http2Client, path: string) => {
    const { status, headers, body } = await client.request({ path })
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${headers['x-pillion-reason']}: ${body}`)
    const expected = path.startsWith('/http1') ? 'hello\n' : ''
    if (body.toString() !== expected) throw new Error(`GET ${path}: got ${body}`)
  }
  const kinds = [
    () => get(http1, '/http1/by-http1'),
    () => get(http2, '/h2/by-h2'),
    async () => void (await greeter.greet()),
    () => get(http2, '/http1/by-h2'),
    () => get(http1, '/h2/by-http1'),
    async () => void (await greeter.greet()),
  ]
  return (number) => (kinds[number % kinds.length] as () => Promise<void>)()
}

/** What the metrics say of the endpoints, while things happen. */
class States {
  /** Upstreams of which an endpoint was seen in that state. */
  readonly ejected = new Set<string>()
  readonly unhealthy = new Set<string>()
  readonly #sidecar: Sidecar
  #watching = true

  constructor(sidecar: Sidecar) {
    this.#sidecar = sidecar
  }

  stop(): void {
    this.#watching = false
  }

  async watch(): Promise<void> {
    while (this.#watching) {
      const states = await this.#sidecar.metric('pillion_upstream_endpoints')
      for (const upstream of PROTOCOLS) {
        if ((states[`state=ejected,upstream=${upstream}`] ?? 0) > 0) this.ejected.add(upstream)
        if ((states[`state=unhealthy,upstream=${upstream}`] ?? 0) > 0) this.unhealthy.add(upstream)
      }
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}

/** Waits until every endpoint is in use again; rejects after 20 s. */
async function returned(sidecar: Sidecar): Promise<void> {
  const end = performance.now() + 20_000
  for (;;) {
    const states = await sidecar.metric('pillion_upstream_endpoints')
    const out = Object.entries(states).filter(
      ([labels, count]) => !labels.startsWith('state=healthy') && count > 0,
    )
    if (out.length === 0) return
    if (performance.now() > end) throw new Error(`still out: ${out.join(' ')}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
