import t from 'tap'
import { STORM } from '../support/storm/plan.ts'
import { Storm } from '../support/storm/storm.ts'

const EXCHANGES = 400
const seeds = Array.from({ length: Number(process.env.PILLION_STORM_SEEDS ?? 13) }, (_, i) => i)
const first = Number(process.env.PILLION_STORM_FIRST ?? 0)

for (const seed of seeds) {
  t.test(`storm ${first + seed}`, async (t) => {
    const storm = new Storm({ seed: first + seed, exchanges: EXCHANGES, weather: STORM })
    await storm.run()
    t.strictSame(storm.violations.slice(0, 3), [])
  })
}
