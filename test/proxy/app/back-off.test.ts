import t from 'tap'
import { BackOff } from '../../../proxy/app/back-off.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'

const take = (backOff: BackOff, count: number) => Array.from({ length: count }, () => backOff.next())

t.test('waits double up to the longest', async (t) => {
  const backOff = new BackOff({ from: 1000, to: 30_000, jitter: 0 }, new SeededRandom(1))
  t.strictSame(take(backOff, 7), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
})

t.test('they start anew after a run of twice the longest wait, not before', async (t) => {
  const backOff = new BackOff({ from: 100, to: 400, jitter: 0 }, new SeededRandom(1))
  t.strictSame(take(backOff, 3), [100, 200, 400])
  backOff.ran(799)
  t.equal(backOff.next(), 400)
  backOff.ran(800)
  t.strictSame(take(backOff, 2), [100, 200])
})

t.test('each is shortened by a share of its own, and never longer', async (t) => {
  const backOff = new BackOff({ from: 1000, to: 1000, jitter: 0.2 }, new SeededRandom(7))
  const waits = take(backOff, 1000)
  t.ok(Math.max(...waits) <= 1000)
  t.ok(Math.min(...waits) >= 800)
  t.ok(Math.max(...waits) - Math.min(...waits) > 150, 'the whole share is used')
  t.equal(take(new BackOff({ from: 10, to: 10_000, jitter: 0.5 }, { next: () => 1 }), 4)[3], 40)
})

t.test('thousands of restarts do not run out of numbers', async (t) => {
  const backOff = new BackOff({ from: 1, to: 60_000, jitter: 0 }, new SeededRandom(1))
  t.equal(take(backOff, 5000).at(-1), 60_000)
})
