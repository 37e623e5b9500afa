import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'
import { logNormal } from '../distribution.ts'
import { type Figure, percent } from '../figure.ts'
import { Mesh } from '../mesh.ts'
import { endpoints, LATENCY_COLUMNS, latencyCells, POLICIES, type Scale } from './settings.ts'

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

export function slowFigures(scale: Scale): Figure[] {
  const table = (kind: SlowKind) =>
    POLICIES.map((balance) => {
      const mesh = runSlow(balance, kind, scale)
      return [balance.policy, percent(mesh.share(SLOW)), ...latencyCells(mesh)]
    })
  const columns = ['policy', 'share of the slow one', ...LATENCY_COLUMNS]
  return [
    {
      title: 'One slow endpoint among ten',
      setting:
        'It takes 100 ms on average, the others 10 ms (log-normal). Each has 64 workers, so that even the slow one can take a tenth of the 4000 requests/s.',
      columns,
      rows: table('spare'),
    },
    {
      title: 'One slow endpoint that cannot take its share',
      setting:
        'The same with 16 workers each: the slow one can do 160 requests/s, a fair share is 400. What is sent to it beyond waits there, longer and longer, for the 25 s that this lasts.',
      columns,
      rows: table('overrun'),
    },
  ]
}
