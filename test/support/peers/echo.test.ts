import t from 'tap'
import { EchoClient } from './echo-client.ts'
import { startEcho } from './echo-server.ts'

t.test('the Echo peer does what its requests ask for', async (t) => {
  const echo = await startEcho({ name: 'one' })
  const client = new EchoClient(`127.0.0.1:${echo.port}`)
  t.teardown(async () => {
    client.close()
    await echo.close()
  })

  await t.test('metadata, binary too, comes back in front and behind', async (t) => {
    const metadata = { 'echo-initial-a': 'front', 'echo-trailer-b-bin': Buffer.from([0, 255]) }
    const outcome = await client.unary({ payload: Buffer.from('hi') }, { metadata, deadlineMs: 10_000 })
    t.equal(outcome.code, 0)
    t.same(outcome.replies[0]?.payload, Buffer.from('hi'))
    t.same(outcome.initial.get('echo-initial-a'), ['front'])
    t.same(outcome.initial.get('x-instance'), ['one'])
    t.same(outcome.trailers.get('echo-trailer-b-bin'), [Buffer.from([0, 255])])
    t.type(echo.calls.at(-1)?.deadlineMs, 'number')
  })

  await t.test('a call fails with the status, message and trailers asked for', async (t) => {
    const metadata = { 'echo-trailer-c': 'behind' }
    const outcome = await client.unary({ status: 9, status_message: 'né 100%' }, { metadata })
    t.match(outcome, { code: 9, details: 'né 100%' })
    t.same(outcome.trailers.get('echo-trailer-c'), ['behind'])
  })

  await t.test('streams in each direction', async (t) => {
    const up = await client.clientStream([1, 2, 3].map(() => ({ payload: Buffer.alloc(100_000) })))
    t.match(up, { code: 0, replies: [{ received: 3, received_bytes: 300_000 }] })
    const down = await client.serverStream({ messages: 5, delay_ms: 1, reply_bytes: 300_000, status: 5 })
      .outcome
    t.equal(down.code, 5)
    t.same(
      down.replies.map(({ index, payload }) => [index, payload.length]),
      [0, 1, 2, 3, 4].map((index) => [index, 300_000]),
    )
    const both = client.bidiStream()
    for (const word of ['a', 'b']) {
      await both.send({ payload: Buffer.from(word) })
      t.equal((await both.next())?.payload.toString(), word)
    }
    both.end()
    t.equal(await both.next(), null)
    t.equal((await both.outcome).code, 0)
  })

  await t.test('cancelled and expired calls are seen', async (t) => {
    const call = client.bidiStream()
    await call.send({ hold: true })
    await call.next()
    call.cancel()
    t.equal((await call.outcome).code, 1)
    await echo.when('the call to be cancelled', () => echo.cancelled === 1)
    t.equal(echo.calls.at(-1)?.state, 'cancelled')
    t.equal((await client.unary({ hold: true }, { deadlineMs: 20 })).code, 4)
    await echo.when('no call to be under way', () => echo.active === 0)
  })

  await t.test('a held call goes on when it is released', async (t) => {
    const held = client.unary({ hold: true, payload: Buffer.from('x') })
    await echo.when('a call to be under way', () => echo.calls.at(-1)?.received === 1 && echo.active === 1)
    echo.release()
    t.match(await held, { code: 0 })
  })
})
