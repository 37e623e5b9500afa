import { HpackDecoder } from '../../../proxy/codec/http2/hpack/decoder.ts'
import { type FieldLine, NaiveDecoder, NaiveEncoder } from '../../support/naive-hpack.ts'
import { gist, type Note, promise, type Target } from '../target.ts'

const TABLE_SIZES = [4096, 0, 100, 256]
/** Longest string that the decoder is told to take: short, so that it is met. */
const MAX_STRING = 1000

/** The first byte picks the table size; then blocks, each behind its length in one byte. */
export const hpackDecoder: Target = {
  name: 'hpack-decoder',
  about: 'header blocks, against a naive decoder',
  maxBytes: 2048,
  seeds: () => {
    const encoder = new NaiveEncoder()
    const fields = [':method GET', ':path /a', 'x-a b', 'x-long-name-of-no-table value', 'cookie a=b'].map(
      (line) => {
        const [name, value] = line.split(' ') as [string, string]
        return { name, value }
      },
    )
    const blocks = [
      encoder.encode(fields, () => 'incremental'),
      encoder.encode(fields, () => 'indexed'),
      encoder.encode(
        fields,
        () => 'never',
        () => true,
      ),
      Buffer.concat([encoder.resize(100), encoder.resize(4096), encoder.encode(fields, () => 'incremental')]),
    ]
    const framed = blocks.map((block) => Buffer.concat([Buffer.from([block.length]), block]))
    return [Buffer.concat([Buffer.from([0]), ...framed]), ...framed]
  },
  dictionary: [
    'ff8080808001',
    '3fe11f',
    '20',
    '40',
    '4000',
    '10',
    '7f00',
    'be',
    'ffff',
    '82',
    '008161',
    '1f',
  ].map((hex) => Buffer.from(hex, 'hex')),
  mutate: null,
  run: decodeBlocks,
}

function decodeBlocks(input: Buffer, note: Note): void {
  const size = TABLE_SIZES[(input[0] ?? 0) & 3] as number
  const decoder = new HpackDecoder(size, MAX_STRING)
  const naive = new NaiveDecoder()
  naive.maximum = size
  naive.table.limit = size
  for (let at = 1; at < input.length; ) {
    const length = input[at] as number
    const block = input.subarray(at + 1, at + 1 + length)
    at += 1 + length
    const fields: FieldLine[] = []
    const good = decoder.decode(block, 0, block.length, {
      field: (name, value, _kind, _valid, sensitive) => {
        fields.push({ name, value, ...(sensitive ? { never: true } : {}) })
      },
    })
    let expected: FieldLine[] | null = null
    let error = ''
    try {
      expected = naive.decode(block)
    } catch (thrown) {
      error = gist((thrown as Error).message)
    }
    note(`${decoder.error} ${error} ${fields.length}`)
    if (!good) {
      promise(decoder.error !== '', 'a block is refused without a word')
      const tooLong = decoder.error === 'string too long'
      promise(expected === null || tooLong, `a good block is refused: ${decoder.error}`)
      return
    }
    promise(expected !== null, `a bad block is taken: ${error}`)
    promise(
      JSON.stringify(fields) === JSON.stringify(expected),
      'fields differ from those of the naive decoder',
    )
    promise(decoder.size === naive.table.size, 'the table has another size than the naive one')
    promise(decoder.size <= size, 'the table is larger than allowed')
    note(`entries ${naive.table.entries.length} limit ${naive.table.limit < size}`)
  }
}
