import t from 'tap'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { startHttp2 } from '../support/peers/http2-upstream.ts'
import { patternStream } from '../support/peers/pattern.ts'
import { pairAuthority, startPair, WAYS } from '../support/sidecar-pair.ts'

t.test('REST through two sidecars', async (t) => {
  const upstreams = { http1: await startHttp1({ name: 'one' }), h2: await startHttp2({ name: 'two' }) }
  t.teardown(() => Promise.all([upstreams.http1.close(), upstreams.h2.close()]))
  const pair = await startPair(t, { apps: { http1: upstreams.http1.port, h2: upstreams.h2.port } })

  for (const [from, hop, to] of WAYS) {
    await t.test(`${from} -> ${hop} -> ${to}`, async (t) => {
      const upstream = upstreams[to]
      const authority = pairAuthority(hop, to)
      const options = { port: pair.port, authority }
      const client =
        from === 'http1' ? new Http1Client({ ...options, connections: 4 }) : new Http2Client(options)
      t.teardown(() => client.close())

      await t.test('the application sees the request and who makes it', async (t) => {
        const reply = await client.request({
          path: '/headers?a=b%20c',
          headers: { 'x-a': 'é', 'x-b': ['1', '2'] },
        })
        t.equal(reply.status, 200)
        const seen = JSON.parse(reply.body.toString())
        t.match(seen, {
          method: 'GET',
          path: '/headers?a=b%20c',
          authority,
          httpVersion: to === 'h2' ? '2.0' : '1.1',
        })
        const fields = new Map<string, string>(
          seen.fields.map(([name, value]: [string, string]) => [name.toLowerCase(), value]),
        )
        t.equal(fields.get('x-forwarded-for'), '127.0.0.1, 127.0.0.1')
        t.match(fields.get('x-forwarded-client-cert'), 'URI=spiffe://mesh.local/ns/default/sa/web')
        t.match(fields.get('x-request-id'), /^[0-9a-f-]{36}$/)
        t.equal(fields.get('x-a'), 'é')
        const both = seen.fields
          .filter(([name]: [string]) => name.toLowerCase() === 'x-b')
          .map(([, value]: [string, string]) => value)
        t.equal(both.join(', '), '1, 2')
        t.notOk(fields.has('te'))
      })

      await t.test('bodies of known and of unknown length, with trailers', async (t) => {
        const trailers = { 'x-sum': 'abc' }
        const headers = { te: 'trailers' }
        const sink = await client.request({ path: '/sink', body: patternStream(300_000), trailers, headers })
        t.same(JSON.parse(sink.body.toString()), { bytes: 300_000, intact: true, trailers })
        const known = await client.request({ path: '/sink', body: Buffer.alloc(0) })
        t.equal(JSON.parse(known.body.toString()).bytes, 0)
        const body = patternStream(200_000)
        const echo = await client.request({ path: '/echo', body, headers: { 'content-length': '200000' } })
        t.match(echo, { status: 200, bytes: 200_000, intact: true, headers: { 'content-length': '200000' } })
        t.match(await client.request({ path: '/bytes/100000?framing=chunked&chunk=777' }), {
          bytes: 100_000,
          intact: true,
        })
        const late = await client.request({ path: '/trailers', headers })
        t.match(late, {
          status: 200,
          body: Buffer.from('hello'),
          trailers: { 'x-checksum': 'abc', 'x-late': 'yes' },
        })
      })

      await t.test('responses without a body', async (t) => {
        const head = await client.request({ method: 'HEAD', path: '/bytes/1000' })
        t.match(head, { status: 200, bytes: 0, headers: { 'content-length': '1000' } })
        t.match(await client.request({ path: '/status/204' }), { status: 204, bytes: 0 })
        t.match(await client.request({ path: '/status/304?field=etag:"x"' }), {
          status: 304,
          bytes: 0,
          headers: { etag: '"x"' },
        })
        t.match(await client.request({ method: 'HEAD', path: '/status/404' }), { status: 404, bytes: 0 })
        t.match(await client.request({ method: 'DELETE', path: '/status/200' }), { status: 200 })
        t.match(await client.request({ method: 'OPTIONS', path: '/headers' }), { status: 200 })
      })

      await t.test('interim responses', async (t) => {
        const expect = { expect: '100-continue' }
        const told = await client.request({ path: '/sink', headers: expect, body: 'body' })
        t.match(told, { status: 200 })
        t.equal(JSON.parse(told.body.toString()).bytes, 4)
        const refused = await client.request({ path: '/refuse', headers: expect, body: 'never sent' })
        t.match(refused, { status: 413, body: Buffer.from('too large\n') })
        const early = await client.request({ path: '/early' })
        t.match(early, {
          status: 200,
          interim: [{ status: 103, headers: { link: '</style.css>; rel=preload' } }],
        })
      })

      await t.test('server-sent events arrive one by one, while the response is open', async (t) => {
        const events: string[] = []
        // The next event is not written before the last one has arrived.
        const next = async () => {
          await upstream.when('an event to be due', () => upstream.held === 1)
          upstream.release()
        }
        const call = client.request({
          path: '/events/4?hold',
          onData: async (chunk) => {
            events.push(chunk.toString())
            if (events.length < 4) await next()
          },
        })
        await next()
        t.match(await call, { status: 200, headers: { 'content-type': 'text/event-stream' } })
        t.same(events, ['data: 0\n\n', 'data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n'])
      })

      await t.test('an answer before the request is complete', async (t) => {
        // The sender may be cut off behind the answer, or have sent everything by then.
        const reply = await client.request({ path: '/refuse', body: patternStream(50_000) })
        t.match(reply, { status: 413, body: Buffer.from('too large\n') })
      })

      await t.test('large heads', async (t) => {
        // Node's peers take 16 KiB of fields and lines, so the sidecars are not the limit here.
        const value = 'v'.repeat(7000)
        const headers = { 'x-large': value }
        const reply = await client.request({ path: `/status/200?field=x-back:${value}`, headers })
        t.match(reply, { status: 200, headers: { 'x-back': value } })
        t.ok(upstream.requests.at(-1)?.fields.some(([, text]) => text === value))
        const many = Object.fromEntries(Array.from({ length: 110 }, (_, i) => [`x-many-${i}`, 'x']))
        t.match(await client.request({ path: '/headers', headers: many }), { status: 431 })
        t.match(await client.request({ path: '/status/200' }), { status: 200 }, 'and goes on')
      })

      await t.test('a response that breaks off does not look complete', async (t) => {
        for (const path of ['/cut/5000', '/cut/5000?framing=chunked', '/cut']) {
          const end = await client.request({ method: 'POST', path }).catch((error: Error) => error)
          // The connection's RST may overtake what came before it: then nothing was begun, and 503 says so.
          t.match(end, end instanceof Error ? { name: 'HttpCallError' } : { status: 503 }, path)
        }
      })

      await t.test('a caller that gives up takes its request with it', async (t) => {
        const { begun, aborted } = upstream
        const stop = new AbortController()
        const call = client.request({ path: '/hold', signal: stop.signal })
        await upstream.when('the request to arrive', () => upstream.begun === begun + 1)
        stop.abort()
        await t.rejects(call)
        await upstream.when('the request to be aborted', () => upstream.aborted === aborted + 1)
      })
    })
  }
  await pair.client.stop(t)
  await pair.server.stop(t)
})
