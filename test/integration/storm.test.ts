import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { CALM, GUSTS, SHOWERS, STORM, type Weather } from '../support/storm/plan.ts'
import { Storm } from '../support/storm/storm.ts'
import { transcript } from '../support/storm/transcript.ts'

/**
 * Callers and endpoints of both protocols that do at random all they can, on both sides of a whole proxy; a seed
 * decides everything. `PILLION_STORM_SEEDS=1000` runs so many storms of each kind, from `PILLION_STORM_FIRST` on;
 * a failure names the seed and tells what happened to the exchange.
 */
const EXCHANGES = 400
const first = Number(process.env.PILLION_STORM_FIRST ?? 0)
const more = Number(process.env.PILLION_STORM_SEEDS ?? 0)

// On a busy machine this takes its time; what hangs is found by turns, not by the clock.
t.setTimeout(more > 0 ? 0 : 300_000)

interface Kind {
  readonly weather: Weather
  /** Storms with the suite. */
  readonly storms: number
  readonly drainAt?: number
  /** Chance that a turn replaces the endpoints of an upstream. */
  readonly churn?: number
  /** Share of the exchanges that must have succeeded. */
  readonly succeed: number
}

const KINDS: Readonly<Record<string, Kind>> = {
  calm: { weather: CALM, storms: 1, succeed: 1 },
  gusts: { weather: GUSTS, storms: 3, succeed: 1 },
  'gusts and a drain': { weather: GUSTS, storms: 2, drainAt: 0.5, succeed: 1 },
  'calm with endpoints that come and go': { weather: CALM, storms: 2, churn: 0.7, succeed: 1 },
  'gusts with endpoints that come and go': { weather: GUSTS, storms: 2, churn: 0.3, succeed: 1 },
  'storm with endpoints that come and go': { weather: STORM, storms: 2, churn: 0.3, succeed: 0.2 },
  showers: { weather: SHOWERS, storms: 3, succeed: 0.6 },
  storm: { weather: STORM, storms: 4, succeed: 0.3 },
  'storm and a drain': { weather: STORM, storms: 2, drainAt: 0.5, succeed: 0.2 },
}

for (const [name, { weather, storms, drainAt = 1, churn = 0, succeed }] of Object.entries(KINDS)) {
  t.test(name, async (t) => {
    for (let seed = first; seed < first + (more > 0 ? more : storms); seed++) {
      const storm = new Storm({ seed, exchanges: EXCHANGES, weather, drainAt, churn })
      await storm.run()
      t.strictSame(storm.violations.slice(0, 3), [], `seed ${seed}`)
      const failed = storm.failures()
      t.ok(
        failed.length <= storm.exchanges.length * (1 - succeed),
        `seed ${seed}: ${failed.length} of ${storm.exchanges.length} failed, first:\n${failed[0]?.events.join('\n')}`,
      )
    }
  })
}

t.test('with a proxy in between both ends get what they get without', async (t) => {
  const through = new Storm({ seed: first, exchanges: EXCHANGES, weather: CALM })
  await through.run()
  const direct = new Storm({ seed: first, exchanges: EXCHANGES, weather: CALM, direct: true })
  await direct.run()
  t.strictSame([...through.violations, ...direct.violations], [])
  let compared = 0
  for (const exchange of through.exchanges) {
    // A route that tries again may ask twice; nobody does without a proxy.
    if (exchange.plan.route === 'retry') continue
    const alone = direct.exchanges[exchange.id]
    if (alone === undefined) throw new Error('an exchange is missing')
    t.strictSame(transcript(exchange), transcript(alone), `exchange ${exchange.id}, ${exchange.protocols}`)
    compared += 1
  }
  t.ok(compared > EXCHANGES / 3)
})

t.test('storm after storm the heap does not grow', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap: number[] = []
  for (let round = 0; round < 5; round++) {
    const storm = new Storm({ seed: 77, exchanges: EXCHANGES, weather: STORM })
    await storm.run()
    collect()
    heap.push(process.memoryUsage().heapUsed / 1024 ** 2)
  }
  const growth = (heap.at(-1) as number) - (heap[1] as number)
  t.ok(
    growth < 5,
    `${growth.toFixed(1)} MiB more after three storms: ${heap.map((at) => at.toFixed(1)).join(', ')}`,
  )
})
