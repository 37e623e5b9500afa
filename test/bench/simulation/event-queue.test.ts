import t from 'tap'
import { type Event, EventQueue } from '../../../bench/simulation/event-queue.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'

interface Numbered extends Event {
  readonly time: number
  readonly number: number
}

t.test('events come by time, and in the order they were put in among those of one time', async (t) => {
  const random = new SeededRandom(3)
  const queue = new EventQueue()
  const naive: Numbered[] = []
  const got: Numbered[] = []
  const expected: Numbered[] = []
  const takeOne = () => {
    const first = naive.reduce((one, other) => (other.time < one.time ? other : one))
    naive.splice(naive.indexOf(first), 1)
    expected.push(first)
    t.equal(queue.next, first.time)
    got.push(queue.take() as Numbered)
  }
  for (let number = 0; number < 2000; number++) {
    // Few different times, so that there are many of one.
    const event = { time: Math.floor(random.next() * 40), number, happen: () => {} }
    naive.push(event)
    queue.put(event.time, event)
    if (random.next() < 0.4) takeOne()
  }
  while (naive.length > 0) takeOne()
  t.strictSame(
    got.map(({ number }) => number),
    expected.map(({ number }) => number),
  )
  t.equal(queue.length, 0)
  t.equal(queue.next, Number.POSITIVE_INFINITY)
})
