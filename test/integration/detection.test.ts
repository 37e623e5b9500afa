// How endpoints that fail are found and left out, in whole sidecars: by the breaker, by outlier detection, by checks that
// say degraded; and that a sidecar which stood still blames nobody.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createMesh } from '../support/mesh-folder.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { SteadyLoad } from '../support/peers/steady-load.ts'
import { type Sidecar, startSidecar } from '../support/sidecar.ts'

/** An endpoint whose answers the test decides. */
class Endpoint {
  readonly name: string
  readonly server: Server
  port = 0
  status = 200
  degraded = false
  /** Of so many requests one gets 503. */
  failEvery = Number.POSITIVE_INFINITY
  /** Milliseconds until it answers. */
  delay = 0
  /** Requests that were no checks. */
  requests = 0

  constructor(name: string) {
    this.name = name
    this.server = createServer((request, response) => {
      if (request.url === '/health') {
        response.writeHead(200, this.degraded ? { 'x-pillion-degraded': 'true' } : {}).end()
        return
      }
      this.requests += 1
      const status = this.requests % this.failEvery === 0 ? 503 : this.status
      setTimeout(() => response.writeHead(status, { 'x-instance': this.name }).end(), this.delay)
    })
  }
}

async function startEndpoints(t: Test, ...names: string[]): Promise<Endpoint[]> {
  const endpoints = names.map((name) => new Endpoint(name))
  for (const one of endpoints) {
    await new Promise<void>((resolve) => one.server.listen(0, '127.0.0.1', resolve))
    one.port = (one.server.address() as AddressInfo).port
    t.teardown(() => {
      one.server.close()
      one.server.closeAllConnections()
    })
  }
  return endpoints
}

