import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { exponential } from '../distribution.ts'
import { milliseconds } from '../figure.ts'
import { Latencies } from '../latencies.ts'
import { Mesh, type Watcher } from '../mesh.ts'
import { ShareOverTime } from '../share-over-time.ts'
import type { Study } from '../study.ts'
import { endpoints, POLICIES, type Scale } from './settings.ts'

const SIDECARS = 50
const RATE = 1000
const LIST = endpoints(10)
const BACK = LIST[2]?.address.text ?? ''
/** Seconds after the start at which an endpoint returns to every sidecar at once. */
const RETURN = 10

/** How crowded the most crowded endpoint was, whenever something was sent. */
class Crowd implements Watcher {
  readonly largest = new Latencies()
  readonly #mesh: Mesh

  constructor(mesh: Mesh) {
    this.#mesh = mesh
  }

  sent(endpoint: Endpoint): void {
    this.largest.add(this.#mesh.server(endpoint.address).load + 1)
  }
}

export interface ManyResult {
  readonly mesh: Mesh
  /** Requests that one finds at its endpoint, itself counted: the 99th percentile. */
  readonly crowd: number
}

/** Fifty sidecars with little traffic each, none of which knows what the others do; in step, or each for itself. */
export function runMany(balance: BalanceOptions, inStep: boolean, { seed, length }: Scale): ManyResult {
  const mesh = new Mesh({
    seed,
    balance,
    sidecars: SIDECARS,
    endpoints: LIST,
    server: () => ({ concurrency: 8, service: exponential(20) }),
    rate: RATE,
    seconds: 60 * length,
    inStep,
  })
  const crowd = new Crowd(mesh)
  mesh.watcher = crowd
  mesh.run()
  return { mesh, crowd: crowd.largest.quantile(0.99) }
}

/** An endpoint returns to fifty sidecars at the same moment: how much more than its share it gets, by seconds. */
export function runReturn(balance: BalanceOptions, { seed }: Scale): readonly number[] {
  const mesh = new Mesh({
    seed,
    balance,
    sidecars: SIDECARS,
    endpoints: LIST,
    server: () => ({ concurrency: 8, service: exponential(20) }),
    rate: RATE,
    seconds: RETURN + 5,
  })
  const share = new ShareOverTime(BACK, RETURN, 1, 5)
  mesh.watcher = share
  for (const { set } of mesh.sidecars) {
    const endpoint = set.endpoints.find(({ address }) => address === BACK)
    if (endpoint === undefined) continue
    set.setHealth(endpoint, 'unhealthy', 'simulated')
    mesh.at(RETURN, () => set.setHealth(endpoint, 'healthy', 'simulated'))
  }
  mesh.run()
  return share.shares.map((one) => one * LIST.length)
}

export function manyStudy(scale: Scale): Study {
  const figures = [
    {
      title: 'Fifty sidecars that know nothing of each other',
      setting:
        'Each sends 20 requests/s to the same ten endpoints, which have 8 workers and take 20 ms on average: 25 % of what they can do. First each sidecar sends when it happens to; then all fifty send at the same moments, one request each. Crowd is how many requests are at the endpoint that one goes to, itself counted.',
      columns: ['policy', 'crowd, p99', 'latency, p99', 'in step: crowd, p99', 'in step: latency, p99'],
      rows: POLICIES.map((balance) => {
        const cells = [false, true].flatMap((inStep) => {
          const { mesh, crowd } = runMany(balance, inStep, scale)
          return [String(crowd), milliseconds(mesh.latencies.quantile(0.99))]
        })
        return [balance.policy, ...cells]
      }),
    },
    {
      title: 'An endpoint returns to fifty sidecars at once',
      setting:
        'The same sidecars; one endpoint was out and is healthy again, everywhere at the same moment. What it gets in each second from then on, as a multiple of the fair share.',
      columns: ['policy', ...Array.from({ length: 5 }, (_, i) => `second ${i + 1}`)],
      rows: POLICIES.map((balance) => [
        balance.policy,
        ...runReturn(balance, scale).map((multiple) => multiple.toFixed(2)),
      ]),
    },
  ]
  return { figures, panels: [] }
}
