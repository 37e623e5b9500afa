import { parseConfig } from '../../../config/load.ts'
import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'
import type { OutlierOptions } from '../../../proxy/balance/outlier.ts'
import { logNormal } from '../distribution.ts'
import { percent } from '../figure.ts'
import { Mesh } from '../mesh.ts'
import type { Study } from '../study.ts'
import { endpoints, POLICIES, type Scale } from './settings.ts'

const LIST = endpoints(10)
export const FAILING = LIST[6]?.address.text ?? ''
/** Share of its requests that an endpoint fails which is only half broken. */
const PART = 0.1

/** What `outlier: {}` means. */
export const OUTLIER = outlierOf('{}')
/** Nothing but failures in a row. */
export const IN_A_ROW = outlierOf('{ successRate: off }')

/** One endpoint of ten answers every request with an error, in 1 ms. */
export function runFailing(balance: BalanceOptions, outlier: OutlierOptions | null, scale: Scale): Mesh {
  const mesh = meshOf(balance, outlier, scale)
  mesh.server(FAILING).failsAfter = 1
  return mesh.run()
}

/** One endpoint of ten fails one of ten requests, and takes its time for it. */
export function runHalfBroken(balance: BalanceOptions, outlier: OutlierOptions | null, scale: Scale): Mesh {
  const mesh = meshOf(balance, outlier, scale)
  mesh.server(FAILING).failing = PART
  return mesh.run()
}

function meshOf(balance: BalanceOptions, outlier: OutlierOptions | null, { seed, length }: Scale): Mesh {
  return new Mesh({
    seed,
    balance,
    sidecars: 4,
    endpoints: LIST,
    server: () => ({ concurrency: 16, service: logNormal(10, 0.8) }),
    rate: 4000,
    seconds: 40 * length,
    outlier,
  })
}

export function failingStudy(scale: Scale): Study {
  const failed = (mesh: Mesh, digits: number) => percent(mesh.failures / mesh.requests, digits)
  return {
    figures: [
      {
        title: 'One endpoint that fails fast',
        setting:
          'It answers everything with an error after 1 ms; the others take 10 ms on average. 4 sidecars send 4000 requests/s for 40 s, without retries. A fair share is 10 %. With `outlier: {}` each sidecar ejects it after five failures in a row, and again when it returns after 30 s.',
        columns: ['policy', 'its share', 'failed requests', 'failed with `outlier`'],
        rows: POLICIES.map((balance) => {
          const without = runFailing(balance, null, scale)
          const ejected = runFailing(balance, OUTLIER, scale)
          return [balance.policy, percent(without.share(FAILING), 2), failed(without, 2), failed(ejected, 3)]
        }),
      },
      {
        title: 'One endpoint that fails now and then',
        setting:
          'It fails one of ten requests, after as long as the others take. It hardly ever fails five in a row; its success rate tells after the first `interval` of 10 s.',
        columns: [
          'policy',
          'its share',
          'failed requests',
          'failed with `successRate: off`',
          'failed with `outlier: {}`',
        ],
        rows: POLICIES.map((balance) => {
          const without = runHalfBroken(balance, null, scale)
          return [
            balance.policy,
            percent(without.share(FAILING), 2),
            failed(without, 2),
            failed(runHalfBroken(balance, IN_A_ROW, scale), 2),
            failed(runHalfBroken(balance, OUTLIER, scale), 2),
          ]
        }),
      },
    ],
    panels: [],
  }
}

/** What a sidecar makes of this `outlier` in its configuration. */
function outlierOf(text: string): OutlierOptions {
  const parsed = parseConfig(
    `service: simulation
listeners: [{ name: outbound, address: "127.0.0.1:0", routes: [{ upstream: ten }] }]
upstreams: { ten: { endpoints: ["127.0.0.1:1"], outlier: ${text} } }
`,
    'simulation.yaml',
    '.',
  )
  const outlier = parsed.ok ? parsed.config.upstreams[0]?.outlier : null
  if (!outlier) throw new Error(`outlier: ${text} is not valid`)
  return outlier
}
