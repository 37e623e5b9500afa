// Callers on real sockets whose request body waits for an endpoint that takes nothing.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { DEFAULT_SERVER_TIMEOUTS } from '../../../../proxy/codec/http1/limits.ts'
import { Http1ServerConnection } from '../../../../proxy/codec/http1/server-connection.ts'
import { acceptedTransport } from '../../../../proxy/codec/shared-read.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { Accepted, VirtualTime } from '../../../support/http1-peer.ts'

const SIZE = 8 * 1024 * 1024
const UPLOAD = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${SIZE}\r\n\r\n`
/** What may be held for one caller: the window, what is read beyond it in search of a FIN, and a chunk each. */
const HELD = 64 * 1024 + 256 * 1024 + 2 * 65_536

interface Paused {
  readonly caller: Socket
  readonly accepted: Accepted
  readonly time: VirtualTime
}

/** A caller has begun its upload, and nothing of it leaves. */
async function pausedUpload(t: Test): Promise<Paused> {
  const time = new VirtualTime()
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const caller = connect((server.address() as { port: number }).port, '127.0.0.1')
  caller.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const transport = acceptedTransport(socket)
  t.teardown(() => {
    caller.destroy()
    transport.destroy()
    server.close()
  })
  const requested = new Promise<Accepted>((resolve) => {
    new Http1ServerConnection(transport, {
      scheme: 'http',
      wheel: time.wheel,
      timeouts: { ...DEFAULT_SERVER_TIMEOUTS, streamMs: 0 },
      acceptor: { request: (stream, head, end) => resolve(new Accepted(stream, head, end)) },
    })
  })
  transport.start()
  caller.write(UPLOAD)
  return { caller, accepted: await requested, time }
}

/** Lets virtual time pass until it holds; the sockets are real, so each step also gives them a moment. */
async function passUntil({ time }: Paused, what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !holds(); i++) {
    time.pass(2500)
    await sleep(5)
  }
  if (!holds()) throw new Error(`in vain: ${what}`)
}

t.test('a caller that resets in the middle of a flood', async (t) => {
  const paused = await pausedUpload(t)
  const { caller, accepted } = paused
  caller.write(Buffer.alloc(SIZE))
  let before = -1
  await passUntil(paused, 'no more is read', () => {
    const same = before === accepted.body.length
    before = accepted.body.length
    return same && before > 256 * 1024
  })
  caller.resetAndDestroy()
  await passUntil(paused, 'the reset is seen', () => accepted.reason !== null)
  t.equal(accepted.reason?.code, 'downstream-closed')
})

t.test('a caller that closes behind a part of its body', async (t) => {
  const paused = await pausedUpload(t)
  paused.caller.end(Buffer.alloc(300_000))
  await passUntil(paused, 'the FIN is seen', () => paused.accepted.reason !== null)
  t.match(paused.accepted.reason, { code: 'downstream-closed', detail: 'in the middle of its request' })
})

t.test('a caller that waits is waited for, and gets all of its body through', async (t) => {
  const paused = await pausedUpload(t)
  const { caller, accepted } = paused
  caller.write(Buffer.alloc(SIZE, 'x'))
  for (let i = 0; i < 100; i++) {
    paused.time.pass(10_000)
    await sleep(1)
  }
  t.equal(accepted.reason, null)
  t.ok(accepted.body.length <= HELD, `${accepted.body.length} bytes are held`)
  accepted.creditTo = accepted.stream
  accepted.stream.credit(accepted.body.length)
  await passUntil(paused, 'the whole body', () => accepted.events.at(-1) === 'end')
  t.equal(accepted.body.length, SIZE)
  accepted.stream.head(Head.response(204), null, true)
  const [answer] = (await once(caller, 'data')) as [Buffer]
  t.match(answer.toString(), /^HTTP\/1\.1 204 /)
})
