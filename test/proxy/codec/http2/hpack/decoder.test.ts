import t from 'tap'
import { SeededRandom } from '../../../../../proxy/base/random.ts'
import { HpackDecoder } from '../../../../../proxy/codec/http2/hpack/decoder.ts'
import {
  type FieldLine,
  integer,
  NaiveDecoder,
  NaiveEncoder,
  type Representation,
} from '../../../../support/naive-hpack.ts'
import { randomFields } from './random-fields.ts'

function decode(decoder: HpackDecoder, block: Buffer): FieldLine[] | null {
  const fields: FieldLine[] = []
  const good = decoder.decode(block, 0, block.length, {
    field: (name, value, _kind, _valid, sensitive) => {
      fields.push({ name, value, ...(sensitive ? { never: true } : {}) })
    },
  })
  return good ? fields : null
}

function pairs(fields: FieldLine[] | null): string[] {
  return (fields ?? []).map(({ name, value }) => `${name}: ${value}`)
}

// RFC 7541 appendix C: blocks in hex, the fields of each, and the size of the table behind it.
interface Example {
  readonly section: string
  readonly tableSize?: number
  readonly blocks: readonly {
    readonly hex: string
    readonly fields: readonly string[]
    readonly size: number
    /** The dynamic table behind the block, newest entry first. */
    readonly table: readonly string[]
  }[]
}

const request1 = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com']
const request2 = [...request1, 'cache-control: no-cache']
const request3 = [
  ':method: GET',
  ':scheme: https',
  ':path: /index.html',
  ':authority: www.example.com',
  'custom-key: custom-value',
]
const DATE1 = 'date: Mon, 21 Oct 2013 20:13:21 GMT'
const DATE2 = 'date: Mon, 21 Oct 2013 20:13:22 GMT'
const LOCATION = 'location: https://www.example.com'
const response1 = [':status: 302', 'cache-control: private', DATE1, LOCATION]
const response2 = [':status: 307', 'cache-control: private', DATE1, LOCATION]
const response3 = [
  ':status: 200',
  'cache-control: private',
  DATE2,
  LOCATION,
  'content-encoding: gzip',
  'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
]

const AUTHORITY = ':authority: www.example.com'
const NO_CACHE = 'cache-control: no-cache'
const CUSTOM = 'custom-key: custom-value'
const PRIVATE = 'cache-control: private'
const requestTables = [[AUTHORITY], [NO_CACHE, AUTHORITY], [CUSTOM, NO_CACHE, AUTHORITY]] as const
const responseTables = [
  [LOCATION, DATE1, PRIVATE, ':status: 302'],
  [':status: 307', LOCATION, DATE1, PRIVATE],
  [response3[5] as string, 'content-encoding: gzip', DATE2],
] as const

const examples: Example[] = [
  {
    section: 'C.2.1',
    blocks: [
      {
        hex: '400a637573746f6d2d6b65790d637573746f6d2d686561646572',
        fields: ['custom-key: custom-header'],
        size: 55,
        table: ['custom-key: custom-header'],
      },
    ],
  },
  {
    section: 'C.2.2',
    blocks: [{ hex: '040c2f73616d706c652f70617468', fields: [':path: /sample/path'], size: 0, table: [] }],
  },
  {
    section: 'C.2.3',
    blocks: [{ hex: '100870617373776f726406736563726574', fields: ['password: secret'], size: 0, table: [] }],
  },
  { section: 'C.2.4', blocks: [{ hex: '82', fields: [':method: GET'], size: 0, table: [] }] },
  {
    section: 'C.3',
    blocks: [
      {
        hex: '828684410f7777772e6578616d706c652e636f6d',
        fields: request1,
        size: 57,
        table: requestTables[0],
      },
      { hex: '828684be58086e6f2d6361636865', fields: request2, size: 110, table: requestTables[1] },
      {
        hex: '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
        fields: request3,
        size: 164,
        table: requestTables[2],
      },
    ],
  },
  {
    section: 'C.4',
    blocks: [
      { hex: '828684418cf1e3c2e5f23a6ba0ab90f4ff', fields: request1, size: 57, table: requestTables[0] },
      { hex: '828684be5886a8eb10649cbf', fields: request2, size: 110, table: requestTables[1] },
      {
        hex: '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
        fields: request3,
        size: 164,
        table: requestTables[2],
      },
    ],
  },
  {
    section: 'C.5',
    tableSize: 256,
    blocks: [
      {
        hex:
          '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54' +
          '6e1768747470733a2f2f7777772e6578616d706c652e636f6d',
        fields: response1,
        size: 222,
        table: responseTables[0],
      },
      { hex: '4803333037c1c0bf', fields: response2, size: 222, table: responseTables[1] },
      {
        hex:
          '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d' +
          '4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
        fields: response3,
        size: 215,
        table: responseTables[2],
      },
    ],
  },
  {
    section: 'C.6',
    tableSize: 256,
    blocks: [
      {
        hex: '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
        fields: response1,
        size: 222,
        table: responseTables[0],
      },
      { hex: '4883640effc1c0bf', fields: response2, size: 222, table: responseTables[1] },
      {
        hex:
          '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960' +
          'd5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
        fields: response3,
        size: 215,
        table: responseTables[2],
      },
    ],
  },
]

