import t from 'tap'
import { BoundedCounts } from '../../../proxy/telemetry/bounded-counts.ts'
import { Samples } from '../../../proxy/telemetry/samples.ts'

t.test('distinct values are bounded; the rest is "other" and none is lost', async (t) => {
  const counts = new BoundedCounts('reason', 2)
  for (const reason of ['a', 'b', 'a', 'c', 'd', 'a', 'b']) counts.count(reason)
  const samples = new Samples('x', false)
  counts.collect(samples, { listener: 'in' })
  t.strictSame(
    samples.list.map(({ labels, sharedLabels, value }) => [labels, sharedLabels, value]),
    [
      [{ reason: 'a' }, { listener: 'in' }, 3],
      [{ reason: 'b' }, { listener: 'in' }, 2],
      [{ reason: 'other' }, { listener: 'in' }, 2],
    ],
  )
  t.equal(counts.get('a'), 3)
  t.equal(counts.get('c'), 0)
})
