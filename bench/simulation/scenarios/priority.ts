import { exponential } from '../distribution.ts'
import { percent } from '../figure.ts'
import { Mesh } from '../mesh.ts'
import type { Study } from '../study.ts'
import { endpoints, LATENCY_COLUMNS, latencyCells, type Scale } from './settings.ts'

const COUNT = 10
const FIRST = endpoints(COUNT, [], 0)
const SECOND = endpoints(COUNT, [], 1)

/** Ten endpoints of priority 0, `healthy` of which are, and ten healthy ones of priority 1. */
export function runPriority(healthy: number, { seed, length }: Scale): { mesh: Mesh; share: number } {
  const mesh = new Mesh({
    seed,
    balance: { policy: 'least-request' },
    sidecars: 4,
    endpoints: [...FIRST, ...SECOND],
    server: () => ({ concurrency: 4, service: exponential(10) }),
    rate: 2000,
    seconds: 10 * length,
  })
  for (const { set } of mesh.sidecars) {
    for (const endpoint of set.endpoints.slice(healthy, COUNT))
      set.setHealth(endpoint, 'unhealthy', 'simulated')
  }
  mesh.run()
  let share = 0
  for (const { address } of FIRST) share += mesh.share(address.text)
  return { mesh, share }
}

export function priorityStudy(scale: Scale): Study {
  const rows = Array.from({ length: COUNT + 1 }, (_, i) => {
    const healthy = COUNT - i
    const { mesh, share } = runPriority(healthy, scale)
    return [percent(healthy / COUNT, 0), percent(share), percent(1 - share), ...latencyCells(mesh)]
  })
  const figure = {
    title: 'Failover to the next priority',
    setting:
      'Ten endpoints of priority 0 and ten of priority 1, with four workers of 10 ms each; 2000 requests/s, `least-request`. Priority 0 keeps everything while 71.4 % of it is healthy, then what it lacks goes to priority 1.',
    columns: ['healthy of priority 0', 'to priority 0', 'to priority 1', ...LATENCY_COLUMNS],
    rows,
  }
  return { figures: [figure], panels: [] }
}
