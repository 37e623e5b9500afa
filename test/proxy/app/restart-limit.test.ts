import t from 'tap'
import { RestartLimit } from '../../../proxy/app/restart-limit.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'

t.test('so many within the time, and again when the oldest is as old as that', async (t) => {
  const limit = new RestartLimit({ restarts: 3, within: 1000 })
  t.strictSame(
    [0, 400, 999].map((now) => limit.take(now)),
    [true, true, true],
  )
  t.equal(limit.take(999), false)
  t.equal(limit.take(1000), true)
  t.equal(limit.take(1001), false)
  t.equal(limit.take(1400), true)
})

t.test('without a limit there is none', async (t) => {
  const limit = new RestartLimit(null)
  let taken = 0
  for (let i = 0; i < 10_000; i++) if (limit.take(0)) taken += 1
  t.equal(taken, 10_000)
})

t.test('as a list of all restarts has it', async (t) => {
  const random = new SeededRandom(5)
  const faults: string[] = []
  for (let run = 0; run < 50; run++) {
    const [restarts, within] = [1 + Math.floor(random.next() * 6), 10 + Math.floor(random.next() * 500)]
    const limit = new RestartLimit({ restarts, within })
    const taken: number[] = []
    let now = 0
    for (let i = 0; i < 200; i++) {
      now += Math.floor(random.next() * 100)
      const expected = taken.filter((at) => now - at < within).length < restarts
      if (limit.take(now) !== expected) faults.push(`run ${run}, restart ${i}`)
      if (expected) taken.push(now)
    }
  }
  t.strictSame(faults, [])
})
