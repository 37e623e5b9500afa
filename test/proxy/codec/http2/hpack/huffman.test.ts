import t from 'tap'
import { SeededRandom } from '../../../../../proxy/base/random.ts'
import {
  huffmanDecode,
  huffmanDecodedBound,
  huffmanEncode,
  huffmanLength,
} from '../../../../../proxy/codec/http2/hpack/huffman.ts'
import { HUFFMAN_BITS } from '../../../../support/huffman-codes.ts'
import { huffmanBytes, huffmanText } from '../../../../support/naive-hpack.ts'

function encode(text: string): Buffer {
  const out = Buffer.alloc(text.length * 4 + 8)
  return out.subarray(0, huffmanEncode(text, out, 0))
}

function decode(coded: Buffer): string | null {
  const out = Buffer.alloc(huffmanDecodedBound(coded.length))
  const end = huffmanDecode(coded, 0, coded.length, out, 0)
  return end < 0 ? null : out.toString('latin1', 0, end)
}

t.test('each byte has the code of appendix B', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    const text = String.fromCharCode(byte)
    t.strictSame(encode(text), huffmanBytes(text), `byte ${byte}`)
    t.equal(huffmanLength(text), Math.ceil((HUFFMAN_BITS[byte] as string).length / 8))
    t.equal(decode(encode(text)), text)
  }
})

t.test('random strings go round, as the naive codec has them', async (t) => {
  const random = new SeededRandom(1)
  for (let i = 0; i < 2000; i++) {
    const printable = random.next() < 0.5
    const text = Array.from({ length: Math.floor(random.next() * 40) }, () =>
      String.fromCharCode(printable ? 32 + random.next() * 95 : random.next() * 256),
    ).join('')
    const coded = encode(text)
    if (!coded.equals(huffmanBytes(text)) || coded.length !== huffmanLength(text))
      t.fail(JSON.stringify(text))
    if (decode(coded) !== text) t.fail(JSON.stringify(text))
  }
  t.equal(decode(Buffer.alloc(0)), '')
})

t.test('random bytes decode to what the naive decoder says, or to nothing', async (t) => {
  const random = new SeededRandom(2)
  let good = 0
  for (let i = 0; i < 20_000; i++) {
    const coded = Buffer.from(
      Array.from({ length: Math.floor(random.next() * 6) }, () => random.next() * 256),
    )
    let expected: string | null = null
    try {
      expected = huffmanText(coded)
      good += 1
    } catch {}
    if (decode(coded) !== expected) t.fail(coded.toString('hex'))
  }
  t.ok(good > 500, `${good} of them are well formed`)
})

t.test('padding and EOS (RFC 7541 §5.2)', async (t) => {
  t.equal(decode(Buffer.from([0x1f])), 'a', 'three bits of ones')
  t.equal(decode(Buffer.from([0x18])), null, 'padding of zeros')
  t.equal(decode(Buffer.from([0x1f, 0xff])), null, 'padding longer than seven bits')
  t.equal(decode(Buffer.from([0xff, 0xff, 0xff, 0xff])), null, 'EOS')
  t.equal(decode(Buffer.from([0xff, 0xff, 0xff, 0xfc, 0x1f])), null, 'EOS within')
})
