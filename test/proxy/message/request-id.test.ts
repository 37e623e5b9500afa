import t from 'tap'
import {
  formatRequestId,
  nextRequestId,
  REQUEST_ID_LENGTH,
  writeRequestId,
} from '../../../proxy/message/request-id.ts'

// RFC 9562 §5.8: version 8, variant 10xx.
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

t.test('ids are UUIDs and never repeat', async (t) => {
  const seen = new Set<string>()
  for (let i = 0; i < 10_000; i++) {
    const id = formatRequestId(nextRequestId())
    if (!UUID.test(id)) t.fail(id)
    seen.add(id)
  }
  t.equal(seen.size, 10_000)
})

t.test('the last 48 bits are the sequence number', async (t) => {
  for (const n of [1, 0xff, 0xffffff, 0x1000000, 0x1234567, 2 ** 40 + 17, 2 ** 48 - 1]) {
    t.equal(Number.parseInt(formatRequestId(n).slice(24), 16), n)
    t.match(formatRequestId(n), UUID)
  }
})

t.test('an id is written where it belongs and nowhere else', async (t) => {
  const out = Buffer.alloc(50, '.')
  t.equal(writeRequestId(7, out, 5), 5 + REQUEST_ID_LENGTH)
  t.equal(out.toString('latin1'), `.....${formatRequestId(7)}.........`)
})
