import t from 'tap'
import { SeededRandom } from '../../../../proxy/base/random.ts'
import type { Http2Stream } from '../../../../proxy/codec/http2/stream.ts'
import { StreamTable } from '../../../../proxy/codec/http2/stream-table.ts'

const stream = (id: number) => ({ id }) as Http2Stream

t.test('behaves as a Map does while streams come and go', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed)
    const table = new StreamTable()
    const naive = new Map<number, Http2Stream>()
    // Ascending odd ids, as on the wire, with streams that outlive thousands of others.
    let next = 1 + 2 * Math.floor(random.next() * 1000)
    for (let step = 0; step < 3000; step++) {
      if (random.next() < 0.5 + (seed % 3) * 0.02) {
        const opened = stream(next)
        next += random.next() < 0.05 ? 64 : 2
        table.add(opened)
        naive.set(opened.id, opened)
      } else {
        const ids = [...naive.keys()]
        const id = ids[Math.floor(random.next() ** 3 * ids.length)] ?? 99
        if (table.delete(id) !== naive.delete(id)) t.fail(`delete ${id}`)
      }
      const asked = 1 + 2 * Math.floor(random.next() * next)
      if (table.get(asked) !== naive.get(asked)) t.fail(`get ${asked}`)
    }
    t.equal(table.size, naive.size)
    t.same(
      table
        .all()
        .map(({ id }) => id)
        .sort((a, b) => a - b),
      [...naive.keys()],
    )
    for (const id of naive.keys()) if (table.get(id) !== naive.get(id)) t.fail(`get ${id}`)
    table.clear()
    t.strictSame([table.size, table.all().length, table.get(next - 2)], [0, 0, undefined])
  }
})
