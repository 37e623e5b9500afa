import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { grpcPushback, NEVER, NOT_ASKED, retryAfter } from '../../../proxy/policy/pushback.ts'

t.test('grpc-retry-pushback-ms (gRFC A6)', async (t) => {
  const cases: [string, number][] = [
    ['0', 0],
    ['15', 15],
    ['100000', 100_000],
    ['-1', NEVER],
    ['', NEVER],
    ['soon', NEVER],
    ['1.5', NEVER],
    ['99999999999', NEVER],
  ]
  for (const [value, ms] of cases)
    t.equal(grpcPushback(Fields.of({ 'grpc-retry-pushback-ms': value })), ms, value)
  t.equal(grpcPushback(Fields.of({ 'retry-after': '1' })), NOT_ASKED)
})

t.test('Retry-After (RFC 9110 §10.2.3)', async (t) => {
  const now = Date.UTC(2026, 0, 31, 12, 0, 0)
  const cases: [string, number][] = [
    ['0', 0],
    ['2', 2000],
    ['120', 120_000],
    ['Sat, 31 Jan 2026 12:00:05 GMT', 5000],
    ['Sat, 31 Jan 2026 11:00:00 GMT', 0],
    ['Sat, 99 Jan 2026 12:00:05 GMT', NOT_ASKED],
    ['Saturday, 31-Jan-26 12:00:05 GMT', NOT_ASKED],
    ['2026-01-31', NOT_ASKED],
    ['-1', NOT_ASKED],
    ['1.5', NOT_ASKED],
    ['', NOT_ASKED],
  ]
  for (const [value, ms] of cases) t.equal(retryAfter(Fields.of({ 'retry-after': value }), now), ms, value)
  t.equal(retryAfter(Fields.of({}), now), NOT_ASKED)
})
