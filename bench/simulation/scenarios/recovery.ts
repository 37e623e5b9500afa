import type { BalanceOptions } from '../../../proxy/balance/create-balancer.ts'
import { logNormal } from '../distribution.ts'
import { percent } from '../figure.ts'
import { Mesh } from '../mesh.ts'
import { ShareOverTime } from '../share-over-time.ts'
import type { Study } from '../study.ts'
import { endpoints, POLICIES, type Scale } from './settings.ts'

/** What was the matter with it. */
export type Illness = 'slow' | 'failing'

const LIST = endpoints(10)
const PATIENT = LIST[4]?.address.text ?? ''
/** Seconds until it is well again. */
const ILL = 10
const WINDOWS = 7
/** Seconds. */
const WINDOW = 10

/** An endpoint that was ten times as slow as the others, or failed fast, is well again: its share from then on. */
export function runRecovery(balance: BalanceOptions, illness: Illness, { seed }: Scale): readonly number[] {
  const well = logNormal(10, 0.8)
  const mesh = new Mesh({
    seed,
    balance,
    sidecars: 2,
    endpoints: LIST,
    server: () => ({ concurrency: 64, service: well }),
    rate: 1000,
    seconds: ILL + WINDOWS * WINDOW,
  })
  const server = mesh.server(PATIENT)
  if (illness === 'slow') server.service = logNormal(100, 0.8)
  else server.failsAfter = 1
  mesh.at(ILL, () => {
    server.service = well
    server.failsAfter = null
  })
  const share = new ShareOverTime(PATIENT, ILL, WINDOW, WINDOWS)
  mesh.watcher = share
  mesh.run()
  return share.shares
}

export function recoveryStudy(scale: Scale): Study {
  const figure = (illness: Illness, title: string, setting: string) => ({
    title,
    setting,
    columns: ['policy', ...Array.from({ length: WINDOWS }, (_, i) => `${i * WINDOW}–${(i + 1) * WINDOW} s`)],
    rows: POLICIES.map((balance) => [
      balance.policy,
      ...runRecovery(balance, illness, scale).map((share) => percent(share)),
    ]),
  })
  return {
    figures: [
      figure(
        'slow',
        'A slow endpoint is well again',
        'One of ten took 100 ms for 10 s, and takes 10 ms as the others do from then on: its share of the 1000 requests/s of 2 sidecars.',
      ),
      figure(
        'failing',
        'An endpoint that failed fast is well again',
        'The same for one that answered everything with an error for 10 s, without ejection. `ewma` counts a failure as an answer after 5 s, and half of that is forgotten every 7 s.',
      ),
    ],
    panels: [],
  }
}