/** The entries as references to them decode, newest first. */
function tableOf(decoder: HpackDecoder): string[] {
  const entries: string[] = []
  for (let index = 62; ; index++) {
    const entry = decode(decoder, integer(0x80, 7, index))
    if (entry === null) return entries
    entries.push(...pairs(entry))
  }
}

for (const { section, tableSize, blocks } of examples) {
  t.test(`RFC 7541 ${section}`, async (t) => {
    const decoder = new HpackDecoder(tableSize ?? 4096)
    for (const { hex, fields, size, table } of blocks) {
      const decoded = decode(decoder, Buffer.from(hex, 'hex'))
      t.strictSame(pairs(decoded), fields)
      t.equal(decoder.size, size)
      t.strictSame(tableOf(decoder), table)
      t.equal(decoded?.some(({ never }) => never === true) ?? false, section === 'C.2.3')
    }
  })
}

t.test('C.1: integers', async (t) => {
  // An index of 1337 behind a prefix of 7 bits does not exist; the size update of 31 + 1306 does.
  const decoder = new HpackDecoder(2000)
  t.strictSame(integer(0x20, 5, 1337), Buffer.from([0x3f, 0x9a, 0x0a]))
  t.strictSame(decode(decoder, Buffer.from([0x3f, 0x9a, 0x0a])), [])
  t.equal(
    decode(new HpackDecoder(1336), Buffer.from([0x3f, 0x9a, 0x0a])),
    null,
    'above the table we announced',
  )
})

t.test('the decoder and a naive one agree on everything a peer may encode', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed)
    const size = [4096, 256, 100, 0][seed % 4] as number
    const decoder = new HpackDecoder(size)
    const naive = new NaiveDecoder()
    naive.table.limit = size
    const encoder = new NaiveEncoder()
    encoder.table.limit = size
    const choices: Representation[] = ['indexed', 'indexed', 'incremental', 'without', 'never']
    for (let i = 0; i < 60; i++) {
      const parts: Buffer[] = []
      if (random.next() < 0.1) parts.push(encoder.resize(Math.floor(random.next() * (size + 1))))
      const fields = randomFields(random)
      parts.push(
        encoder.encode(
          fields,
          () => choices[Math.floor(random.next() * choices.length)] as Representation,
          () => random.next() < 0.5,
        ),
      )
      const block = Buffer.concat(parts)
      const expected = naive.decode(block)
      const decoded = decode(decoder, block)
      t.strictSame(decoded, expected)
      t.strictSame(pairs(decoded), pairs(fields as FieldLine[]))
      t.equal(decoder.size, naive.table.size)
    }
  }
})

