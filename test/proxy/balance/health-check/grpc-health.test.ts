import t from 'tap'
import {
  decodeCheckResponse,
  encodeCheckRequest,
} from '../../../../proxy/balance/health-check/grpc-health.ts'

function frame(...message: number[]): Buffer {
  return Buffer.from([0, 0, 0, 0, message.length, ...message])
}

t.test('requests', async (t) => {
  t.same(encodeCheckRequest(''), frame())
  t.same(encodeCheckRequest('a.B'), frame(0x0a, 3, 0x61, 0x2e, 0x42))
  const long = encodeCheckRequest('x'.repeat(300))
  t.equal(long.length, 5 + 3 + 300)
  t.same([...long.subarray(0, 8)], [0, 0, 0, 1, 47, 0x0a, 0xac, 0x02])
})

t.test('responses', async (t) => {
  t.equal(decodeCheckResponse(frame()), 0)
  t.equal(decodeCheckResponse(frame(0x08, 1)), 1)
  t.equal(decodeCheckResponse(frame(0x08, 2)), 2)
  t.equal(decodeCheckResponse(frame(0x12, 2, 0x61, 0x62, 0x08, 3)), 3, 'unknown fields are stepped over')
  t.equal(
    decodeCheckResponse(frame(0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x18, 0x80, 1, 0x08, 1)),
    1,
  )
  t.equal(decodeCheckResponse(frame(0x08, 1, 0x08, 2)), 2, 'the last one counts')
})

t.test('what is no response', async (t) => {
  t.throws(() => decodeCheckResponse(Buffer.alloc(0)), /has no message/)
  t.throws(() => decodeCheckResponse(Buffer.from([1, 0, 0, 0, 0])), /compressed/)
  t.throws(() => decodeCheckResponse(Buffer.from([0, 0, 0, 0, 9, 8, 1])), /ends inside/)
  for (const message of [[0x08], [0x08, 0x80], [0x12, 9, 1], [0x0b], [0x0d, 1], Array(12).fill(0x80)]) {
    t.throws(() => decodeCheckResponse(frame(...message)), /not a health message/)
  }
})
