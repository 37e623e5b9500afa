import t from 'tap'
import { radixSort } from '../../../proxy/base/radix-sort.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'

t.test('sorts as a stable sort by comparison does', async (t) => {
  const random = new SeededRandom(11)
  for (const [length, range] of [
    [0, 1],
    [1, 1],
    [2, 2 ** 32],
    [1000, 10],
    [1000, 5000],
    [20_000, 2 ** 32],
  ] as const) {
    const pairs = Array.from({ length }, (_, i) => ({ key: Math.floor(random.next() * range), value: i }))
    const keys = Uint32Array.from(pairs, ({ key }) => key)
    const values = Uint32Array.from(pairs, ({ value }) => value)
    radixSort(keys, values)
    pairs.sort((a, b) => a.key - b.key)
    t.ok(
      pairs.every(({ key, value }, i) => keys[i] === key && values[i] === value),
      `${length} keys below ${range}`,
    )
  }
  const edges = Uint32Array.of(0xffffffff, 0, 0x80000000, 0x7fffffff, 1)
  radixSort(edges, Uint32Array.from(edges))
  t.same([...edges], [0, 1, 0x7fffffff, 0x80000000, 0xffffffff])
})
