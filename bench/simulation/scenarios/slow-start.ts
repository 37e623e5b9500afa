import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'
import { exponential } from '../distribution.ts'
import { milliseconds, percent } from '../figure.ts'
import { Latencies } from '../latencies.ts'
import { Mesh } from '../mesh.ts'
import { ShareOverTime } from '../share-over-time.ts'
import type { Study } from '../study.ts'
import { endpoint, endpoints, POLICIES, type Scale } from './settings.ts'

const LIST = endpoints(9)
const NEWCOMER = endpoint(9)
/** Seconds after the start. */
const JOINS = 5
/** Seconds until its caches are warm, and as much for slow start. */
const COLD = 30
const WINDOWS = 6
/** How many times as long its first requests take. */
const COLD_FACTOR = 8

export const SLOW_START = { window: 1000 * COLD, aggression: 1, minimum: 0.1 } as const

export interface SlowStartResult {
  /** Of the newcomer, in six windows of five seconds from its first moment on. */
  readonly shares: readonly number[]
  /** 99th percentile of all requests in the first ten seconds after it joined, in milliseconds. */
  readonly p99: number
}

/** A tenth endpoint joins, and is slow at first. */
export function runSlowStart(
  policy: BalanceOptions['policy'],
  slowStart: boolean,
  { seed }: Scale,
): SlowStartResult {
  const mesh = new Mesh({
    seed,
    balance: { policy, slowStart: slowStart ? SLOW_START : null },
    sidecars: 2,
    endpoints: LIST,
    server: () => ({ concurrency: 4, service: exponential(10) }),
    rate: 2000,
    seconds: JOINS + COLD,
  })
  const share = new ShareOverTime(NEWCOMER.address.text, JOINS, COLD / WINDOWS, WINDOWS)
  mesh.watcher = share
  mesh.at(JOINS, ({ time, sidecars }) => {
    const joined = time.now()
    mesh.addServer(NEWCOMER)
    mesh.server(NEWCOMER.address.text).service = (random) => {
      const warmth = Math.min(1, (time.now() - joined) / (1000 * COLD))
      return exponential(10 * (1 + (COLD_FACTOR - 1) * (1 - warmth)))(random)
    }
    for (const { set } of sidecars) set.update([...LIST, NEWCOMER])
  })
  const first = new Latencies()
  mesh.at(JOINS, () => {
    mesh.also = first
  })
  mesh.at(JOINS + 10, () => {
    mesh.also = null
  })
  mesh.run()
  return { shares: share.shares, p99: first.quantile(0.99) }
}

export function slowStartStudy(scale: Scale): Study {
  const rows = POLICIES.flatMap(({ policy }) =>
    [false, true].map((slowStart) => {
      const { shares, p99 } = runSlowStart(policy, slowStart, scale)
      return [
        slowStart ? `${policy}, \`slowStart\`` : policy,
        ...shares.map((share) => percent(share)),
        milliseconds(p99),
      ]
    }),
  )
  const seconds = COLD / WINDOWS
  const figure = {
    title: 'A cold endpoint joins',
    setting: `A tenth endpoint joins nine. Its first requests take ${COLD_FACTOR} times as long as those of the others, and it is as fast as they are after ${COLD} s. Its share of the 2000 requests/s since then, without and with \`slowStart: { window: ${COLD}s }\`; and the latency of all requests in the first ten seconds.`,
    columns: [
      'policy',
      ...Array.from({ length: WINDOWS }, (_, i) => `${i * seconds}–${(i + 1) * seconds} s`),
      'p99, 0–10 s',
    ],
    rows,
  }
  return { figures: [figure], panels: [] }
}
