import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'
import type { EndpointOptions } from '../../../proxy/balance/endpoint.ts'
import type { Panel } from '../chart.ts'
import { milliseconds } from '../figure.ts'
import type { Mesh } from '../mesh.ts'

/** How much of a scenario is run. */
export interface Scale {
  readonly seed: number
  /** Factor of each scenario's length: 1 for the published figures, less in tests. */
  readonly length: number
}

/** The policies that go by load or by turns, in the order of the tables. */
export const POLICIES: readonly BalanceOptions[] = [
  { policy: 'round-robin' },
  { policy: 'random' },
  { policy: 'least-request' },
  { policy: 'ewma' },
]

/** `count` endpoints of one priority, with these weights or 1. */
export function endpoints(count: number, weights: readonly number[] = [], priority = 0): EndpointOptions[] {
  return Array.from({ length: count }, (_, i) => endpoint(i, weights[i] ?? 1, priority))
}

export function endpoint(number: number, weight = 1, priority = 0): EndpointOptions {
  const host = `10.0.${priority}.${number + 1}`
  return { address: { host, port: 8080, text: `${host}:8080` }, weight, zone: null, priority }
}

/** The median and the tail, as columns. */
export const LATENCY_COLUMNS = ['p50', 'p99', 'p99.9'] as const

export function latencyCells({ latencies }: Mesh): string[] {
  return [0.5, 0.99, 0.999].map((quantile) => milliseconds(latencies.quantile(quantile)))
}

/** The latencies of one scenario by policy, for the plot. */
export function panelOf(
  title: string,
  runs: readonly { readonly balance: BalanceOptions; readonly mesh: Mesh }[],
): Panel {
  return {
    title,
    curves: runs.map(({ balance, mesh }) => ({ name: balance.policy, latencies: mesh.latencies })),
  }
}
