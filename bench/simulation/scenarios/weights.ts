import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'
import { exponential } from '../distribution.ts'
import { percent } from '../figure.ts'
import { Mesh } from '../mesh.ts'
import type { Study } from '../study.ts'
import { endpoints, LATENCY_COLUMNS, latencyCells, POLICIES, type Scale } from './settings.ts'

export const WEIGHTS: readonly number[] = [1, 2, 3, 4]

/** Endpoints of different size, with weights that say so. */
export function runWeights(balance: BalanceOptions, { seed, length }: Scale): Mesh {
  return new Mesh({
    seed,
    balance,
    sidecars: 4,
    endpoints: endpoints(WEIGHTS.length, WEIGHTS),
    server: ({ weight }) => ({ concurrency: 4 * weight, service: exponential(10) }),
    rate: 3200,
    seconds: 40 * length,
  }).run()
}

export function weightsStudy(scale: Scale): Study {
  const rows = POLICIES.map((balance) => {
    const mesh = runWeights(balance, scale)
    const shares = [...mesh.sent.keys()].map((address) => percent(mesh.share(address)))
    return [balance.policy, ...shares, ...latencyCells(mesh)]
  })
  const figure = {
    title: 'Endpoints of different weights',
    setting:
      'Four endpoints with 4, 8, 12 and 16 workers and weights 1, 2, 3 and 4; 4 sidecars send 3200 requests/s, 80 % of what the endpoints can do.',
    columns: ['policy', ...WEIGHTS.map((weight) => `weight ${weight}`), ...LATENCY_COLUMNS],
    rows,
  }
  return { figures: [figure], panels: [] }
}
