import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { DnsConfig } from '../../../../config/types/discovery.ts'
import type { EndpointConfig } from '../../../../config/types/upstream.ts'
import { DnsSource } from '../../../../proxy/discovery/dns/dns-source.ts'
import type { SourceListener } from '../../../../proxy/discovery/endpoint-source.ts'
import { DnsServer } from '../../../support/peers/dns-server.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

export interface DnsBenchOptions extends Partial<DnsConfig> {
  /** Text of the resolv.conf, without servers. */
  readonly resolvConf?: string
  readonly hosts?: string
  readonly servers?: number
}

/** A source that asks a real name server, with time that the test moves. */
export class DnsBench implements SourceListener {
  readonly clock = new VirtualClock()
  readonly source: DnsSource
  readonly servers: readonly DnsServer[]
  /** What it said, as text: addresses with commas, `empty: why`, `failed code: why`. */
  readonly said: string[] = []
  endpoints: readonly EndpointConfig[] = []

  static async start(
    t: Test,
    options: DnsBenchOptions = {},
    prepare?: (server: DnsServer) => void,
  ): Promise<DnsBench> {
    const servers = Array.from({ length: options.servers ?? 1 }, () => new DnsServer())
    for (const server of servers) await server.listen()
    const bench = new DnsBench(t, options, servers)
    t.teardown(() => {
      bench.source.stop()
      for (const server of servers) server.close()
    })
    prepare?.(bench.server)
    bench.source.start(bench)
    return bench
  }

  private constructor(t: Test, options: DnsBenchOptions, servers: readonly DnsServer[]) {
    const { resolvConf = '', hosts = '', servers: _, ...config } = options
    const files = mkdtempSync(join(tmpdir(), 'pillion-'))
    t.teardown(() => rmSync(files, { recursive: true }))
    writeFileSync(join(files, 'resolv.conf'), resolvConf)
    writeFileSync(join(files, 'hosts'), hosts)
    this.servers = servers
    this.source = new DnsSource(
      {
        kind: 'dns',
        name: 'greeter.test',
        port: 80,
        family: 'prefer-ipv4',
        resolvers: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
        minTtl: 1000,
        maxTtl: 300_000,
        keepEmpty: 30_000,
        ...config,
      },
      {
        timers: this.clock.timers,
        random: { next: () => 0 },
        resolvConf: `${files}/resolv.conf`,
        hosts: `${files}/hosts`,
      },
    )
  }

  get server(): DnsServer {
    return this.servers[0] as DnsServer
  }

  found(endpoints: readonly EndpointConfig[]): void {
    this.endpoints = endpoints
    this.said.push(endpoints.map(({ address }) => address.text).join())
  }

  empty(why: string): void {
    this.said.push(`empty: ${why}`)
  }

  failed(code: string, why: string): void {
    this.said.push(`failed ${code}: ${why}`)
  }

  /** The next thing said, or the `count`-th from the beginning. */
  async heard(count = 1): Promise<string> {
    await this.until(() => this.said.length >= count)
    return this.said[count - 1] as string
  }

  /** Lets the network do its work until `condition` holds, while time stands. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
