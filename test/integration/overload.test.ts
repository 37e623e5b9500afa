// Rate limits and limits on concurrency as callers meet them, over every protocol, and what the metrics say of them.
import t, { type Test } from 'tap'
import { createMesh } from '../support/mesh-folder.ts'
import { EchoClient, type EchoClientCall } from '../support/peers/echo-client.ts'
import { startEcho } from '../support/peers/echo-server.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import type { TlsMaterial } from '../support/peers/tls-material.ts'
import { startSidecar } from '../support/sidecar.ts'

const app = await startHttp1()
t.teardown(() => app.close())
const echo = await startEcho({ name: 'one' })
t.teardown(() => echo.close())

// In an hour next to nothing comes back while the test runs.
const CONFIG = `listeners:
  - name: inbound
    address: 127.0.0.1:0
    tls: mutual
    rateLimit: { requests: 10, per: 1h, by: [principal] }
    routes:
      - match: { grpc: pillion.test.Echo }
        upstream: echo
      - match: { prefix: /status }
        upstream: app
        rateLimit:
          - { name: per-key, requests: 3, per: 1h, by: [{ header: x-api-key }], advertise: true }
          - { name: trial, requests: 1, per: 1h, dryRun: true }
      - upstream: app
  - name: flooded
    address: 127.0.0.1:0
    tls: mutual
    rateLimit: { requests: 2, per: 1h, by: [{ header: x-api-key }], maxKeys: 100 }
    routes: [{ upstream: app }]
  - name: narrow
    address: 127.0.0.1:0
    tls: mutual
    routes:
      - match: { headers: { x-to: app } }
        upstream: narrow
      - match: { grpc: pillion.test.Echo }
        upstream: echo
        concurrency: { min: 2, max: 2 }
      - upstream: narrow
  - name: adaptive
    address: 127.0.0.1:0
    tls: mutual
    routes: [{ upstream: adaptive }]
upstreams:
  app: { protocol: http1, endpoints: ["127.0.0.1:${app.port}"] }
  narrow: { protocol: http1, endpoints: ["127.0.0.1:${app.port}"], concurrency: { min: 2, max: 2 } }
  adaptive: { protocol: http1, endpoints: ["127.0.0.1:${app.port}"], concurrency: adaptive }
  echo: { protocol: h2, endpoints: ["127.0.0.1:${echo.port}"] }`

function http1(t: Test, port: number, tls: TlsMaterial): Http1Client {
  const client = new Http1Client({ port, tls, connections: 0 })
  t.teardown(() => client.close())
  return client
}

function http2(t: Test, port: number, tls: TlsMaterial): Http2Client {
  const client = new Http2Client({ port, tls })
  t.teardown(() => client.close())
  return client
}

function grpc(t: Test, port: number, tls: TlsMaterial): EchoClient {
  const client = new EchoClient(`localhost:${port}`, { tls })
  t.teardown(() => client.close())
  return client
}

const mesh = await createMesh(t, 'app')
const sidecar = await startSidecar(t, { mesh, service: 'app', config: CONFIG })
const web = await mesh.issue('web')

t.test('rate limits', async (t) => {
  const [batch, other] = [await mesh.issue('batch'), await mesh.issue('other')]
  const port = sidecar.port('inbound')
  const path = '/status/200'

  await t.test('each caller has ten requests, by whatever protocol it sends them', async (t) => {
    const [one, two, calls] = [http1(t, port, web), http2(t, port, web), grpc(t, port, web)]
    for (let i = 0; i < 4; i++) t.match(await one.request({ path: '/headers' }), { status: 200 })
    for (let i = 0; i < 4; i++) t.match(await two.request({ path: '/headers' }), { status: 200 })
    for (let i = 0; i < 2; i++) t.match(await calls.unary(), { code: 0 })
    const { begun } = echo
    for (const client of [one, two, http1(t, port, web)]) {
      const refused = await client.request({ path: '/headers' })
      t.match(refused, {
        status: 429,
        headers: { 'x-pillion-reason': 'rate-limited', 'retry-after': /^[1-3]\d\d$/ },
      })
      t.match(
        refused.body.toString(),
        'more requests than a rate limit allows: 10/1h by principal of listener inbound',
      )
    }
    const call = await calls.unary()
    t.match(call, { code: 8, details: /rate limit allows: 10\/1h by principal/ })
    t.match(call.trailers.get('grpc-retry-pushback-ms'), [/^[1-3]\d{5}$/])
    t.match(await calls.serverStream({ messages: 2 }).outcome, { code: 8 })
    t.equal(echo.begun, begun, 'the application hears nothing of it')
    t.match(
      await http2(t, port, batch).request({ path: '/headers' }),
      { status: 200 },
      'other callers do not either',
    )
  })

  await t.test('each key has three, whoever sends it', async (t) => {
    const [a, b] = [http1(t, port, batch), http2(t, port, other)]
    const key = (value: string) => ({ path, headers: { 'x-api-key': value } })
    t.match((await a.request(key('one'))).headers, {
      'ratelimit-policy': '"per-key";q=3;w=3600',
      ratelimit: '"per-key";r=2;t=2400',
    })
    t.match(await b.request(key('one')), { status: 200 })
    t.match(await b.request(key('one')), { status: 200, headers: { ratelimit: /^"per-key";r=0;t=\d+$/ } })
    for (const client of [a, b]) {
      const refused = await client.request(key('one'))
      t.match(refused, { status: 429, headers: { ratelimit: /^"per-key";r=0;t=\d+$/ } })
      t.equal(refused.headers.ratelimit?.split('=').at(-1), refused.headers['retry-after'])
      t.match(refused.body.toString(), ': per-key of route inbound/1')
      t.notMatch(refused.body.toString(), 'one')
    }
    t.match(await a.request(key('two')), { status: 200 })
    t.match(await a.request({ path }), { status: 200 }, 'without a key')
  })

  await t.test('the metrics tell of it', async (t) => {
    t.match(await sidecar.metric('pillion_rate_limited_total'), {
      'limit=10/1h by principal,listener=inbound,route=': 5,
      'limit=per-key,listener=inbound,route=inbound/1': 2,
      'limit=trial,listener=inbound,route=inbound/1': 0,
    })
    t.match(await sidecar.metric('pillion_rate_limit_dry_run_total'), {
      'limit=trial,listener=inbound,route=inbound/1': 4,
    })
    t.match(await sidecar.metric('pillion_rate_limit_keys'), {
      'limit=10/1h by principal,listener=inbound,route=': 3,
      'limit=per-key,listener=inbound,route=inbound/1': 3,
    })
    t.match(await sidecar.metric('pillion_local_replies_total'), {
      'listener=inbound,reason=rate-limited': 7,
    })
  })
})

