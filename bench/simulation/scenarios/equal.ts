import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'
import { exponential } from '../distribution.ts'
import { percent } from '../figure.ts'
import { Mesh } from '../mesh.ts'
import type { Study } from '../study.ts'
import { endpoints, LATENCY_COLUMNS, latencyCells, POLICIES, panelOf, type Scale } from './settings.ts'

/** Ten endpoints alike, at 80 % of what they can do. */
export function runEqual(balance: BalanceOptions, { seed, length }: Scale): Mesh {
  return new Mesh({
    seed,
    balance,
    sidecars: 4,
    endpoints: endpoints(10),
    server: () => ({ concurrency: 4, service: exponential(10) }),
    rate: 3200,
    seconds: 40 * length,
  }).run()
}

export function equalStudy(scale: Scale): Study {
  const title = 'Ten equal endpoints'
  const meshes = POLICIES.map((balance) => ({ balance, mesh: runEqual(balance, scale) }))
  const rows = meshes.map(({ balance, mesh }) => {
    const shares = [...mesh.sent.keys()].map((address) => mesh.share(address))
    return [
      balance.policy,
      percent(Math.min(...shares), 2),
      percent(Math.max(...shares), 2),
      ...latencyCells(mesh),
    ]
  })
  const figure = {
    title,
    setting:
      'Each has four workers and takes 10 ms per request on average (exponential); 4 sidecars send 3200 requests/s, 80 % of what the endpoints can do. A fair share is 10 %.',
    columns: ['policy', 'smallest share', 'largest share', ...LATENCY_COLUMNS],
    rows,
  }
  return { figures: [figure], panels: [panelOf(title, meshes)] }
}
