import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head, TUNNEL_CONNECT } from '../../../proxy/message/head.ts'
import { HedgePolicy } from '../../../proxy/policy/hedge.ts'

const GRPC = Head.request('POST', 'http', 'a', '/a.B/C', Fields.of({ 'content-type': 'application/grpc' }))

t.test('what two endpoints may process', async (t) => {
  const careful = new HedgePolicy({ after: 50, attempts: 2, grpc: false })
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'POST', 'PATCH']) {
    const idempotent = method !== 'POST' && method !== 'PATCH'
    t.equal(careful.allows(Head.request(method, 'http', 'a', '/')), idempotent, method)
  }
  t.equal(careful.allows(GRPC), false)
  t.equal(new HedgePolicy({ after: 50, attempts: 2, grpc: true }).allows(GRPC), true)
  t.equal(careful.allows(Head.tunnel('websocket', 'http', 'a', '/')), false)
  t.equal(careful.allows(Head.tunnel(TUNNEL_CONNECT, '', 'a:1', '')), false)
})

t.test('after a fixed time, or as long as 95 of 100 take', async (t) => {
  const fixed = new HedgePolicy({ after: 50, attempts: 2, grpc: false })
  fixed.observe(7)
  t.equal(fixed.delay, 50)
  const observed = new HedgePolicy({ after: null, attempts: 2, grpc: false })
  t.equal(observed.delay, -1, 'nothing is known yet')
  for (let i = 0; i < 100; i++) observed.observe(1)
  t.equal(observed.delay, 10, 'never sooner')
  for (let i = 0; i < 2000; i++) observed.observe(200)
  t.ok(observed.delay >= 200 && observed.delay < 220)
})
