import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { RetryBudget } from '../../../proxy/policy/retry-budget.ts'

const FLOOR = 30

t.test('a share of the requests of ten seconds, and thirty', async (t) => {
  const budget = new RetryBudget(0.2)
  let now = 5_000_000
  for (let i = 0; i < 100; i++) budget.deposit(now)
  let taken = 0
  while (budget.withdraw(now)) taken += 1
  t.equal(taken, 20 + FLOOR)
  now += 9000
  t.equal(budget.withdraw(now), false, 'not yet forgotten')
  now += 1000
  t.equal(budget.withdraw(now), true)
})

t.test('nothing requested, nothing allowed: the floor stays', async (t) => {
  const budget = new RetryBudget(0)
  for (let i = 0; i < 1000; i++) budget.deposit(1000)
  for (let i = 0; i < FLOOR; i++) t.equal(budget.withdraw(1000), true)
  t.equal(budget.withdraw(1000), false)
})

t.test('the same as counting every event again', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed * 7919)
    const budget = new RetryBudget(0.3)
    const requests: number[] = []
    const retries: number[] = []
    const recent = (times: number[], now: number) =>
      times.filter((time) => Math.floor(time / 1000) > Math.floor(now / 1000) - 10).length
    for (let now = 1_000_000, i = 0; i < 3000; i++) {
      // Mostly dense, now and then a long silence.
      now += random.next() < 0.01 ? random.next() * 30_000 : random.next() * 20
      if (random.next() < 0.5) {
        budget.deposit(now)
        requests.push(now)
        continue
      }
      const allowed = recent(retries, now) < recent(requests, now) * 0.3 + FLOOR
      if (budget.withdraw(now) !== allowed) throw new Error(`seed ${seed}, event ${i}`)
      if (allowed) retries.push(now)
    }
    t.ok(retries.length > FLOOR)
  }
})
