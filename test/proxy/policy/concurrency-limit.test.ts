import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { ConcurrencyLimit } from '../../../proxy/policy/concurrency-limit.ts'
import { ConcurrencyStats } from '../../../proxy/telemetry/concurrency-stats.ts'
import { type Load, QueueServer } from './queue-server.ts'

const SEEDS = [1, 2, 3]
const SECOND = 1000
const RANGE = { min: 5, max: 1000, start: 20 }

function adaptive(seed: number, range = RANGE): ConcurrencyLimit {
  return new ConcurrencyLimit(range, 'upstream app', new ConcurrencyStats('', 'app'), new SeededRandom(seed))
}

/** A server that can do 20 requests at a time in 50 ms each, 400 a second, asked for `times` as many. */
function server(times: number, seed: number, limited = true, load: Partial<Load> = {}): QueueServer {
  const capacity = load.capacity ?? 20
  const service = load.service ?? 50
  const rate = (times * 1000 * capacity) / service
  const whole = { capacity, service, rate, patience: 1000, ...load }
  return new QueueServer(whole, limited ? adaptive(seed) : null, new SeededRandom(seed + 100))
}

for (const seed of SEEDS) {
  t.test(`seed ${seed}: half of what the server can do passes`, async (t) => {
    const asked = server(0.5, seed)
    const { goodput, refused, limit } = asked.run(60 * SECOND)
    t.ok(goodput > 0.95 * 200, `${goodput} a second of 200`)
    t.ok(refused < 0.001, `refused ${refused}`)
    t.ok(limit > 20, 'room for twice as much')
  })

  for (const times of [1, 2, 5]) {
    t.test(`seed ${seed}: ${times} times what the server can do`, async (t) => {
      const asked = server(times, seed)
      const first = asked.run(5 * SECOND)
      t.ok(first.goodput > 0.85 * 400, `from the beginning ${first.goodput} a second of 400`)
      const { goodput, refused, limit, p99 } = asked.run(60 * SECOND)
      t.ok(goodput > 0.9 * 400, `${goodput} a second of 400`)
      t.ok(refused < 1 - 0.9 / times, `refused ${refused}`)
      // What exceeds the 20 at a time is what keeps the server busy, and room while nobody asks for it.
      t.ok(limit > 20 && limit < (times === 1 ? 80 : 45), `the limit is ${limit}`)
      t.ok(p99 < 250, `99 % take less than ${p99} ms`)
    })
  }

  t.test(`seed ${seed}: without a limit the overload is all that there is`, async (t) => {
    const asked = server(5, seed, false)
    asked.run(10 * SECOND)
    const { goodput, median } = asked.run(10 * SECOND)
    t.equal(goodput, 0)
    t.ok(median > 10_000)
  })

  t.test(`seed ${seed}: a small server and a large one`, async (t) => {
    for (const [capacity, service] of [
      [6, 5],
      [200, 20],
    ] as const) {
      const asked = server(3, seed, true, { capacity, service })
      asked.run(10 * SECOND)
      const { goodput, limit } = asked.run(30 * SECOND)
      t.ok(goodput > 0.95 * asked.throughput, `${goodput} a second of ${asked.throughput}`)
      t.ok(limit >= capacity && limit < 2.2 * capacity, `the limit for ${capacity} is ${limit}`)
    }
  })

  t.test(`seed ${seed}: some requests take much longer than most`, async (t) => {
    for (const times of [0.5, 3]) {
      const asked = server(times, seed, true, { long: 0.05, patience: 2000 })
      asked.run(10 * SECOND)
      const { goodput, limit, refused } = asked.run(60 * SECOND)
      t.ok(goodput > 0.85 * 400 * Math.min(1, times), `${goodput} a second`)
      if (times < 1) t.ok(refused < 0.01, `refused ${refused}`)
      else t.ok(limit > 18 && limit < 60, `the limit is ${limit}`)
    }
  })

  const CHANGES: readonly (readonly [what: string, times: number, load: Partial<Load>])[] = [
    ['three times slower', 2, { service: 150 }],
    ['three times slower, under little load', 0.5, { service: 150 }],
    ['slower, and still fast enough', 0.5, { service: 90 }],
    ['three times faster', 5, { service: 17 }],
    ['only a quarter of it left', 5, { capacity: 5 }],
    ['four times as many', 5, { capacity: 80 }],
  ]
  for (const [what, times, load] of CHANGES) {
    t.test(`seed ${seed}: the server becomes ${what}, and is again as before`, async (t) => {
      const asked = server(times, seed)
      asked.run(30 * SECOND)
      for (const change of [load, { capacity: 20, service: 50 }]) {
        Object.assign(asked.load, change)
        asked.run(5 * SECOND)
        const { goodput, limit, median } = asked.run(30 * SECOND)
        const { capacity, service, rate } = asked.load
        const possible = Math.min(rate, asked.throughput)
        t.ok(goodput > 0.85 * possible, `${goodput} a second of ${possible}`)
        if (rate > asked.throughput) {
          t.ok(limit < 3 * capacity, `the limit is ${limit} for ${capacity}`)
          t.ok(median < 3 * service, `the median ${median} ms for ${service} ms`)
        }
      }
    })
  }

  t.test(`seed ${seed}: load that grows slowly does not pass for a slow server`, async (t) => {
    const asked = server(0.5, seed)
    for (let rate = 200; rate < 800; rate += 2) {
      asked.load.rate = rate
      asked.run(SECOND)
    }
    const { goodput, median } = asked.run(30 * SECOND)
    t.ok(goodput > 0.9 * 400, `${goodput} a second of 400`)
    t.ok(median < 110, `the median is ${median} ms`)
  })
}

t.test('never below the least, never above the most', async (t) => {
  const range = { min: 15, max: 18, start: 16 }
  const limit = adaptive(1, range)
  const load = { capacity: 3, service: 50, rate: 1000, patience: 1000 }
  const asked = new QueueServer(load, limit, new SeededRandom(1))
  for (let i = 0; i < 300; i++) {
    if (i === 150) load.capacity = 300
    asked.run(100)
    if (limit.stats.limit < 15 || limit.stats.limit > 18) t.fail(`the limit is ${limit.stats.limit}`)
  }
  t.equal(limit.stats.limit, 18, 'a server with room to spare')
})

t.test('probes keep to the least, too', async (t) => {
  const limit = adaptive(1, { min: 20, max: 20, start: 20 })
  const load = { capacity: 3, service: 50, rate: 1000, patience: 1000 }
  const asked = new QueueServer(load, limit, new SeededRandom(1))
  let least = 20
  for (let i = 0; i < 3000; i++) {
    asked.run(10)
    while (limit.hasRoom) limit.enter()
    least = Math.min(least, limit.stats.inFlight)
  }
  t.equal(least, 20)
})

t.test('what says nothing of the latency changes nothing', async (t) => {
  const limit = adaptive(1)
  for (let i = 0; i < 1000; i++) {
    limit.enter()
    limit.leave(i, i + 1, false)
  }
  t.match(limit.stats, { limit: 20, inFlight: 0, baselineMs: 0 })
})

t.test('those refused together are not told to come back together', async (t) => {
  const limit = adaptive(1)
  const waits = Array.from({ length: 100 }, () => limit.refuse())
  t.ok(waits.every((ms) => Number.isInteger(ms) && ms >= 100 && ms <= 200))
  t.ok(new Set(waits).size > 50)
  t.equal(limit.stats.refused, 100)
})
