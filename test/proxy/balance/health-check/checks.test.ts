import { createServer } from 'node:http'
import t, { type Test } from 'tap'
import { type EndpointChange, EndpointSet } from '../../../../proxy/balance/endpoint-set.ts'
import { HealthChecker } from '../../../../proxy/balance/health-check/checker.ts'
import { createProbe, type ProbeOptions } from '../../../../proxy/balance/health-check/create-probe.ts'
import { systemClock } from '../../../../proxy/base/clock.ts'
import { systemRandom } from '../../../../proxy/base/random.ts'
import { TimerWheel } from '../../../../proxy/base/timer-wheel.ts'
import { listen, refusedPort, silentServer } from './probing.ts'

/** Checks one real endpoint on the real clock; `next` waits for the next change. */
function checkFor(t: Test, port: number, probe: ProbeOptions, timeout = 10_000) {
  const changes: [EndpointChange, string][] = []
  let told = (): void => {}
  const address = { host: '127.0.0.1', port, text: `127.0.0.1:${port}` }
  const set = new EndpointSet([{ address, weight: 1, zone: null, priority: 0 }], {
    onChange: (_endpoint, change, why) => {
      changes.push([change, why])
      told()
    },
  })
  const wheel = new TimerWheel(() => systemClock.now())
  const options = { interval: 30, timeout, unhealthyAfter: 3, healthyAfter: 2, jitter: 0.1 }
  const runtime = { clock: systemClock, wheel, random: systemRandom }
  const checker = new HealthChecker(set, createProbe(probe, {}), options, runtime)
  t.teardown(() => checker.stop())
  checker.start()
  const next = async (): Promise<[EndpointChange, string]> => {
    while (changes.length === 0) {
      await new Promise<void>((resolve) => {
        told = resolve
      })
    }
    return changes.shift() as [EndpointChange, string]
  }
  return { checker, wheel, next, endpoint: set.endpoints[0] }
}

const HTTP: ProbeOptions = { kind: 'http', path: '/', expect: [{ from: 200, to: 299 }] }

t.test('an application goes down and comes back', async (t) => {
  let status = 200
  const server = createServer((_request, response) => {
    response.statusCode = status
    response.end()
  })
  const { next, checker, wheel } = checkFor(t, await listen(t, server), HTTP)
  t.same(await next(), ['healthy', 'health check passed: status 200'])
  status = 500
  t.same(await next(), ['unhealthy', 'health check failed: status 500 for /, expected 200-299'])
  status = 204
  t.same(await next(), ['healthy', 'health check passed: status 204'])
  checker.stop()
  t.equal(wheel.armed, 0)
})

t.test('an endpoint that accepts and says nothing is unhealthy', async (t) => {
  const { port, gone } = await silentServer(t)
  const { next } = checkFor(t, port, HTTP, 100)
  t.same(await next(), [
    'unhealthy',
    'health check failed: timeout after 100 ms: connected, but the answer is missing',
  ])
  await gone
})

t.test('stop closes a check that is under way', async (t) => {
  const { port, connected, gone } = await silentServer(t)
  const { checker, endpoint } = checkFor(t, port, { kind: 'grpc', service: '' })
  await connected
  checker.stop()
  await gone
  t.match(endpoint, { health: 'unknown', checksOk: 0, checksFailed: 0 })
})

t.test('nothing listens: unhealthy at the first check', async (t) => {
  const { next } = checkFor(t, await refusedPort(), { kind: 'tcp' })
  t.same(await next(), ['unhealthy', 'health check failed: connection refused: nothing listens there'])
})
