import t from 'tap'
import { Replay } from '../../../proxy/exchange/replay.ts'

/** Memory behind the chunks, in bytes. */
function held(replay: Replay): number {
  return [...new Set(replay.chunks.map(({ buffer }) => buffer))].reduce(
    (sum, { byteLength }) => sum + byteLength,
    0,
  )
}

t.test('what was appended comes back in order, and is a copy', async (t) => {
  const replay = new Replay()
  const sizes = [1, 1, 5000, 3, 1023, 1024, 1, 4096, 1000, 1000, 1000, 1000, 1000, 2]
  let expected = ''
  for (const [i, size] of sizes.entries()) {
    const text = String.fromCharCode(97 + i).repeat(size)
    const chunk = Buffer.from(`<${text}>`)
    replay.append(chunk, 1, 1 + size)
    chunk.fill(0)
    expected += text
  }
  t.equal(Buffer.concat(replay.chunks).toString(), expected)
  t.equal(replay.length, expected.length)
})

t.test('a body that comes a byte at a time costs little more than its bytes', async (t) => {
  const replay = new Replay()
  const byte = Buffer.from('x')
  for (let i = 0; i < 64 * 1024; i++) replay.append(byte, 0, 1)
  t.equal(replay.length, 64 * 1024)
  t.ok(replay.chunks.length <= 18, `${replay.chunks.length} chunks`)
  // Small chunks lie in Node's pool, whose rest other buffers use.
  t.ok(held(replay) <= 128 * 1024 + Buffer.poolSize, `${held(replay)} bytes`)
})
