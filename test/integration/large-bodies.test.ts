import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { MemoryWatch } from '../support/memory-watch.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { startHttp2 } from '../support/peers/http2-upstream.ts'
import { patternStream } from '../support/peers/pattern.ts'
import { pairAuthority, type Spoken, startPair } from '../support/sidecar-pair.ts'

const MIB = 1024 ** 2
/** Size of the bodies; the continuous checks run with 1024. 0 leaves them out. */
const LARGE = Number(process.env['PILLION_LARGE_BODY_MIB'] ?? 64) * MIB
/** Bodies for readers that stop: several times what may be buffered on the way. */
const SLOW = 96 * MIB
/** What passes before memory is looked at: until then the young generation of the heap grows to its usual size. */
const WARM_UP = 128 * MIB
/** What a sidecar's memory may grow by, in MiB, whatever passes through it. */
const ALLOWED = 32
/** How long a reader stops, in milliseconds: long enough for all of a body to arrive if nothing held it back. */
const PAUSE = 1500

// Caller, between the sidecars, application: each sidecar gets all four pairs of protocols.
const WAYS: readonly (readonly [Spoken, Spoken, Spoken])[] = [
  ['http1', 'http1', 'h2'],
  ['http1', 'h2', 'http1'],
  ['h2', 'http1', 'http1'],
  ['h2', 'h2', 'h2'],
]

t.setTimeout(900_000)

const skip = LARGE === 0 && 'PILLION_LARGE_BODY_MIB is 0'

t.test('large bodies pass in constant memory', { skip }, async (t) => {
  // A window wide enough for the peers not to be the ones that hold back.
  const settings = { initialWindowSize: 1024 * 1024 }
  const upstreams = { http1: await startHttp1(), h2: await startHttp2({ settings }) }
  t.teardown(() => Promise.all([upstreams.http1.close(), upstreams.h2.close()]))
  const pair = await startPair(t, {
    apps: { http1: upstreams.http1.port, h2: upstreams.h2.port },
    route: 'timeout: off',
  })

  const watched = async (t: Test, what: string, transfer: () => Promise<void>) => {
    const watch = new MemoryWatch(pair.client, pair.server)
    try {
      await transfer()
    } finally {
      const growth = watch.stop()
      for (const [service, grown] of Object.entries(growth)) {
        t.ok(grown < ALLOWED, `${what}: ${service} grew by ${grown.toFixed(1)} MiB`)
      }
    }
  }

  for (const [from, hop, to] of WAYS) {
    await t.test(`${from} -> ${hop} -> ${to}`, async (t) => {
      const upstream = upstreams[to]
      const options = { port: pair.port, authority: pairAuthority(hop, to) }
      const client = from === 'http1' ? new Http1Client(options) : new Http2Client({ ...options, settings })
      t.teardown(() => client.close())
      const download = async (t: Test, bytes: number) => {
        const reply = await client.request({ path: `/bytes/${bytes}?framing=chunked`, keep: false })
        t.match(reply, { status: 200, bytes, intact: true })
      }
      const upload = async (t: Test, bytes: number) => {
        const reply = await client.request({ path: '/sink', body: patternStream(bytes) })
        t.match(JSON.parse(reply.body.toString()), { bytes, intact: true })
      }
      await download(t, WARM_UP)
      await upload(t, WARM_UP)

      await watched(t, 'download', () => download(t, LARGE))
      await watched(t, 'upload', () => upload(t, LARGE))

      await watched(t, 'download to a reader that stops', async () => {
        let paused = false
        const reply = await client.request({
          path: `/bytes/${SLOW}`,
          keep: false,
          onData: async () => {
            if (paused) return
            paused = true
            await sleep(PAUSE)
          },
        })
        t.match(reply, { status: 200, bytes: SLOW, intact: true })
      })

      await watched(t, 'upload to a reader that stops', async () => {
        const body = patternStream(SLOW)
        let sent = 0
        body.on('data', (chunk: Buffer) => {
          sent += chunk.length
        })
        const reply = client.request({ path: '/sink?hold', body })
        await upstream.when('the request to arrive', () => upstream.held === 1)
        await sleep(PAUSE)
        t.ok(sent < SLOW, `the sender was held back after ${sent} bytes`)
        upstream.release()
        t.match(JSON.parse((await reply).body.toString()), { bytes: SLOW, intact: true })
      })
    })
  }
  await pair.client.stop(t)
  await pair.server.stop(t)
})
