import { exponential } from '../distribution.ts'
import { percent } from '../figure.ts'
import { Mesh } from '../mesh.ts'
import type { Study } from '../study.ts'
import { endpoints, LATENCY_COLUMNS, latencyCells, type Scale } from './settings.ts'

const ZONES: readonly string[] = ['a', 'b', 'c']
const PER_ZONE = 4
const LIST = endpoints(ZONES.length * PER_ZONE).map((endpoint, i) => ({
  ...endpoint,
  zone: ZONES[i % ZONES.length] ?? null,
}))

/** Callers by zone, ten in all. */
export type Callers = readonly [number, number, number]
export const EVEN: Callers = [4, 3, 3]
export const UNEVEN: Callers = [6, 2, 2]

export interface ZoneResult {
  readonly mesh: Mesh
  /** Of all requests: those that stay in their caller's zone. */
  readonly local: number
}

/** Endpoints and callers in three zones; `healthy` of the four endpoints of zone a are. */
export function runZones(
  prefer: boolean,
  callers: Callers,
  healthy: number,
  { seed, length }: Scale,
): ZoneResult {
  const zones = callers.flatMap((count, i) => new Array<string>(count).fill(ZONES[i] as string))
  const mesh = new Mesh({
    seed,
    balance: { policy: 'least-request' },
    sidecars: zones.length,
    endpoints: LIST,
    server: () => ({ concurrency: 4, service: exponential(10) }),
    rate: 2400,
    seconds: 20 * length,
    ...(prefer ? { zone: (sidecar) => zones[sidecar] as string } : {}),
  })
  let local = 0
  mesh.watcher = {
    sent: (endpoint, _now, sidecar) => {
      if (endpoint.zone === zones[sidecar]) local += 1
    },
  }
  for (const { set } of mesh.sidecars) {
    const own = set.endpoints.filter(({ zone }) => zone === 'a')
    for (const endpoint of own.slice(healthy)) set.setHealth(endpoint, 'unhealthy', 'simulated')
  }
  mesh.run()
  return { mesh, local: local / mesh.requests }
}

export function zonesStudy(scale: Scale): Study {
  const row = (name: string, prefer: boolean, callers: Callers, healthy: number) => {
    const { mesh, local } = runZones(prefer, callers, healthy, scale)
    const shares = [...mesh.sent.keys()].map((address) => mesh.share(address))
    return [name, percent(local), percent(Math.max(...shares)), ...latencyCells(mesh)]
  }
  const figure = {
    title: 'Zones',
    setting:
      'Twelve endpoints in three zones, four workers of 10 ms each; ten sidecars send 2400 requests/s, half of what the endpoints can do. First 4, 3 and 3 of them are in the zones, then 6, 2 and 2: that a zone with many callers gets busier is the price of staying in it.',
    columns: ['`zones`, callers', 'stays in its zone', 'busiest endpoint', ...LATENCY_COLUMNS],
    rows: [
      row('`ignore`, even', false, EVEN, PER_ZONE),
      row('`prefer`, even', true, EVEN, PER_ZONE),
      row('`prefer`, even, half of one zone unhealthy', true, EVEN, PER_ZONE / 2),
      row('`ignore`, uneven', false, UNEVEN, PER_ZONE),
      row('`prefer`, uneven', true, UNEVEN, PER_ZONE),
    ],
  }
  return { figures: [figure], panels: [] }
}
