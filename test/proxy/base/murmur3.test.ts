import t from 'tap'
import { mix32, murmur3 } from '../../../proxy/base/murmur3.ts'

const bytes = (hex: string) => Buffer.from(hex, 'hex').toString('latin1')

t.test('published vectors', async (t) => {
  const vectors: [string, number, number][] = [
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    [bytes('ffffffff'), 0, 0x76293b50],
    [bytes('21436587'), 0, 0xf55b516b],
    [bytes('21436587'), 0x5082edee, 0x2362f9de],
    [bytes('214365'), 0, 0x7e4a8634],
    [bytes('2143'), 0, 0xa0f7b07a],
    [bytes('21'), 0, 0x72661cf4],
    [bytes('00000000'), 0, 0x2362f9de],
    [bytes('000000'), 0, 0x85f0b427],
    [bytes('0000'), 0, 0x30f4c306],
    [bytes('00'), 0, 0x514e28b7],
    ['aaaa', 0x9747b28c, 0x5a97808a],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ]
  for (const [input, seed, expected] of vectors) {
    t.equal(murmur3(input, seed), expected, `${JSON.stringify(input)} with seed ${seed}`)
  }
})

t.test('the finaliser is one to one and leaves no pattern', async (t) => {
  const seen = new Set<number>()
  const low = new Float64Array(64)
  for (let i = 0; i < 64_000; i++) {
    const mixed = mix32(i)
    seen.add(mixed)
    low[mixed & 63] = (low[mixed & 63] as number) + 1
  }
  t.equal(seen.size, 64_000)
  let chiSquare = 0
  for (const count of low) chiSquare += (count - 1000) ** 2 / 1000
  // 63 degrees of freedom: above 103 with a probability of 0.1 %.
  t.ok(chiSquare < 103, `chi-square ${chiSquare}`)
})
