import t, { type Test } from 'tap'
import { parseConfig } from '../../config/load.ts'
import { FAILED } from '../../proxy/balance/outcome.ts'
import { SeededRandom } from '../../proxy/base/random.ts'
import { reasons } from '../../proxy/message/reason.ts'
import type { Runtime } from '../../proxy/runtime.ts'
import { LogLimit } from '../../proxy/telemetry/log-limit.ts'
import { Telemetry } from '../../proxy/telemetry/telemetry.ts'
import { buildUpstream, type RunningUpstream } from '../../proxy/upstreams.ts'
import { MemoryNetwork } from '../support/storm/memory-network.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const YAML = `service: shop
listeners: [{ name: out, address: 127.0.0.1:1, routes: [{ upstream: app }] }]
upstreams:
  app:
    endpoints: [127.0.0.1:2001, 127.0.0.1:2002, 127.0.0.1:2003]
    health: { tcp: {}, interval: 1s }
    outlier: { consecutive: 2, eject: 30s, maxEjected: 100% }
`

function build(t: Test): {
  upstream: RunningUpstream
  telemetry: Telemetry
  clock: VirtualClock
  network: MemoryNetwork
} {
  const network = new MemoryNetwork(new SeededRandom(5))
  t.teardown(network.install())
  for (let port = 2001; port <= 2040; port++) network.listen(port, true, () => {})
  const clock = new VirtualClock()
  const telemetry = new Telemetry({ service: 'shop', version: '0', processMetrics: false })
  const log = {
    debug() {},
    info() {},
    warn() {},
    error() {},
    level: 'error',
    enabled: () => false,
    flush() {},
  } as Runtime['log']
  const loaded = parseConfig(YAML, 'shop.yaml', '/')
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const limitedLog = new LogLimit(log, clock, clock.timers)
  const runtime = { clock, timers: clock.timers, random: new SeededRandom(6), telemetry, log, limitedLog }
  const [config] = loaded.config.upstreams
  if (config === undefined) throw new Error('no upstream')
  const upstream = buildUpstream(config, null, runtime)
  t.teardown(() => {
    upstream.stop()
    upstream.close(reasons.draining)
    telemetry.close()
  })
  return { upstream, telemetry, clock, network }
}

function endpoint(port: number, weight = 1, priority = 0) {
  return { address: { host: '127.0.0.1', port, text: `127.0.0.1:${port}` }, weight, zone: null, priority }
}

/** Lets connections be made, and time pass. */
async function pass(clock: VirtualClock, network: MemoryNetwork, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10) {
    clock.jump(10)
    while (network.step());
    await new Promise((resolve) => setImmediate(resolve))
  }
}

t.test('endpoints that stay keep what they have; a slot that is used again inherits nothing', async (t) => {
  const { upstream, telemetry, clock, network } = build(t)
  upstream.start()
  await pass(clock, network, 100)
  const { cluster } = upstream
  const [first, second, third] = cluster.set.endpoints
  if (first === undefined || second === undefined || third === undefined) throw new Error('no endpoints')
  t.strictSame([first.health, second.health], ['healthy', 'healthy'])
  for (const one of [second, third])
    for (let i = 0; i < 2; i++) cluster.observers[0]?.attemptEnded(one, FAILED, 1, 0)
  t.strictSame([second.ejected, third.ejected], [true, true])
  const pools = [...cluster.pools]
  const stats = [...cluster.endpointStats]
  ;(stats[0] as { requests: number }).requests = 7
  ;(stats[1] as { requests: number }).requests = 8

  upstream.update([endpoint(2009), endpoint(2001, 5), endpoint(2003)])
  const [fresh] = cluster.set.endpoints
  t.equal(fresh?.index, second.index, 'the slot is used again')
  t.match(fresh, { health: 'unknown', ejected: false, ejections: 0, checksOk: 0, active: 0, usable: true })
  t.not(cluster.pools[second.index], pools[second.index])
  t.equal(cluster.endpointStats[second.index]?.requests, 0)
  t.equal(cluster.pools[first.index], pools[first.index])
  t.equal(cluster.endpointStats[first.index]?.requests, 7)
  t.match(cluster.set.endpoints[1], { address: '127.0.0.1:2001', health: 'healthy', weight: 5 })
  t.equal(cluster.set.endpoints[2], third)
  t.equal(third.ejected, true)

  await pass(clock, network, 31_000)
  t.equal(third.ejections, 1)
  t.equal(third.ejected, false)
  t.equal(fresh?.health, 'healthy')
  t.ok((fresh?.checksOk ?? 0) > 20)
  t.equal(second.checksOk, 1, 'nobody checks what is gone')

  upstream.update([endpoint(2002)])
  const text = await telemetry.text()
  t.match(text, /pillion_upstream_requests_total\{upstream="app",endpoint="127.0.0.1:2002"\} 0/)
  t.notMatch(text, '127.0.0.1:2001')
  t.match(text, /pillion_upstream_endpoints\{upstream="app",state="healthy"\} 1/)
})

t.test('what counts late for an endpoint that is gone reaches nobody', async (t) => {
  const { upstream } = build(t)
  const { cluster } = upstream
  const [gone] = cluster.set.endpoints
  if (gone === undefined) throw new Error('no endpoints')
  upstream.update([endpoint(2009), endpoint(2010)])
  for (let i = 0; i < 5; i++) cluster.observers[0]?.attemptEnded(gone, FAILED, 1, 0)
  t.equal(cluster.set.ejected, 0)
  t.equal(cluster.set.usable, 2)
})

t.test('a thousand changes, with checks and ejections: nothing is left of what is gone', async (t) => {
  const { upstream, telemetry, clock, network } = build(t)
  const { cluster } = upstream
  upstream.start()
  await pass(clock, network, 100)
  const armed = clock.timers.armed
  const random = new SeededRandom(99)
  for (let round = 0; round < 1000; round++) {
    const list = []
    for (let port = 2001; port <= 2040; port++)
      if (random.next() < 0.3)
        list.push(endpoint(port, 1 + Math.floor(random.next() * 3), random.next() < 0.9 ? 0 : 1))
    upstream.update(list)
    for (const one of cluster.set.endpoints) {
      if (random.next() < 0.2)
        for (let i = 0; i < 2; i++) cluster.observers[0]?.attemptEnded(one, FAILED, 1, 0)
    }
    if (Object.keys(cluster.pools).length !== list.length) t.fail(`${list.length} endpoints, other pools`)
    await pass(clock, network, 20)
  }
  upstream.update([endpoint(2001), endpoint(2002), endpoint(2003)])
  await pass(clock, network, 400_000)
  t.equal(cluster.set.ejected, 0)
  t.equal(telemetry.endpointStats.size, 3)
  t.equal(cluster.pools.length, 3)
  t.equal(upstream.draining.size, 0)
  t.equal(clock.timers.armed, armed, 'timers')
  upstream.stop()
  t.equal(clock.timers.armed, 0, 'timers at the end')
  for (let port = 2001; port <= 2040; port++)
    t.equal(network.open(port).filter(({ peer }) => peer?.destroyed === false).length, 0)
})

t.test('an address given twice changes nothing', async (t) => {
  const { upstream } = build(t)
  const before = [...upstream.cluster.set.endpoints]
  t.throws(() => upstream.update([endpoint(2009), endpoint(2009)]), /127.0.0.1:2009 is given twice/)
  t.strictSame([...upstream.cluster.set.endpoints], before)
})
