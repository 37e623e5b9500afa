import t from 'tap'
import { SeededRandom, systemRandom } from '../../../proxy/base/random.ts'

t.test('the same seed gives the same numbers', async (t) => {
  const [a, b] = [new SeededRandom(7), new SeededRandom(7)]
  t.strictSame(
    Array.from({ length: 100 }, () => a.next()),
    Array.from({ length: 100 }, () => b.next()),
  )
  t.not(new SeededRandom(8).next(), new SeededRandom(7).next())
  t.equal(new SeededRandom(0).next(), new SeededRandom(1).next())
})

t.test('numbers are in [0, 1) and evenly spread', async (t) => {
  const random = new SeededRandom(42)
  const buckets = new Array<number>(10).fill(0)
  for (let i = 0; i < 100_000; i++) {
    const value = random.next()
    if (value < 0 || value >= 1) t.fail(`${value}`)
    buckets[Math.floor(value * 10)] += 1
  }
  t.ok(
    buckets.every((count) => count > 9500 && count < 10_500),
    buckets.join(' '),
  )
  const value = systemRandom.next()
  t.ok(value >= 0 && value < 1)
})
