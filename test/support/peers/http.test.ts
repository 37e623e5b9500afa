import t from 'tap'
import { Http1Client } from './http1-client.ts'
import { startHttp1 } from './http1-upstream.ts'
import { Http2Client } from './http2-client.ts'
import { startHttp2 } from './http2-upstream.ts'
import { PatternCheck, pattern, patternStream } from './pattern.ts'

t.test('the pattern notices any byte lost, doubled or changed', async (t) => {
  const bytes = pattern(200_000)
  for (const [what, chunks, at] of [
    ['whole', [bytes], -1],
    ['split', [bytes.subarray(0, 65_521), bytes.subarray(65_521, 65_600), bytes.subarray(65_600)], -1],
    ['tail of its own', [bytes.subarray(0, 70_000), pattern(130_000, 70_000)], -1],
    ['lost', [bytes.subarray(0, 65_536), bytes.subarray(65_537)], 65_536],
    ['doubled', [bytes.subarray(0, 65_536), bytes.subarray(0, 65_536)], 65_536],
  ] as const) {
    const check = new PatternCheck()
    for (const chunk of chunks) check.take(chunk)
    t.equal(check.intact, at === -1, what)
    // Neighbours may be equal by chance, then the difference shows a few bytes later.
    if (at !== -1) t.ok(check.firstDifference >= at && check.firstDifference < at + 16, what)
  }
})

for (const protocol of ['http1', 'http2'] as const) {
  t.test(`the ${protocol} peers`, async (t) => {
    const upstream = protocol === 'http1' ? await startHttp1() : await startHttp2()
    const options = { port: upstream.port, authority: 'a.mesh' }
    const client = protocol === 'http1' ? new Http1Client(options) : new Http2Client(options)
    t.teardown(async () => {
      client.close()
      await upstream.close()
    })

    await t.test('bodies and trailers come back', async (t) => {
      const trailers = { 'x-t': '1' }
      t.match(await client.request({ path: '/echo', body: 'hello', trailers }), {
        status: 200,
        body: Buffer.from('hello'),
        trailers,
      })
      t.match(await client.request({ path: '/echo', body: patternStream(3_000_000), keep: false }), {
        bytes: 3_000_000,
        intact: true,
      })
      const sink = await client.request({ path: '/sink', body: patternStream(1_000_000), trailers })
      t.same(JSON.parse(String(sink.body)), { bytes: 1_000_000, intact: true, trailers })
    })

    await t.test('heads are told', async (t) => {
      const reply = await client.request({ path: '/headers', headers: { 'x-a': '1' } })
      const seen = JSON.parse(String(reply.body))
      t.match(seen, { method: 'GET', path: '/headers', authority: 'a.mesh' })
      t.ok(seen.fields.some(([name, value]: [string, string]) => name === 'x-a' && value === '1'))
    })

    await t.test('interim responses', async (t) => {
      t.match(await client.request({ path: '/early' }), { status: 200, interim: [{ status: 103 }] })
      const headers = { expect: '100-continue' }
      t.match(await client.request({ path: '/echo', headers, body: 'x' }), { status: 200, bytes: 1 })
      t.match(await client.request({ path: '/refuse', headers, body: 'x' }), { status: 413, interim: [] })
    })

    await t.test('broken responses are told from whole ones', async (t) => {
      for (const path of ['/cut', '/cut/1000', '/cut/1000?framing=chunked', '/reset/7']) {
        await t.rejects(client.request({ path }), { name: 'HttpCallError' }, path)
      }
      t.match(await client.request({ path: '/status/503?field=retry-after:1' }), {
        status: 503,
        headers: { 'retry-after': '1' },
      })
    })

    await t.test('held requests are released or seen to be cancelled', async (t) => {
      const held = client.request({ path: '/hold' })
      await upstream.when('a held request', () => upstream.held === 1)
      upstream.release()
      t.equal((await held).status, 200)
      const before = upstream.aborted
      const control = new AbortController()
      const cancelled = t.rejects(client.request({ path: '/hold', signal: control.signal }))
      await upstream.when('a held request', () => upstream.held === 1)
      control.abort()
      await cancelled
      await upstream.when('the request to be aborted', () => upstream.aborted === before + 1)
      t.equal(upstream.active, 0)
    })
  })
}

t.test('an upgraded connection carries bytes both ways', async (t) => {
  const upstream = await startHttp1()
  const client = new Http1Client({ port: upstream.port })
  t.teardown(async () => {
    client.close()
    await upstream.close()
  })
  const { status, socket } = await client.upgrade({ protocol: 'echo' })
  t.equal(status, 101)
  if (socket === null) return
  socket.write('abc')
  t.equal(String((await socket[Symbol.asyncIterator]().next()).value), 'abc')
  socket.destroy()
})
