import t from 'tap'
import { ERROR_NAMES } from '../../../proxy/codec/http2/constants.ts'
import { type Reason, reasons } from '../../../proxy/message/reason.ts'

const all: readonly [string, Reason][] = Object.entries(reasons)

t.test('every reason can be told to every kind of caller', async (t) => {
  for (const [name, reason] of all) {
    t.match(reason.code, /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, name)
    t.equal(
      reason.code,
      name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    )
    t.ok(reason.status >= 400 && reason.status <= 599, `${name}: ${reason.status}`)
    t.ok(reason.grpcStatus >= 1 && reason.grpcStatus <= 16, `${name}: ${reason.grpcStatus}`)
    t.ok(ERROR_NAMES[reason.http2], `${name}: ${reason.http2}`)
    t.match(reason.sentence, /^[a-z].*[^.]$/)
    t.equal(String(reason), reason.sentence)
  }
  t.equal(new Set(all.map(([, { code }]) => code)).size, all.length)
})

t.test('what an endpoint may have processed is never called unprocessed', async (t) => {
  for (const name of ['upstreamReset', 'upstreamClosed', 'upstreamProtocol', 'timeout'] as const) {
    t.equal(reasons[name].unprocessed, false, name)
  }
  for (const name of ['connectFailure', 'connectTimeout', 'refusedStream', 'goaway'] as const) {
    t.equal(reasons[name].unprocessed, true, name)
  }
})

t.test('a reason with its detail is of the same kind', async (t) => {
  const detailed = reasons.connectFailure.with('ECONNREFUSED 10.0.0.1:80')
  t.equal(String(detailed), `${reasons.connectFailure.sentence}: ECONNREFUSED 10.0.0.1:80`)
  t.equal(detailed.is(reasons.connectFailure), true)
  t.equal(detailed.is(reasons.timeout), false)
  t.match(detailed, { ...reasons.connectFailure, detail: 'ECONNREFUSED 10.0.0.1:80' })
})

t.test('a reason with the code of a reset', async (t) => {
  const reset = reasons.upstreamReset.withHttp2(11, 'ENHANCE_YOUR_CALM')
  t.match(reset, { code: 'upstream-reset', http2: 11, detail: 'ENHANCE_YOUR_CALM', unprocessed: false })
})

t.test('a reason that is known to be harmless', async (t) => {
  const closed = reasons.upstreamClosed.with('before a request').asUnprocessed()
  t.match(closed, { code: 'upstream-closed', detail: 'before a request', unprocessed: true })
  t.equal(closed.asUnprocessed(), closed)
})
