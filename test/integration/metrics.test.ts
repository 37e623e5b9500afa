import { spawnSync } from 'node:child_process'
import t from 'tap'
import { EchoClient } from '../support/peers/echo-client.ts'
import { startEcho } from '../support/peers/echo-server.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { pairAuthority, startPair } from '../support/sidecar-pair.ts'

t.test('metrics tell what passed through two sidecars', async (t) => {
  const app = await startHttp1()
  const echo = await startEcho()
  t.teardown(() => Promise.all([app.close(), echo.close()]))
  const pair = await startPair(t, { apps: { http1: app.port, h2: echo.port } })
  const rest = new Http1Client({ port: pair.port, authority: pairAuthority('h2', 'http1') })
  const grpc = new EchoClient(`127.0.0.1:${pair.port}`, { authority: pairAuthority('h2', 'h2') })
  t.teardown(() => {
    rest.close()
    grpc.close()
  })
  for (let i = 0; i < 3; i++) await rest.request({ path: '/bytes/1000' })
  await rest.request({ path: '/sink', body: Buffer.alloc(500) })
  await rest.request({ path: '/status/500' })
  await rest.request({ path: '/', authority: 'nobody.mesh' })
  await grpc.unary()
  await grpc.unary({ status: 5 })

  const { client, server } = pair
  const labels = 'direction=outbound,grpc_status='
  t.same(await client.metric('pillion_requests_total'), {
    [`code=200,${labels},route=outbound/1,upstream=h2`]: 4,
    [`code=500,${labels},route=outbound/1,upstream=h2`]: 1,
    [`code=404,${labels},route=none,upstream=none`]: 1,
    [`code=200,${labels}0,route=outbound/1,upstream=h2`]: 1,
    [`code=200,${labels}5,route=outbound/1,upstream=h2`]: 1,
  })
  t.match(await client.metric('pillion_response_body_bytes_total'), {
    'direction=outbound,route=outbound/1,upstream=h2': Number,
  })
  const route = 'direction=inbound,route=inbound/1,upstream=http1'
  t.same(await server.metric('pillion_requests_total'), {
    [`code=200,direction=inbound,grpc_status=,route=inbound/1,upstream=http1`]: 4,
    [`code=500,direction=inbound,grpc_status=,route=inbound/1,upstream=http1`]: 1,
    [`code=200,direction=inbound,grpc_status=0,route=inbound/3,upstream=h2`]: 1,
    [`code=200,direction=inbound,grpc_status=5,route=inbound/3,upstream=h2`]: 1,
  })
  t.equal((await server.metric('pillion_request_duration_seconds_count'))[route], 5)
  t.equal((await server.metric('pillion_request_body_bytes_total'))[route], 500)
  t.ok(((await server.metric('pillion_response_body_bytes_total'))[route] ?? 0) > 3000)
  const endpoint = `endpoint=127.0.0.1:${app.port},upstream=http1`
  t.equal((await server.metric('pillion_upstream_requests_total'))[endpoint], 5)
  t.equal((await server.metric('pillion_upstream_requests_active'))[endpoint], 0)
  t.equal((await server.metric('pillion_upstream_request_failures_total'))[endpoint], 1)
  t.same(
    await server.metric('pillion_connections_open'),
    { 'listener=inbound': 1 },
    'both share one connection',
  )
  t.same(await server.metric('pillion_tls_handshakes_total'), { 'listener=inbound': 1 })
  t.same(await client.metric('pillion_connections_protocol_total'), {
    'listener=outbound,protocol=http1': 1,
    'listener=outbound,protocol=h2': 1,
  })
  t.match(await client.metric('pillion_local_replies_total'), { 'listener=outbound,reason=no-route': 1 })
  const [expiry = 0] = Object.values(await server.metric('pillion_certificate_expiry_timestamp_seconds'))
  t.ok(expiry * 1000 > Date.now())

  await t.test('the pages', async (t) => {
    t.match(await client.page('/ready'), { status: 200 })
    t.match(await client.page('/live'), { status: 200 })
    t.match(await client.page('/nothing'), { status: 404 })
  })

  const promtool = spawnSync('promtool', ['--version'])
  const skip = promtool.error === undefined ? false : 'needs promtool'
  await t.test('promtool finds nothing to complain about', { skip }, async (t) => {
    const { text } = await server.page('/metrics')
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    // What prom-client says of the process and of Node.js has names of its own.
    const own = `${checked.stdout}${checked.stderr}`.split('\n').filter((line) => line.startsWith('pillion'))
    t.same(own, [])
    t.notMatch(checked.stderr, /error while linting/)
  })
  rest.close()
  grpc.close()
  await client.stop(t)
  await server.stop(t)
})