async function start(
  t: Test,
  endpoints: readonly Endpoint[],
  upstream: string,
  route = '',
): Promise<Sidecar> {
  return startSidecar(t, {
    mesh: await createMesh(t),
    service: 'web',
    anonymous: true,
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes: [{ upstream: app${route} }]
upstreams:
  app:
    protocol: http1
    balance: round-robin
    endpoints: [${endpoints.map(({ port }) => `"127.0.0.1:${port}"`).join(', ')}]
    ${upstream}`,
  })
}

function callerOf(t: Test, sidecar: Sidecar, connections = 8) {
  const client = new Http1Client({ port: sidecar.port('outbound'), connections })
  t.teardown(() => client.close())
  return client
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (await holds()) return
    await sleep(20)
  }
  throw new Error(`in vain: ${what}`)
}

t.test('a sidecar that stood still for two seconds blames nobody, and loses no request', async (t) => {
  const endpoints = await startEndpoints(t, 'one', 'two', 'three')
  for (const one of endpoints) one.delay = 30
  const sidecar = await start(
    t,
    endpoints,
    `health: { http: { path: /health }, interval: 200ms, timeout: 500ms, unhealthyAfter: 1 }
    outlier: { consecutive: 1, maxEjected: 100% }
    breaker: { failures: 1 }
    timeouts: { connect: 500ms }`,
    ', retry: { on: [reset], attempts: 3, perTryTimeout: 1s }',
  )
  const client = callerOf(t, sidecar, 24)
  const load = new SteadyLoad(24, async () => {
    const { status, headers, body } = await client.request({ path: '/' })
    if (status !== 200) throw new Error(`status ${status}: ${body}`)
    return String(headers['x-instance'])
  })
  t.teardown(() => load.stop())
  // Saves up retries: those that were under way may all need one.
  for (const { name } of endpoints) await load.more(name, 100)
  for (let i = 0; i < 2; i++) {
    process.kill(sidecar.child.pid, 'SIGSTOP')
    await sleep(2000)
    process.kill(sidecar.child.pid, 'SIGCONT')
    for (const { name } of endpoints) await load.more(name, 100)
  }
  await load.stop()
  t.same(load.failures, [])
  t.same(await sidecar.metric('pillion_upstream_outliers_total'), {
    'cause=consecutive,upstream=app': 0,
    'cause=success-rate,upstream=app': 0,
    'cause=failure-share,upstream=app': 0,
  })
  t.match(await sidecar.metric('pillion_upstream_breaker_total'), { 'event=shut,upstream=app': 0 })
  t.match(await sidecar.metric('pillion_upstream_endpoints'), { 'state=healthy,upstream=app': 3 })
  t.notMatch(sidecar.child.stderr, /is (unhealthy|ejected|shut)/)
  client.close()
  await sidecar.stop(t)
})

t.test('the breaker: requests fail fast, one at a time tries, and the first success opens', async (t) => {
  const [app] = (await startEndpoints(t, 'app')) as [Endpoint]
  const sidecar = await start(t, [app], 'breaker: { failures: 3, backOff: { from: 1s, to: 2s, jitter: 0% } }')
  const client = callerOf(t, sidecar)
  app.status = 500
  for (let i = 0; i < 3; i++) t.match(await client.request({ path: '/' }), { status: 500 })
  await sidecar.logged(
    /endpoint 127\.0\.0\.1:\d+ of app is shut: 3 requests in a row failed; one will try it in 1\.0 s/,
  )
  const refused = await client.request({ path: '/' })
  t.match(refused, { status: 503, headers: { 'x-pillion-reason': 'no-healthy-upstream' } })
  t.match(refused.body.toString(), /app: of 1 endpoint 1 shut by the breaker until a trial succeeds/)
  t.equal(app.requests, 3, 'it is left alone')
  const name = `endpoint=127.0.0.1:${app.port},upstream=app`
  t.same(await sidecar.metric('pillion_upstream_shut'), { [name]: 1 })
  t.match(await sidecar.metric('pillion_upstream_endpoints'), { 'state=shut,upstream=app': 1 })
  t.match(JSON.parse((await sidecar.page('/upstreams')).text), [{ shut: 1, endpoints: [{ shut: true }] }])

  app.delay = 300
  const crowd = async (): Promise<number[]> => {
    const all = await Promise.all(Array.from({ length: 8 }, () => client.request({ path: '/' })))
    return all.map(({ status }) => status).sort()
  }
  let statuses: number[] = []
  await until('a trial', async () => {
    statuses = await crowd()
    return statuses.includes(500)
  })
  t.same(statuses, [500, 503, 503, 503, 503, 503, 503, 503], 'one of many is let through')
  t.equal(app.requests, 4)

  app.status = 200
  app.delay = 0
  await until('it to be opened', async () => (await client.request({ path: '/' })).status === 200)
  t.same(await crowd(), Array(8).fill(200))
  await sidecar.logged(/is opened: a request succeeded/)
  t.same(await sidecar.metric('pillion_upstream_breaker_total'), {
    'event=shut,upstream=app': 1,
    'event=trial-failed,upstream=app': 1,
    'event=opened,upstream=app': 1,
  })
  client.close()
  await sidecar.stop(t)
})

t.test('outlier detection by rate: one of five that fails every third request is ejected', async (t) => {
  const endpoints = await startEndpoints(t, 'a', 'b', 'c', 'd', 'e')
  const sidecar = await start(
    t,
    endpoints,
    'outlier: { interval: 500ms, minRequests: 10, successRate: 1.5, failureShare: 90%, eject: 1m }',
  )
  const [bad] = endpoints as [Endpoint]
  bad.failEvery = 3
  const client = callerOf(t, sidecar, 24)
  const load = new SteadyLoad(24, async () =>
    String((await client.request({ path: '/' })).headers['x-instance']),
  )
  t.teardown(() => load.stop())
  const line = await sidecar.logged(/is ejected/)
  await load.stop()
  t.match(line, {
    endpoint: `127.0.0.1:${bad.port}`,
    why: /% of its requests succeeded, the mean of 5 endpoints is .* the least; out for 6\d s/,
  })
  t.match(await sidecar.metric('pillion_upstream_outliers_total'), { 'cause=success-rate,upstream=app': 1 })
  client.close()
  await sidecar.stop(t)
})

t.test('a degraded endpoint is spared while the others suffice', async (t) => {
  const endpoints = await startEndpoints(t, 'one', 'two')
  const [one, two] = endpoints as [Endpoint, Endpoint]
  two.degraded = true
  const sidecar = await start(t, endpoints, 'health: { http: { path: /health }, interval: 100ms }')
  await sidecar.logged(/is degraded: health check passed: status 200, degraded by x-pillion-degraded/)
  await until('both to be checked', async () => {
    const { text } = await sidecar.page('/upstreams')
    return /"healthy": ?2/.test(text)
  })
  t.match(await sidecar.metric('pillion_upstream_endpoints'), {
    'state=healthy,upstream=app': 1,
    'state=degraded,upstream=app': 1,
  })
  const client = callerOf(t, sidecar)
  const ask = async (times: number) => {
    const before = [one.requests, two.requests] as const
    for (let i = 0; i < times; i++) await client.request({ path: '/' })
    return [one.requests - before[0], two.requests - before[1]] as const
  }
  // Half of the endpoints carry 70 %.
  const [well, spared] = await ask(200)
  t.ok(well > spared + 20, `${well} and ${spared}`)
  one.degraded = true
  two.degraded = false
  await sidecar.logged(/is recovered/)
  await until('the other to be degraded', async () => {
    const degraded = await sidecar.metric('pillion_upstream_degraded')
    return degraded[`endpoint=127.0.0.1:${one.port},upstream=app`] === 1
  })
  const [now, before] = await ask(200)
  t.ok(before > now + 20, `${now} and ${before}`)
  client.close()
  await sidecar.stop(t)
})
