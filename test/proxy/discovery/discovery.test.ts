import t from 'tap'
import type { EndpointConfig } from '../../../config/types/upstream.ts'
import { Discovery } from '../../../proxy/discovery/discovery.ts'
import type { EndpointSource, SourceListener } from '../../../proxy/discovery/endpoint-source.ts'
import { DiscoveryStats } from '../../../proxy/telemetry/discovery-stats.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

function endpoint(host: string, weight = 1): EndpointConfig {
  return { address: { host, port: 1, text: `${host}:1` }, weight, zone: null, priority: 0, labels: {} }
}

function build(patient = true, kind = 'dns') {
  const clock = new VirtualClock()
  const log: string[] = []
  const applied: string[][] = []
  const told: string[] = []
  const source = {
    kind,
    subject: 'DNS for a',
    patient,
    start() {},
    stop() {},
    doubt() {},
  } as EndpointSource
  const stats = new DiscoveryStats('u', 'dns')
  const write = (level: string) => (_: unknown, text: string) => log.push(`${level} ${text}`)
  const discovery = new Discovery(source, {
    upstream: 'u',
    apply: (endpoints) => applied.push(endpoints.map(({ address }) => address.host)),
    explain: (problem) => told.push(problem),
    stats,
    clock,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
  })
  return { clock, log, applied, told, stats, discovery, listener: discovery as SourceListener }
}

t.test('the last good endpoints are kept, and what happens is told once', async (t) => {
  const { clock, log, applied, stats, discovery, listener } = build()
  listener.found([endpoint('a'), endpoint('b')])
  listener.found([endpoint('a'), endpoint('b')])
  listener.failed('timeout', 'no answer')
  for (let i = 0; i < 5; i++) listener.failed('timeout', 'no answer')
  t.equal(discovery.problem, 'DNS for a: no answer')
  clock.advance(60_000)
  listener.failed('timeout', 'no answer')
  listener.failed('servfail', 'SERVFAIL')
  listener.found([endpoint('b'), endpoint('c', 2), endpoint('d')])
  t.equal(discovery.problem, '')
  listener.found([endpoint('b'), endpoint('c', 3), endpoint('d')])
  listener.empty('no such name')
  listener.empty('no such name')
  t.strictSame(applied, [['a', 'b'], ['b', 'c', 'd'], ['b', 'c', 'd'], []])
  t.strictSame(log, [
    'info endpoints of u: +2 −0, now 2',
    'warn endpoints of u: DNS for a: no answer; the last 2 endpoints are kept',
    'warn endpoints of u: DNS for a: no answer; the last 2 endpoints are kept',
    'warn endpoints of u: DNS for a: SERVFAIL; the last 2 endpoints are kept',
    'info endpoints of u: DNS for a works again',
    'info endpoints of u: +2 −1, now 3',
    'info endpoints of u: +0 −0, now 3',
    'warn endpoints of u: +0 −3, now none: no such name',
  ])
  t.equal(stats.updates, 4)
  t.equal(stats.endpoints, 0)
  t.equal(stats.failures.get('timeout'), 7)
  t.equal(stats.failures.get('servfail'), 1)
  t.equal(stats.succeededAt, clock.wall())
})

t.test(
  'it is settled by the first answer; of a source without patience by its first failure too',
  async (t) => {
    const { discovery, listener, told } = build()
    t.strictSame(told, ['DNS for a: not looked up yet'])
    let settled = false
    const waiting = discovery.whenSettled().then(() => {
      settled = true
    })
    listener.failed('timeout', 'no answer')
    await new Promise((resolve) => setImmediate(resolve))
    t.equal(settled, false)
    listener.found([endpoint('a')])
    await waiting
    t.equal(discovery.settled, true)
    await discovery.whenSettled()

    const none = build()
    none.listener.empty('no such name')
    t.equal(none.discovery.settled, true)
    t.strictSame(none.log, ['warn endpoints of u: +0 −0, now none: no such name'])
    const file = build(false)
    file.listener.failed('unreadable', 'no such file')
    t.equal(file.discovery.settled, true)
    t.strictSame(file.log, ['warn endpoints of u: DNS for a: no such file; there is no endpoint yet'])
  },
)

t.test('the next mistake in a file is told at once', async (t) => {
  const { listener, log } = build(false, 'file')
  listener.failed('invalid', '2:1: not YAML')
  listener.failed('invalid', '2:1: not YAML')
  listener.failed('invalid', '3:4: unknown key')
  t.equal(log.length, 2)
  t.match(log[1], /3:4: unknown key/)
})
