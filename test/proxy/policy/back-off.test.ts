import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { BackOff, DEFAULT_BACK_OFF } from '../../../proxy/policy/back-off.ts'

t.test('the bound doubles, and is never above the longest', async (t) => {
  const almostOne = new BackOff(DEFAULT_BACK_OFF, { next: () => 1 - 2 ** -32 })
  t.strictSame(
    [1, 2, 3, 4, 5, 10].map((n) => Math.round(almostOne.delay(n))),
    [25, 75, 175, 250, 250, 250],
  )
  const zero = new BackOff(DEFAULT_BACK_OFF, { next: () => 0 })
  t.equal(zero.delay(5), 0)
})

t.test('uniform below the bound', async (t) => {
  const backOff = new BackOff({ base: 100, max: 1000 }, new SeededRandom(11))
  const quarters = [0, 0, 0, 0]
  for (let i = 0; i < 40_000; i++) {
    const delay = backOff.delay(2)
    if (!(delay >= 0 && delay < 300)) t.fail(`${delay}`)
    const at = Math.floor(delay / 75)
    quarters[at] = (quarters[at] ?? 0) + 1
  }
  for (const count of quarters) t.ok(count > 9500 && count < 10_500, `${count} in a quarter`)
})
