import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'
import { logNormal } from '../distribution.ts'
import { percent } from '../figure.ts'
import { Mesh } from '../mesh.ts'
import type { Study } from '../study.ts'
import { endpoints, POLICIES, type Scale } from './settings.ts'

const LIST = endpoints(10)
export const FAILING = LIST[6]?.address.text ?? ''

/** One endpoint of ten answers every request with an error, in 1 ms. */
export function runFailing(balance: BalanceOptions, outlier: boolean, { seed, length }: Scale): Mesh {
  const mesh = new Mesh({
    seed,
    balance,
    sidecars: 4,
    endpoints: LIST,
    server: () => ({ concurrency: 16, service: logNormal(10, 0.8) }),
    rate: 4000,
    seconds: 20 * length,
    ...(outlier ? { outlier: { consecutive: 5, eject: 30_000, maxEjected: 0.5 } } : {}),
  })
  mesh.server(FAILING).failsAfter = 1
  return mesh.run()
}

export function failingStudy(scale: Scale): Study {
  const rows = POLICIES.map((balance) => {
    const without = runFailing(balance, false, scale)
    const ejected = runFailing(balance, true, scale)
    return [
      balance.policy,
      percent(without.share(FAILING), 2),
      percent(without.failures / without.requests, 2),
      percent(ejected.failures / ejected.requests, 3),
    ]
  })
  const figure = {
    title: 'One endpoint that fails fast',
    setting:
      'It answers everything with an error after 1 ms; the others take 10 ms on average. 4 sidecars send 4000 requests/s for 20 s, without retries. A fair share is 10 %. With `outlier: {}` each sidecar ejects it after five failures in a row.',
    columns: ['policy', 'its share', 'failed requests', 'failed with `outlier`'],
    rows,
  }
  return { figures: [figure], panels: [] }
}
