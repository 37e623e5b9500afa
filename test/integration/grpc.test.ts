import t from 'tap'
import { createMesh } from '../support/mesh-folder.ts'
import { EchoClient } from '../support/peers/echo-client.ts'
import { startEcho } from '../support/peers/echo-server.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { PatternCheck, pattern } from '../support/peers/pattern.ts'
import { startSidecar } from '../support/sidecar.ts'
import { pairAuthority, startPair } from '../support/sidecar-pair.ts'

/** A framed EchoRequest with `hold` set. */
const HOLD = Buffer.from([0, 0, 0, 0, 2, 0x30, 1])

t.test('gRPC through two sidecars', async (t) => {
  const echo = await startEcho({ name: 'one' })
  t.teardown(() => echo.close())
  const pair = await startPair(t, { apps: { h2: echo.port } })
  const client = new EchoClient(`127.0.0.1:${pair.port}`, { authority: pairAuthority('h2', 'h2') })
  t.teardown(() => client.close())

  await t.test('unary, with metadata in every place', async (t) => {
    const binary = Buffer.from([0, 1, 2, 253, 254, 255])
    const metadata = {
      'echo-initial-word': 'front, with a comma',
      'echo-initial-raw-bin': binary,
      'echo-trailer-word': 'behind',
      'echo-trailer-raw-bin': Buffer.alloc(0),
      'x-only-there': 'yes',
    }
    const outcome = await client.unary({ payload: Buffer.from('hi') }, { metadata })
    t.match(outcome, { code: 0, details: 'OK' })
    t.same(outcome.replies[0]?.payload, Buffer.from('hi'))
    t.same(outcome.initial.get('x-instance'), ['one'])
    t.same(outcome.initial.get('echo-initial-word'), ['front, with a comma'])
    t.same(outcome.initial.get('echo-initial-raw-bin'), [binary])
    t.same(outcome.trailers.get('echo-trailer-word'), ['behind'])
    t.same(outcome.trailers.get('echo-trailer-raw-bin'), [Buffer.alloc(0)])
    const seen = echo.calls.at(-1)?.metadata
    t.same(seen?.get('x-only-there'), ['yes'])
    t.match(seen?.get('x-forwarded-client-cert'), [/URI=spiffe:\/\/mesh\.local\/ns\/default\/sa\/web/])
    t.equal(seen?.get('x-request-id').length, 1)
  })

  await t.test('a status with its message and details', async (t) => {
    const details = Buffer.from('any protobuf')
    const outcome = await client.unary(
      { status: 9, status_message: 'né 100% – 日本' },
      { metadata: { 'echo-trailer-details-bin': details } },
    )
    t.match(outcome, { code: 9, details: 'né 100% – 日本' })
    t.same(outcome.trailers.get('echo-trailer-details-bin'), [details])
    const streamed = await client.serverStream({ messages: 3, status: 5, status_message: 'gone' }).outcome
    t.match(streamed, { code: 5, details: 'gone' })
    t.equal(streamed.replies.length, 3, 'after the messages')
    for (let status = 1; status <= 16; status++) {
      t.equal((await client.unary({ status, status_message: `${status}` })).code, status)
    }
  })

  await t.test('messages streamed by the client', async (t) => {
    const payload = pattern(10_000)
    const outcome = await client.clientStream(Array.from({ length: 200 }, () => ({ payload })))
    t.match(outcome, { code: 0, replies: [{ received: 200, received_bytes: 2_000_000 }] })
    t.match(await client.clientStream([]), { code: 0, replies: [{ received: 0 }] }, 'none at all')
  })

  await t.test('messages streamed by the server', async (t) => {
    const outcome = await client.serverStream({ messages: 50, reply_bytes: 100_000 }).outcome
    t.equal(outcome.code, 0)
    t.same(
      outcome.replies.map(({ index }) => index),
      Array.from({ length: 50 }, (_, i) => i),
    )
    t.ok(outcome.replies.every(({ payload }) => intact(payload, 100_000)))
  })

  await t.test('both at once, message by message', async (t) => {
    const call = client.bidiStream()
    for (let i = 0; i < 20; i++) {
      // Each is sent when the answer to the one before has come: nothing may wait in between.
      await call.send({ payload: Buffer.from(`${i}`) })
      t.match(await call.next(), { index: i, payload: Buffer.from(`${i}`) })
    }
    call.end()
    t.equal(await call.next(), null)
    t.match(await call.outcome, { code: 0 })
  })

  await t.test('messages far larger than any window', async (t) => {
    const payload = pattern(5_000_000)
    const outcome = await client.unary({ payload })
    t.equal(outcome.code, 0)
    t.ok(intact(outcome.replies[0]?.payload, 5_000_000))
  })

  await t.test('many calls at once', async (t) => {
    const outcomes = await Promise.all(
      Array.from({ length: 300 }, (_, i) => client.unary({ payload: Buffer.from(`${i}`) })),
    )
    t.same(
      outcomes.map(({ code, replies }) => [code, replies[0]?.payload.toString()]),
      outcomes.map((_, i) => [0, `${i}`]),
    )
  })

  await t.test('the deadline reaches the application, and ends the call on both sides', async (t) => {
    const { cancelled } = echo
    t.match(await client.unary({}, { deadlineMs: 60_000 }), { code: 0 })
    const left = echo.calls.at(-1)?.deadlineMs ?? 0
    t.ok(left > 0 && left <= 60_000, `${left} ms were left`)
    t.match(await client.unary({ hold: true }, { deadlineMs: 300 }), { code: 4 })
    await echo.when('the call to be cancelled', () => echo.cancelled === cancelled + 1)
  })

  await t.test('a caller cancels', async (t) => {
    const { cancelled } = echo
    const call = client.bidiStream()
    await call.send({ hold: true })
    await call.next()
    call.cancel()
    t.match(await call.outcome, { code: 1 })
    await echo.when('the call to be cancelled', () => echo.cancelled === cancelled + 1)

    const other = new Http2Client({ port: pair.port, authority: pairAuthority('h2', 'h2') })
    const headers = { 'content-type': 'application/grpc', te: 'trailers' }
    const { begun } = echo
    const lost = other.request({ path: '/pillion.test.Echo/Unary', headers, body: HOLD })
    const refused = t.rejects(lost)
    await echo.when('the call to arrive', () => echo.begun === begun + 1)
    other.close()
    await refused
    await echo.when('a call whose connection closed to be cancelled', () => echo.cancelled === cancelled + 2)
  })

  await t.test('the server ends a call that the client still sends', async (t) => {
    const call = client.bidiStream()
    await call.send({ status: 8, status_message: 'enough' })
    t.match(await call.outcome, { code: 8, details: 'enough' })
  })

  await t.test('an unknown service and an unknown host', async (t) => {
    const stranger = new EchoClient(`127.0.0.1:${pair.port}`, { authority: 'nobody.mesh' })
    t.match(await stranger.unary(), { code: 12, details: /no route of this listener matches.*nobody\.mesh/ })
    stranger.close()
  })
  client.close()
  await pair.client.stop(t)
  await pair.server.stop(t)
})

t.test('a gRPC server that dies in the middle of its calls', async (t) => {
  const echo = await startEcho()
  const mesh = await createMesh(t)
  const sidecar = await startSidecar(t, {
    mesh,
    service: 'edge',
    anonymous: true,
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes: [{ upstream: echo }]
upstreams:
  echo: { protocol: h2, endpoints: ["127.0.0.1:${echo.port}"] }`,
  })
  const client = new EchoClient(`127.0.0.1:${sidecar.port('outbound')}`)
  t.teardown(() => client.close())

  const begun = client.serverStream({ hold: true })
  t.ok(await begun.next())
  await echo.close()
  t.match(await begun.outcome, { code: 14 }, 'a call begun is UNAVAILABLE')
  t.match(await client.unary(), { code: 14, details: /could not be connected to/ }, 'and so is the next')
  await sidecar.stop(t)
})

function intact(payload: Buffer | undefined, length: number): boolean {
  const check = new PatternCheck()
  check.take(payload ?? Buffer.alloc(0))
  return check.intact && check.bytes === length
}
