import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { BodyQueue } from '../../../proxy/codec/body-queue.ts'

function take(queue: BodyQueue, most: number): string {
  const bytes = Math.min(most, queue.to - queue.from)
  const text = queue.block.toString('latin1', queue.from, queue.from + bytes)
  queue.consume(bytes)
  return text
}

t.test('bytes come out as they went in, whatever the pieces', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed)
    const queue = new BodyQueue()
    let expected = ''
    for (let step = 0; step < 500; step++) {
      if (random.next() < 0.5) {
        const size = Math.floor(random.next() ** 3 * 9000)
        const chunk = Buffer.alloc(size, String.fromCharCode(97 + (step % 26)))
        const from = Math.floor(random.next() * size)
        queue.append(chunk, from, size)
        expected += chunk.toString('latin1', from)
        chunk.fill(0)
      } else if (queue.length > 0) {
        const text = take(queue, 1 + Math.floor(random.next() * 6000))
        if (text === '' || !expected.startsWith(text)) t.fail(`seed ${seed}, step ${step}`)
        expected = expected.slice(text.length)
      }
      if (queue.length !== expected.length) t.fail(`length ${queue.length}, not ${expected.length}`)
    }
    let rest = ''
    while (queue.length > 0) rest += take(queue, 1 << 20)
    t.equal(rest, expected, `seed ${seed}`)
  }
})

t.test('tiny pieces share a block', async (t) => {
  const queue = new BodyQueue()
  const piece = Buffer.from('abc')
  for (let i = 0; i < 1000; i++) queue.append(piece, 0, 3)
  t.equal(queue.length, 3000)
  t.equal(queue.to - queue.from, 3000)
})

t.test('nothing appended is nothing', async (t) => {
  const queue = new BodyQueue()
  queue.append(Buffer.alloc(0), 0, 0)
  t.equal(queue.length, 0)
})

t.test('many blocks are let go of as they are read', async (t) => {
  const queue = new BodyQueue()
  const chunk = Buffer.alloc(5000, 'x')
  for (let i = 0; i < 200; i++) queue.append(chunk, 0, 5000)
  let read = 0
  while (queue.length > 0) {
    read += take(queue, 3000).length
    if (read % 7 === 0) {
      queue.append(chunk, 0, 7)
      read -= 7
    }
  }
  t.equal(read, 1_000_000)
})
