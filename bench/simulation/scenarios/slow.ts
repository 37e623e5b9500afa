import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'
import { logNormal } from '../distribution.ts'
import { percent } from '../figure.ts'
import { Mesh } from '../mesh.ts'
import type { Study } from '../study.ts'
import { endpoints, LATENCY_COLUMNS, latencyCells, POLICIES, panelOf, type Scale } from './settings.ts'

/** `spare`: the slow one can take a fair share, only slowly. `overrun`: it cannot. */
export type SlowKind = 'spare' | 'overrun'

const WORKERS: Record<SlowKind, number> = { spare: 64, overrun: 16 }
const RATE = 4000

const LIST = endpoints(10)
export const SLOW = LIST[3]?.address.text ?? ''

/** One endpoint of ten is ten times as slow as the others. */
export function runSlow(balance: BalanceOptions, kind: SlowKind, { seed, length }: Scale): Mesh {
  return new Mesh({
    seed,
    balance,
    sidecars: 4,
    endpoints: LIST,
    server: ({ address }) => ({
      concurrency: WORKERS[kind],
      service: logNormal(address.text === SLOW ? 100 : 10, 0.8),
    }),
    rate: RATE,
    seconds: 25 * length,
  }).run()
}

const TITLES: Record<SlowKind, string> = {
  spare: 'One slow endpoint among ten',
  overrun: 'A slow endpoint, overrun',
}
const SETTINGS: Record<SlowKind, string> = {
  spare:
    'It takes 100 ms on average, the others 10 ms (log-normal). Each has 64 workers, so that even the slow one can take a tenth of the 4000 requests/s.',
  overrun:
    'The same with 16 workers each: the slow one can do 160 requests/s, a fair share is 400. What is sent to it beyond waits there, longer and longer, for the 25 s that this lasts.',
}

export function slowStudy(scale: Scale): Study {
  const kinds: readonly SlowKind[] = ['spare', 'overrun']
  const runs = kinds.map((kind) => ({
    kind,
    meshes: POLICIES.map((balance) => ({ balance, mesh: runSlow(balance, kind, scale) })),
  }))
  return {
    figures: runs.map(({ kind, meshes }) => ({
      title: TITLES[kind],
      setting: SETTINGS[kind],
      columns: ['policy', 'share of the slow one', ...LATENCY_COLUMNS],
      rows: meshes.map(({ balance, mesh }) => [
        balance.policy,
        percent(mesh.share(SLOW)),
        ...latencyCells(mesh),
      ]),
    })),
    panels: runs.map(({ kind, meshes }) => panelOf(TITLES[kind], meshes)),
  }
}
