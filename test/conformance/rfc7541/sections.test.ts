import { raw } from '../../support/frames.ts'
import { integer } from '../../support/naive-hpack.ts'
import { type Case, connectionError, fine, type Outcome, section } from '../rfc9113/table.ts'

const broken = connectionError('COMPRESSION_ERROR')

const HEADERS = 1
const END = 0x5
// GET http / in three indexed fields, and status 200 in one.
const REQUEST = '828684'
const RESPONSE = '88'
/** A literal field without indexing, new name "x": its value follows. */
const FIELD = '000178'
/** The same, never indexed, and with incremental indexing. */
const NEVER = '100178'
const INSERTED = '400178'

/** `bytes` behind the head of a request, of a response, and as trailers of either. */
function behind(rule: string, bytes: string | Buffer, outcome: Outcome = broken): Case[] {
  const more = typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes
  const after = (head: string) => [raw(HEADERS, END, 1, Buffer.concat([Buffer.from(head, 'hex'), more]))]
  return [
    { rule: `${rule}, in a request`, role: 'server', state: 'idle', frames: after(REQUEST), outcome },
    { rule: `${rule}, in a response`, role: 'client', state: 'requested', frames: after(RESPONSE), outcome },
    { rule: `${rule}, in trailers`, frames: after(''), outcome },
  ]
}

/** `bytes` before the head of a request or of a response. */
function before(rule: string, bytes: string | Buffer, outcome: Outcome): Case[] {
  const start = typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes
  const then = (head: string) => [raw(HEADERS, END, 1, Buffer.concat([start, Buffer.from(head, 'hex')]))]
  return [
    { rule: `${rule}, in a request`, role: 'server', state: 'idle', frames: then(REQUEST), outcome },
    { rule: `${rule}, in a response`, role: 'client', state: 'requested', frames: then(RESPONSE), outcome },
    { rule: `${rule}, in trailers`, frames: then(''), outcome },
  ]
}

/** A string of this length prefix and these bytes as the value of a field. */
function value(prefix: Buffer, bytes: string): Buffer {
  return Buffer.concat([Buffer.from(FIELD, 'hex'), prefix, Buffer.from(bytes, 'hex')])
}

section('RFC 7541 §2.3.3: the index address space', [
  ...behind('the first index behind the static table, of an empty dynamic one', 'be'),
  ...behind('an index far behind both', integer(0x80, 7, 1000)),
  ...behind('a name by an index behind both, without indexing', '0f2f0161'),
  ...behind('a name by an index behind both, with indexing', '7e0161'),
  ...behind('a name by an index behind both, never indexed', '1f2f0161'),
  ...behind('an entry that the block itself inserts', `${INSERTED}0161be`, fine),
])

section('RFC 7541 §4.2, §6.3: dynamic table size updates', [
  ...before('to 0', '20', fine),
  ...before('to 4096, what every connection starts with', '3fe11f', fine),
  ...before('two of them', '203fe11f', fine),
  ...before('to 4097, above SETTINGS_HEADER_TABLE_SIZE', '3fe21f', broken),
  ...before('a good one and one above the limit', '203fe21f', broken),
  ...before('to 2^28', integer(0x20, 5, 2 ** 28), broken),
  ...before('that does not end', Buffer.from('3fffffffffffffffff', 'hex'), broken),
  ...behind('behind a field', `${FIELD}016120`),
  ...behind('behind a field, to what it is already', `${FIELD}01613fe11f`),
  ...before('between fields', `20${FIELD}016120`, broken),
  ...before('whose table no longer holds an entry', `${INSERTED}016120`, broken),
])

section('RFC 7541 §5.1: integers', [
  ...behind('an index that does not end', 'ff'),
  ...behind('an index that does not end, with continuation', 'ff80'),
  ...behind('an index of 2^35', 'ff8080808080808001'),
  ...behind('an index of 2^64 and more', `ff${'ff'.repeat(9)}7f`),
  ...behind('an index with zeros without end', `ff${'80'.repeat(40)}00`),
  ...behind('a length of 2^32', value(Buffer.from('7f81ffffff0f', 'hex'), '')),
  ...behind('a length of 2^35', value(Buffer.from('7f8080808080808001', 'hex'), '')),
  ...behind('a length that does not end', value(Buffer.from('7fff', 'hex'), '')),
  ...behind(
    'a length in more bytes than it needs',
    value(Buffer.from('7f8000', 'hex'), '61'.repeat(127)),
    fine,
  ),
])

section('RFC 7541 §5.2: string literals', [
  ...behind('a value that is cut off', `${FIELD}05616263`),
  ...behind('a name that is cut off', '00056162'),
  ...behind('no value', '000178'),
  ...behind('no name', '00'),
  ...behind('no length, never indexed', NEVER),
  ...behind('a length beyond the block', value(Buffer.from('7fff7f', 'hex'), '61')),
  ...behind('an empty value', value(Buffer.from('00', 'hex'), ''), fine),
  ...behind('an empty value, Huffman coded', value(Buffer.from('80', 'hex'), ''), fine),
  ...behind('Huffman: padding of ones', value(Buffer.from('81', 'hex'), '1f'), fine),
  ...behind('Huffman: padding of seven ones', value(Buffer.from('82', 'hex'), 'f87f'), fine),
  ...behind('Huffman: padding that is not ones', value(Buffer.from('81', 'hex'), '18')),
  ...behind('Huffman: padding that is not all ones', value(Buffer.from('81', 'hex'), '1e')),
  ...behind('Huffman: padding of eight bits', value(Buffer.from('82', 'hex'), '1fff')),
  ...behind('Huffman: padding alone', value(Buffer.from('81', 'hex'), 'ff')),
  ...behind('Huffman: EOS alone', value(Buffer.from('84', 'hex'), 'ffffffff')),
  ...behind('Huffman: EOS within a string', value(Buffer.from('85', 'hex'), '1fffffffe3')),
  ...behind('Huffman: EOS in a name', '0084ffffffff0161'),
  ...behind('Huffman: a symbol that is cut off', value(Buffer.from('81', 'hex'), 'fe')),
])

section('RFC 7541 §6.1: indexed fields', [
  ...behind('index 0', '80'),
  ...before('index 0 as the first', '80', broken),
])

section('RFC 7541 §6.2: literal fields', [
  ...behind('without indexing', `${FIELD}0161`, fine),
  ...behind('never indexed', `${NEVER}0161`, fine),
  ...behind('with indexing', `${INSERTED}0161`, fine),
  ...behind(
    'a large one that empties the table (§4.4)',
    Buffer.concat([
      Buffer.from(`${INSERTED}0161${INSERTED}`, 'hex'),
      integer(0, 7, 5000),
      Buffer.alloc(5000, 'a'),
    ]),
    fine,
  ),
  ...behind(
    'one whose entry was pushed out by a large one',
    Buffer.concat([
      Buffer.from(`${INSERTED}0161${INSERTED}`, 'hex'),
      integer(0, 7, 5000),
      Buffer.alloc(5000, 'a'),
      Buffer.from('be', 'hex'),
    ]),
  ),
])