t.test('random bytes never throw, and decode as the naive decoder says', async (t) => {
  const random = new SeededRandom(3)
  let good = 0
  for (let i = 0; i < 30_000; i++) {
    const block = Buffer.from(
      Array.from({ length: 1 + Math.floor(random.next() * 12) }, () => random.next() * 256),
    )
    let expected: FieldLine[] | null = null
    const naive = new NaiveDecoder()
    try {
      expected = naive.decode(block)
    } catch {}
    const decoder = new HpackDecoder()
    const decoded = decode(decoder, block)
    if (JSON.stringify(decoded) !== JSON.stringify(expected)) t.fail(block.toString('hex'))
    if ((decoder.error === '') !== (decoded !== null)) t.fail(`no word on ${block.toString('hex')}`)
    if (decoded !== null) good += 1
  }
  t.ok(good > 1000, `${good} of them are well formed`)
})

t.test('truncated blocks never throw', async (t) => {
  const encoder = new NaiveEncoder()
  const fields = [...Array(20).keys()].map((i) => ({ name: `name-${i}`, value: 'x'.repeat(i * 3) }))
  const block = encoder.encode(
    fields,
    () => 'incremental',
    () => true,
  )
  for (let length = 0; length < block.length; length++) {
    const decoder = new HpackDecoder()
    const decoded = decode(decoder, block.subarray(0, length))
    if (decoded === null) t.not(decoder.error, '')
    else t.strictSame(pairs(decoded), pairs(fields.slice(0, decoded.length)))
  }
})

t.test('what is malformed, and its name', async (t) => {
  const cases: Record<string, [string, string]> = {
    'index 0': ['80', 'index out of range'],
    'an index behind the table': ['be', 'index out of range'],
    'a name index behind the table': ['7e0161', 'index out of range'],
    'an index that does not end': ['ff', 'index out of range'],
    'an index of 2^35': ['ff8080808080808001', 'index out of range'],
    'a string that does not end': ['0005616263', 'truncated block'],
    'a length of 2^35': ['007f8080808080808001', 'integer too large'],
    'a literal without a value': ['000161', 'truncated block'],
    'Huffman padding of zeros': ['00811800', 'malformed Huffman string'],
    'a size update behind a field': ['8220', 'table size update out of place'],
    'a size update above the limit': ['3fe21f', 'table size update too large'],
    'a size update that does not end': ['3f', 'truncated block'],
  }
  for (const [name, [hex, error]] of Object.entries(cases)) {
    const decoder = new HpackDecoder()
    t.equal(decode(decoder, Buffer.from(hex, 'hex')), null, name)
    t.equal(decoder.error, error, name)
  }
  const decoder = new HpackDecoder(4096, 100)
  t.equal(decode(decoder, Buffer.concat([Buffer.from([0, 1, 97, 0x65]), Buffer.alloc(101, 'x')])), null)
  t.equal(decoder.error, 'string too long')
})

t.test('an entry larger than the table empties it (RFC 7541 §4.4)', async (t) => {
  const decoder = new HpackDecoder(100)
  const encoder = new NaiveEncoder()
  encoder.table.limit = 100
  decode(
    decoder,
    encoder.encode([{ name: 'a', value: 'b' }], () => 'incremental'),
  )
  t.equal(decoder.size, 34)
  const large = [{ name: 'a', value: 'x'.repeat(80) }]
  t.strictSame(
    pairs(
      decode(
        decoder,
        encoder.encode(large, () => 'incremental'),
      ),
    ),
    [`a: ${'x'.repeat(80)}`],
  )
  t.equal(decoder.size, 0)
  t.equal(decode(decoder, Buffer.from([0xbe])), null)
})

t.test('a name may be taken from the entry that its insertion pushes out (RFC 7541 §4.4)', async (t) => {
  const decoder = new HpackDecoder(64)
  const encoder = new NaiveEncoder()
  encoder.table.limit = 64
  decode(
    decoder,
    encoder.encode([{ name: 'abc', value: 'x'.repeat(20) }], () => 'incremental'),
  )
  const block = Buffer.concat([Buffer.from([0x7e, 25]), Buffer.alloc(25, 'y')])
  t.strictSame(pairs(decode(decoder, block)), [`abc: ${'y'.repeat(25)}`])
  t.strictSame(pairs(decode(decoder, Buffer.from([0xbe]))), [`abc: ${'y'.repeat(25)}`])
})