t.test('a flood of made-up keys resets no limit and takes no memory', async (t) => {
  const client = http2(t, sidecar.port('flooded'), web)
  const send = async (key: string) =>
    (await client.request({ path: '/status/200', headers: { 'x-api-key': key } })).status
  t.strictSame([await send('mine'), await send('mine'), await send('mine')], [200, 200, 429])
  const statuses: number[] = []
  for (let i = 0; i < 20; i++) {
    const some = Array.from({ length: 50 }, (_, j) => send(`${'long '.repeat(100)}${i} ${j}`))
    statuses.push(...(await Promise.all(some)))
  }
  t.equal(
    statuses.filter((status) => status === 200).length,
    99 + 2,
    'the places left, and two for all others',
  )
  t.equal(await send('mine'), 429)
  t.match(await sidecar.metric('pillion_rate_limit_keys'), {
    'limit=2/1h by header x-api-key,listener=flooded,route=': 100,
  })
})

t.test('a limit on concurrency', async (t) => {
  const port = sidecar.port('narrow')

  await t.test('of requests, over HTTP/1.1 and HTTP/2', async (t) => {
    const [one, two] = [http1(t, port, web), http2(t, port, web)]
    const before = app.requests.length
    const held = [one.request({ path: '/hold' }), two.request({ path: '/hold' })]
    await app.when('two requests to arrive', () => app.requests.length === before + 2)
    for (const client of [one, two]) {
      const refused = await client.request({ path: '/status/200' })
      t.match(refused, { status: 503, headers: { 'x-pillion-reason': 'overloaded', 'retry-after': '1' } })
      t.match(refused.body.toString(), ': 2 requests to upstream narrow')
    }
    const call = await grpc(t, port, web).unary({}, { metadata: { 'x-to': 'app' } })
    t.match(call, {
      code: 14,
      details: /as many requests wait for responses.*: 2 requests to upstream narrow/,
    })
    const wait = Number(call.trailers.get('grpc-retry-pushback-ms')[0])
    t.ok(wait >= 100, `${wait} ms to wait`)
    t.match(await sidecar.metric('pillion_concurrency_in_flight'), {
      'route=,upstream=narrow': 2,
      'route=narrow/1,upstream=': 0,
    })
    app.release()
    for (const reply of await Promise.all(held)) t.equal(reply.status, 200)
    t.match(await two.request({ path: '/status/200' }), { status: 200 })
    t.match(await sidecar.metric('pillion_concurrency_refused_total'), { 'route=,upstream=narrow': 3 })
    t.match(await sidecar.metric('pillion_concurrency_limit'), { 'route=,upstream=narrow': 2 })
  })

  await t.test('of gRPC streams, which do not count once they have begun', async (t) => {
    const client = grpc(t, port, web)
    const streams: EchoClientCall[] = []
    for (let i = 0; i < 3; i++) {
      const stream = client.bidiStream()
      streams.push(stream)
      await stream.send({ payload: Buffer.from('a') })
      t.match(await stream.next(), { index: 0 })
    }
    t.match(await sidecar.metric('pillion_concurrency_in_flight'), { 'route=narrow/1,upstream=': 0 })
    t.match(await client.unary(), { code: 0 })
    for (const stream of streams) {
      stream.end()
      t.equal(await stream.next(), null)
    }
  })
})

t.test('an adaptive limit measures a real application', async (t) => {
  const client = http2(t, sidecar.port('adaptive'), web)
  for (let i = 0; i < 40; i++) {
    // No more at a time than pass however slow this machine is.
    const replies = await Promise.all(
      Array.from({ length: 5 }, () => client.request({ path: '/status/200' })),
    )
    for (const { status } of replies) if (status !== 200) t.fail(`status ${status}`)
  }
  t.match(await sidecar.metric('pillion_concurrency_refused_total'), { 'route=,upstream=adaptive': 0 })
  const { 'route=,upstream=adaptive': baseline } = await sidecar.metric(
    'pillion_concurrency_baseline_seconds',
  )
  t.ok(baseline !== undefined && baseline > 0, `the baseline is ${baseline} s`)
})

t.test('the sidecar ends in order', (t) => sidecar.stop(t))
