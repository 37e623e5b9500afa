import t from 'tap'
import type { RetryCondition } from '../../../config/types/route.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { type Reason, reasons } from '../../../proxy/message/reason.ts'
import { DEFAULT_BACK_OFF } from '../../../proxy/policy/back-off.ts'
import { isIdempotent, RetryPolicy } from '../../../proxy/policy/retry.ts'

const GET = Head.request('GET', 'http', 'a', '/')
const POST = Head.request('POST', 'http', 'a', '/')
const GRPC = Head.request('POST', 'http', 'a', '/a.B/C', Fields.of({ 'content-type': 'application/grpc' }))

function policy(...on: RetryCondition[]): RetryPolicy {
  return new RetryPolicy({ on, statuses: [], attempts: 3, perTryTimeout: 100, backOff: DEFAULT_BACK_OFF })
}

t.test('which methods do no harm when repeated (RFC 9110 §9.2.2)', async (t) => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']) {
    t.equal(isIdempotent(Head.request(method, 'http', 'a', '/')), true, method)
  }
  for (const method of ['POST', 'PATCH', 'CONNECT', 'get']) {
    t.equal(isIdempotent(Head.request(method, 'http', 'a', '/')), false, method)
  }
})

t.test('after a failure without a response', async (t) => {
  const { connectFailure, connectTimeout, refusedStream, upstreamReset, upstreamClosed, timeout } = reasons
  const table: [RetryCondition, Head, Reason[], Reason[]][] = [
    ['connect-failure', POST, [connectFailure, connectTimeout], [refusedStream, upstreamReset, timeout]],
    ['refused-stream', POST, [refusedStream], [connectFailure, upstreamReset]],
    ['reset', GET, [upstreamReset, upstreamClosed, timeout], []],
    ['reset', POST, [], [upstreamReset, upstreamClosed, timeout]],
    ['reset', GRPC, [upstreamReset, upstreamClosed], []],
    ['5xx', GET, [upstreamReset, timeout], []],
    ['5xx', POST, [], [upstreamReset, timeout]],
    ['gateway-error', GET, [upstreamReset], []],
    ['unavailable', GRPC, [upstreamReset, upstreamClosed], [timeout]],
    ['unavailable', GET, [], [upstreamReset]],
    ['deadline-exceeded', GRPC, [timeout], [upstreamReset]],
  ]
  for (const [on, head, yes, no] of table) {
    const name = `${on}, ${head.grpc ? 'gRPC' : head.method}`
    for (const reason of yes) t.equal(policy(on).onFailure(reason, head), true, `${name}: ${reason.code}`)
    for (const reason of no) t.equal(policy(on).onFailure(reason, head), false, `${name}: ${reason.code}`)
  }
})

t.test('after a response', async (t) => {
  const table: [RetryCondition, Head, [number, number][], [number, number][]][] = [
    ['5xx', GET, [[500, -1], [503, -1], [599, -1]], [[200, -1], [404, -1], [429, -1]]],
    ['5xx', POST, [], [[500, -1], [503, -1]]],
    ['gateway-error', GET, [[502, -1], [503, -1], [504, -1]], [[500, -1], [501, -1], [505, -1]]],
    ['reset', GET, [], [[503, -1]]],
    ['unavailable', GRPC, [[200, 14]], [[200, 0], [200, 13], [200, -1]]],
    ['cancelled', GRPC, [[200, 1]], [[200, 14]]],
    ['internal', GRPC, [[200, 13]], [[200, 14]]],
    ['resource-exhausted', GRPC, [[200, 8]], [[200, 14]]],
    ['5xx', GRPC, [[503, -1], [503, 2]], [[200, 14], [200, -1]]],
    ['unavailable', GRPC, [[503, -1], [503, 2], [429, -1], [502, -1], [504, -1]], [[500, -1], [404, 2], [200, 2]]],
    ['internal', GRPC, [[400, -1]], [[503, -1]]],
  ] // biome-ignore format: a table
  for (const [on, head, yes, no] of table) {
    const name = `${on}, ${head.grpc ? 'gRPC' : head.method}`
    for (const [status, grpc] of yes)
      t.equal(policy(on).onResponse(status, grpc, head), true, `${name}: ${status} ${grpc}`)
    for (const [status, grpc] of no)
      t.equal(policy(on).onResponse(status, grpc, head), false, `${name}: ${status} ${grpc}`)
  }
})

t.test('several conditions add up', async (t) => {
  const both = policy('5xx', 'unavailable')
  t.equal(both.onResponse(500, -1, GET), true)
  t.equal(both.onResponse(200, 14, GRPC), true)
  t.equal(both.attempts, 3)
  t.equal(both.perTryTimeout, 100)
})

t.test('statuses by number, whatever the method', async (t) => {
  const policy = new RetryPolicy({
    on: [],
    statuses: [409, 425],
    attempts: 3,
    perTryTimeout: null,
    backOff: DEFAULT_BACK_OFF,
  })
  for (const head of [GET, POST, GRPC]) {
    for (const status of [409, 425]) t.equal(policy.onResponse(status, -1, head), true)
    for (const status of [200, 408, 500, 503]) t.equal(policy.onResponse(status, -1, head), false)
  }
  t.equal(policy.onFailure(reasons.upstreamReset, GET), false)
  t.equal(policy.holdsResponses, false)
})

t.test('whose responses are kept back', async (t) => {
  for (const on of [
    'cancelled',
    'deadline-exceeded',
    'internal',
    'resource-exhausted',
    'unavailable',
    'reset',
  ] as const)
    t.equal(policy(on).holdsResponses, true, on)
  for (const on of ['connect-failure', 'refused-stream', '5xx', 'gateway-error'] as const)
    t.equal(policy(on).holdsResponses, false, on)
})
