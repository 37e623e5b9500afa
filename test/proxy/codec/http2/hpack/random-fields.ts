import type { Random } from '../../../../../proxy/base/random.ts'
import type { FieldLine } from '../../../../support/naive-hpack.ts'

const NAMES = [
  ...[':method', ':path', ':status', ':authority', 'accept', 'cookie', 'content-type', 'user-agent', 'date'],
  ...['x-request-id', 'x-a', 'x-b', 'x-long-name-of-no-table', 'grpc-status', 'authorization', 'etag'],
]
const VALUES = [
  'GET',
  '/',
  '200',
  'application/grpc',
  'a',
  'b',
  '',
  'gzip, deflate',
  'x'.repeat(60),
  '0',
  '\xe4\xff~',
]

/** Up to 12 fields, most of them from a small stock so that they come again. */
export function randomFields(random: Random): FieldLine[] {
  return Array.from({ length: Math.floor(random.next() * 12) }, () => {
    const name = NAMES[Math.floor(random.next() * NAMES.length)] as string
    const value =
      random.next() < 0.7
        ? (VALUES[Math.floor(random.next() * VALUES.length)] as string)
        : Math.floor(random.next() * 1e9).toString(36)
    return random.next() < 0.1 ? { name, value, never: true } : { name, value }
  })
}
