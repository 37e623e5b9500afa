import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { LatencyWindow } from '../../../proxy/policy/latency-window.ts'

t.test('the median of what was added, as by sorting it all', async (t) => {
  const random = new SeededRandom(4)
  const window = new LatencyWindow()
  for (let round = 0; round < 500; round++) {
    const count = 1 + Math.floor(random.next() * 300)
    const added = Array.from({ length: count }, () => Math.floor(random.next() * 50))
    for (const ms of added) window.add(ms)
    if (window.count !== count) t.fail(`counts ${window.count} for ${count}`)
    const sorted = added.slice(-128).sort((a, b) => a - b)
    const median = sorted[(sorted.length - 1) >> 1]
    const taken = window.takeMedian()
    if (taken !== median) t.fail(`${taken} in place of ${median}`)
    if (window.count !== 0) t.fail('it is not empty')
  }
  for (const ms of [9, 9, 9]) window.add(ms)
  window.clear()
  for (const ms of [1, 2, 3]) window.add(ms)
  t.equal(window.takeMedian(), 2)
})
