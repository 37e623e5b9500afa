import t from 'tap'
import { SeededRandom } from '../../../../../proxy/base/random.ts'
import { HpackEncoder, writeInteger } from '../../../../../proxy/codec/http2/hpack/encoder.ts'
import { STATIC_TABLE } from '../../../../../proxy/codec/http2/hpack/static-table.ts'
import { type FieldLine, integer, NaiveDecoder } from '../../../../support/naive-hpack.ts'
import { randomFields } from './random-fields.ts'

/** Encodes a block and holds the encoder to the room it said it would take. */
function encode(encoder: HpackEncoder, fields: readonly FieldLine[]): Buffer {
  const out = Buffer.alloc(
    32 + fields.reduce((sum, { name, value }) => sum + HpackEncoder.bound(name, value), 0),
  )
  let at = encoder.begin(out, 0)
  for (const { name, value, never } of fields) {
    const before = at
    at = encoder.field(out, at, name, value, never === true)
    if (at - before > HpackEncoder.bound(name, value)) throw new Error(`${name} takes more than its bound`)
  }
  return out.subarray(0, at)
}

/** Fields that are secret by their name, whatever the sender says. */
const SECRET = new Set(['authorization', 'proxy-authorization', 'set-cookie'])

function expected(fields: readonly FieldLine[]): FieldLine[] {
  return fields.map(({ name, value, never }) =>
    never === true || SECRET.has(name) ? { name, value, never: true } : { name, value },
  )
}

t.test('integers (RFC 7541 C.1)', async (t) => {
  const out = Buffer.alloc(16)
  for (const value of [0, 10, 30, 31, 32, 127, 128, 158, 159, 1337, 16_383, 65_536, 2 ** 24, 2 ** 28]) {
    for (const [pattern, prefix] of [
      [0x80, 7],
      [0x40, 6],
      [0x20, 5],
      [0x10, 4],
    ] as const) {
      const end = writeInteger(out, 0, pattern, 2 ** prefix - 1, value)
      t.strictSame(out.subarray(0, end), integer(pattern, prefix, value))
    }
  }
})

t.test('a naive decoder reads what it writes, never-indexed kept', async (t) => {
  for (let seed = 1; seed <= 80; seed++) {
    const random = new SeededRandom(seed)
    const encoder = new HpackEncoder()
    const decoder = new NaiveDecoder()
    for (let i = 0; i < 150; i++) {
      // What the peer allows changes, once or twice between two blocks.
      for (let n = random.next() < 0.1 ? 2 : 0; n > 0; n--) {
        if (random.next() < 0.7) {
          encoder.setPeerTableSize([0, 50, 200, 4096, 65_536][Math.floor(random.next() * 5)] as number)
        }
      }
      const fields = randomFields(random)
      t.strictSame(decoder.decode(encode(encoder, fields)), expected(fields))
    }
  }
})

t.test('what comes again is indexed, what does not is left out of the table', async (t) => {
  const encoder = new HpackEncoder()
  const decoder = new NaiveDecoder()
  const fields = [
    { name: ':method', value: 'GET' },
    { name: 'x-same', value: 'always the same' },
  ]
  const sizes = [1, 2, 3, 4].map((n) => {
    const block = encode(encoder, [...fields, { name: 'x-other', value: `${n} of many` }])
    decoder.decode(block)
    return block.length
  })
  t.ok((sizes[2] as number) < (sizes[0] as number))
  t.strictSame(
    decoder.table.entries.map(({ name }) => name),
    ['x-same'],
  )
  const block = encode(encoder, fields)
  t.equal(encoder.stable, true)
  t.strictSame(block, Buffer.from([0x82, 0xbe]))
})

t.test('every static entry with a value is one byte', async (t) => {
  const encoder = new HpackEncoder()
  for (const [i, [name, value]] of STATIC_TABLE.entries()) {
    if (value === '') continue
    t.strictSame(encode(encoder, [{ name, value }]), Buffer.from([0x80 | (i + 1)]), `${name}: ${value}`)
  }
})

t.test('the table stays within what the peer allows', async (t) => {
  for (const size of [0, 40, 100, 4096]) {
    const encoder = new HpackEncoder()
    encoder.setPeerTableSize(size)
    const decoder = new NaiveDecoder()
    for (let i = 0; i < 500; i++) {
      const fields = [{ name: `x-${i % 7}`, value: `value ${i % 11}` }]
      t.strictSame(decoder.decode(encode(encoder, fields)), fields)
    }
    t.ok(decoder.table.size <= size)
    t.equal(decoder.table.limit, size)
  }
})

