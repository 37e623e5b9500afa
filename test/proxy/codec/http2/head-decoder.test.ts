import t from 'tap'
import { REQUEST, RESPONSE } from '../../../../proxy/codec/http2/head-builder.ts'
import { HeadDecoder } from '../../../../proxy/codec/http2/head-decoder.ts'
import type { Head } from '../../../../proxy/message/head.ts'
import { type FieldLine, NaiveEncoder, type Representation } from '../../../support/naive-hpack.ts'

const GET: FieldLine[] = Object.entries({
  ':method': 'GET',
  ':scheme': 'http',
  ':path': '/',
  ':authority': 'a.test',
}).map(([name, value]) => ({ name, value }))

function setUp(): {
  decode: (fields: FieldLine[], how?: Representation, shape?: number) => Head | null
  decoder: HeadDecoder
  encoder: NaiveEncoder
} {
  const decoder = new HeadDecoder(4096, 65_536, 100)
  const encoder = new NaiveEncoder()
  const decode = (fields: FieldLine[], how: Representation = 'indexed', shape = REQUEST): Head | null => {
    // Not at the start of its buffer: bounds must be kept to.
    const block = encoder.encode(fields, () => how)
    const chunk = Buffer.concat([Buffer.alloc(3, 0xff), block, Buffer.alloc(3, 0xff)])
    return decoder.head(chunk, 3, 3 + block.length, shape)
  }
  return { decode, decoder, encoder }
}

t.test('the same bytes give the same head, once they have come a few times', async (t) => {
  const { decode } = setUp()
  decode(GET)
  decode(GET)
  const head = decode(GET)
  t.ok(head)
  t.equal(decode(GET), head)
  t.not(decode([...GET, { name: 'x-a', value: '1' }]), head)
  t.equal(decode(GET), head)
})

t.test('a change of the table makes what is remembered void', async (t) => {
  const { decode } = setUp()
  decode([...GET, { name: 'x-a', value: 'first' }], 'incremental')
  const again = [...GET, { name: 'x-a', value: 'first' }]
  for (let i = 0; i < 3; i++) decode(again)
  const head = decode(again)
  t.equal(decode(again), head)
  // The same index now stands for another entry.
  decode([...GET, { name: 'x-a', value: 'second' }], 'incremental')
  const newest = [...GET, { name: 'x-a', value: 'second' }]
  t.equal(decode(newest)?.fields.get('x-a'), 'second')
  t.equal(decode(again)?.fields.get('x-a'), 'first')
})

t.test('a size update makes it void, too', async (t) => {
  const { decode, decoder, encoder } = setUp()
  decode([...GET, { name: 'x-a', value: 'b' }], 'incremental')
  const block = encoder.encode([...GET, { name: 'x-a', value: 'b' }], () => 'indexed')
  for (let i = 0; i < 4; i++) t.equal(decoder.head(block, 0, block.length, REQUEST)?.fields.get('x-a'), 'b')
  const update = encoder.resize(0)
  decoder.head(Buffer.concat([update, encoder.encode(GET)]), 0, update.length, REQUEST)
  t.equal(decoder.head(block, 0, block.length, REQUEST), null)
  t.equal(decoder.broken, 'index out of range')
})

t.test('a block that changes the table is read each time it comes', async (t) => {
  const { decode } = setUp()
  const fields = [...GET, { name: 'x-a', value: 'b' }]
  const first = decode(fields, 'incremental')
  const second = decode(fields, 'incremental')
  t.not(first, second)
  t.strictSame(first?.fields, second?.fields)
})

t.test('a request and a response of the same bytes are two things', async (t) => {
  const { decode, decoder } = setUp()
  for (let i = 0; i < 4; i++) decode([{ name: ':status', value: '200' }], 'indexed', RESPONSE)
  t.equal(decode([{ name: ':status', value: '200' }], 'indexed', REQUEST), null)
  t.match(decoder.malformed, ':status')
})

t.test('a malformed head is malformed each time', async (t) => {
  const { decode, decoder } = setUp()
  for (let i = 0; i < 5; i++) {
    t.equal(decode(GET.slice(1)), null)
    t.equal(decoder.malformed, 'no :method')
    t.equal(decoder.broken, '')
  }
  t.ok(decode(GET))
})

t.test('long blocks and many blocks', async (t) => {
  const { decode } = setUp()
  const long = [...GET, { name: 'x-a', value: 'v'.repeat(1000) }]
  for (let i = 0; i < 4; i++) t.equal(decode(long)?.fields.get('x-a')?.length, 1000)
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 2000; i++) {
      const head = decode([...GET, { name: 'x-a', value: String(i) }])
      if (head?.fields.get('x-a') !== String(i)) t.fail(`head ${i} is another's`)
    }
  }
})

t.test('sensitive names are known', async (t) => {
  const { decode } = setUp()
  const fields = [...GET, { name: 'x-secret', value: 'a', never: true }, { name: 'x-open', value: 'b' }]
  t.strictSame(decode(fields)?.fields.sensitive, ['x-secret'])
  t.equal(decode(GET)?.fields.sensitive, null)
})

t.test('limits name themselves', async (t) => {
  const encoder = new NaiveEncoder()
  const decoder = new HeadDecoder(4096, 400, 3)
  const many = encoder.encode([...GET, ...[1, 2, 3, 4].map((n) => ({ name: `x-${n}`, value: '' }))])
  t.equal(decoder.head(many, 0, many.length, REQUEST), null)
  t.equal(decoder.tooLarge, 'more than 3 fields')
  const large = encoder.encode([...GET, { name: 'x-a', value: 'v'.repeat(300) }])
  t.equal(decoder.head(large, 0, large.length, REQUEST), null)
  t.equal(decoder.tooLarge, 'the fields take more than 400 bytes')
  const trailers = encoder.encode([1, 2, 3, 4].map((n) => ({ name: `x-${n}`, value: '' })))
  t.equal(decoder.trailers(trailers, 0, trailers.length), null)
  t.equal(decoder.tooLarge, 'more than 3 fields')
})

t.test('ten thousand references to one large entry cost no more than the limit', async (t) => {
  const encoder = new NaiveEncoder()
  const decoder = new HeadDecoder(4096, 65_536, 100)
  const entry = encoder.encode([{ name: 'x-bomb', value: 'v'.repeat(4000) }], () => 'incremental')
  const block = Buffer.concat([encoder.encode(GET), entry, Buffer.alloc(10_000, 0xbe)])
  t.equal(decoder.head(block, 0, block.length, REQUEST), null)
  t.match(decoder.tooLarge, /65536 bytes/)
  t.equal(decoder.broken, '')
})
