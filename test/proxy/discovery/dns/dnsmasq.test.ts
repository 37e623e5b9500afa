import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Child } from '../../../support/peers/child.ts'
import { freePorts } from '../../../support/peers/free-port.ts'
import { DnsBench } from './dns-bench.ts'

const skip = spawnSync('dnsmasq', ['--version']).error === undefined ? false : 'needs dnsmasq'

interface Dnsmasq {
  readonly child: Child
  readonly resolvers: { host: string; port: number }[]
  /** Replaces the hosts file that it serves. */
  hosts(text: string): void
}

async function startDnsmasq(t: Test, hosts: string, ...more: string[]): Promise<Dnsmasq> {
  const [port = 0] = await freePorts(1)
  const folder = mkdtempSync(join(tmpdir(), 'pillion-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'hosts')
  writeFileSync(file, hosts)
  const child = new Child('dnsmasq', [
    '--keep-in-foreground',
    '--log-facility=-',
    '--conf-file=/dev/null',
    '--pid-file=',
    '--user=root',
    '--no-resolv',
    '--no-hosts',
    `--addn-hosts=${file}`,
    '--local-ttl=3',
    '--local=/test/',
    '--listen-address=127.0.0.1',
    '--bind-interfaces',
    `--port=${port}`,
    ...more,
  ])
  t.teardown(() => child.stop('SIGKILL'))
  await child.when('dnsmasq has read its hosts', () => /read .*hosts/.test(child.stderr) || !child.running)
  return {
    child,
    resolvers: [{ host: '127.0.0.1', port }],
    hosts: (text) => {
      writeFileSync(file, text)
      child.signal('SIGHUP')
    },
  }
}

t.test('dnsmasq: addresses, changes, and a name that goes', { skip }, async (t) => {
  const { resolvers, hosts } = await startDnsmasq(
    t,
    '10.0.0.1 greeter.test\n10.0.0.2 greeter.test\n2001:db8::1 greeter.test\n',
  )
  const bench = await DnsBench.start(t, { resolvers, keepEmpty: 0, family: 'all' })
  t.equal(await bench.heard(), '10.0.0.1:80,10.0.0.2:80,[2001:db8::1]:80')
  hosts('10.0.0.3 greeter.test\n')
  let heard = 1
  while (bench.said.at(-1) !== '10.0.0.3:80') {
    bench.clock.advance(3100)
    heard += 1
    await bench.heard(heard)
  }
  hosts('10.0.0.3 other.test\n')
  while (!bench.said.at(-1)?.startsWith('empty')) {
    bench.clock.advance(5100)
    heard += 1
    await bench.heard(heard)
  }
  t.equal(bench.said.at(-1), 'empty: no such name (NXDOMAIN)')
  t.notOk(bench.said.some((text) => text.startsWith('failed')))
})

t.test('dnsmasq: an alias, a service, and more addresses than fit UDP', { skip }, async (t) => {
  const many = Array.from({ length: 300 }, (_, i) => `10.3.${i >> 8}.${i & 255}`)
  const { resolvers } = await startDnsmasq(
    t,
    `10.0.0.1 a.test\n10.0.0.2 b.test\n${many.map((address) => `${address} many.test`).join('\n')}\n`,
    '--cname=greeter.test,a.test',
    '--srv-host=_grpc._tcp.test,a.test,9001,10,60',
    '--srv-host=_grpc._tcp.test,b.test,9002,20,5',
  )
  const alias = await DnsBench.start(t, { resolvers })
  t.equal(await alias.heard(), '10.0.0.1:80')
  const service = await DnsBench.start(t, { resolvers, name: '_grpc._tcp.test', port: null })
  await service.heard()
  t.strictSame(
    service.endpoints.map(({ address, priority, weight }) => [address.text, priority, weight]),
    [
      ['10.0.0.1:9001', 10, 60],
      ['10.0.0.2:9002', 20, 5],
    ],
  )
  const large = await DnsBench.start(t, { resolvers, name: 'many.test' })
  await large.heard()
  t.strictSame(large.endpoints.map(({ address }) => address.host).sort(), many.sort())
})