t.test('size updates between two blocks: the lowest and the last are told (RFC 7541 §4.2)', async (t) => {
  const encoder = new HpackEncoder()
  for (const size of [1000, 100, 3000]) encoder.setPeerTableSize(size)
  t.strictSame(
    encode(encoder, [{ name: ':method', value: 'GET' }]),
    Buffer.concat([integer(0x20, 5, 100), integer(0x20, 5, 3000), Buffer.from([0x82])]),
  )
  t.equal(encoder.stable, false, 'a block with an update must not be sent twice')
  t.strictSame(encode(encoder, [{ name: ':method', value: 'GET' }]), Buffer.from([0x82]))
  encoder.setPeerTableSize(3000)
  t.strictSame(encode(encoder, [{ name: ':method', value: 'GET' }]), Buffer.from([0x82]), 'nothing new')
  encoder.setPeerTableSize(2 ** 32 - 1)
  t.strictSame(
    encode(encoder, [{ name: ':method', value: 'GET' }]),
    Buffer.concat([integer(0x20, 5, 4096), Buffer.from([0x82])]),
    'never more than 4096',
  )
})

t.test('never-indexed is kept when there are more names than are remembered', async (t) => {
  const encoder = new HpackEncoder()
  const decoder = new NaiveDecoder()
  for (let i = 0; i < 700; i++) {
    const fields = [{ name: `x-name-${i}`, value: 'secret', never: true }]
    t.strictSame(decoder.decode(encode(encoder, fields)), fields)
  }
  const fields = [{ name: 'x-name-699', value: 'open' }]
  for (let i = 0; i < 3; i++) t.strictSame(decoder.decode(encode(encoder, fields)), fields)
})

t.test('a name reserved for a field that every block ends with', async (t) => {
  const encoder = new HpackEncoder()
  const decoder = new NaiveDecoder()
  const out = Buffer.alloc(200)
  t.equal(encoder.nameIndex('x-request-id'), 0)
  const at = encoder.reserveName(out, encoder.begin(out, 0), 'x-request-id', 'first')
  t.equal(encoder.stable, false)
  t.strictSame(decoder.decode(out.subarray(0, at)), [{ name: 'x-request-id', value: 'first' }])
  t.equal(encoder.nameIndex('x-request-id'), 62)
  encode(encoder, [{ name: 'x-a', value: 'b' }])
  decoder.decode(encode(encoder, [{ name: 'x-a', value: 'b' }]))
  t.equal(encoder.nameIndex('x-request-id'), 63)
  t.equal(decoder.table.at(63)?.name, 'x-request-id')
  const small = new HpackEncoder()
  small.setPeerTableSize(0)
  t.equal(small.reserveName(out, small.begin(out, 0), 'x-request-id', 'first'), 1, 'only the size update')
  t.equal(small.nameIndex('x-request-id'), 0)
})

t.test(
  'the messages of RFC 7541 C.3 and C.5 go round, time and again, in the tables used there',
  async (t) => {
    const request = (scheme: string, path: string): FieldLine[] => [
      { name: ':method', value: 'GET' },
      { name: ':scheme', value: scheme },
      { name: ':path', value: path },
      { name: ':authority', value: 'www.example.com' },
    ]
    const response = (status: string, second: number): FieldLine[] => [
      { name: ':status', value: status },
      { name: 'cache-control', value: 'private' },
      { name: 'date', value: `Mon, 21 Oct 2013 20:13:2${second} GMT` },
      { name: 'location', value: 'https://www.example.com' },
    ]
    const cookie = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'
    const examples = [
      {
        size: 4096,
        messages: [
          request('http', '/'),
          [...request('http', '/'), { name: 'cache-control', value: 'no-cache' }],
          [...request('https', '/index.html'), { name: 'custom-key', value: 'custom-value' }],
        ],
      },
      {
        size: 256,
        messages: [
          response('302', 1),
          response('307', 1),
          [
            ...response('200', 2),
            { name: 'content-encoding', value: 'gzip' },
            { name: 'set-cookie', value: cookie },
          ],
        ],
      },
    ]
    for (const { size, messages } of examples) {
      const encoder = new HpackEncoder()
      encoder.setPeerTableSize(size)
      const decoder = new NaiveDecoder()
      let first = 0
      let last = 0
      for (let round = 0; round < 4; round++) {
        last = 0
        for (const fields of messages) {
          const block = encode(encoder, fields)
          t.strictSame(decoder.decode(block), expected(fields))
          t.ok(decoder.table.size <= size)
          last += block.length
        }
        if (round === 0) first = last
      }
      t.ok(last < first, `${last} bytes in the end, ${first} in the beginning`)
    }
  },
)
