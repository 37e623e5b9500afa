import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { parseScrape } from '../proxy/telemetry/scrape.ts'
import type { MeshFolder } from './mesh-folder.ts'
import { type Child, runTypeScript } from './peers/child.ts'
import { Http1Client } from './peers/http1-client.ts'

const main = fileURLToPath(new URL('../../proxy/main.ts', import.meta.url))

/** One line of a sidecar's log. */
export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** How long a process may take to start on a busy machine, in milliseconds. */
export const START_PATIENCE = 60_000

/** The line of a stack trace. */
export const STACK_LINE = /^\s+at /m

/** A sidecar in a process of its own, with its admin server on a free port. */
export class Sidecar {
  readonly service: string
  readonly child: Child
  /** From its ready line: port by listener, `admin` too. */
  readonly #ports: ReadonlyMap<string, number>

  constructor(service: string, child: Child, ready: string) {
    this.service = service
    this.child = child
    const ports = new Map<string, number>()
    for (const [, name, port] of ready.matchAll(/(\S+) \S+:(\d+)(?:,|$)/g)) ports.set(`${name}`, Number(port))
    this.#ports = ports
  }

  /** Where the listener of that name listens. */
  port(listener: string): number {
    const port = this.#ports.get(listener)
    if (port === undefined) throw new Error(`${this.service} has no listener ${listener}`)
    return port
  }

  /** The log so far. A line that is not JSON throws. */
  get log(): LogLine[] {
    const { stderr } = this.child
    return stderr
      .slice(0, stderr.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine)
  }

  /** Waits for a line whose message matches; gives the line. */
  async logged(pattern: RegExp): Promise<LogLine> {
    const find = () => this.log.find(({ msg }) => pattern.test(msg))
    await this.child.when(`a log line like ${pattern}`, () => find() !== undefined || !this.child.running)
    const line = find()
    if (line === undefined) throw new Error(`${this.service} ended without a log line like ${pattern}`)
    return line
  }

  /** GET of a page of the admin server. */
  async page(path: string): Promise<{ status: number; text: string }> {
    const client = new Http1Client({ port: this.port('admin'), connections: 0 })
    const { status, body } = await client.request({ path })
    client.close()
    return { status, text: body.toString() }
  }

  /** Ends it by SIGTERM; it has to end in order: exit code 0, no trace of a defect in its log. */
  async stop(t: Test): Promise<void> {
    const { service, child } = this
    t.equal(await child.stop(), 0, `${service} ends in order`)
    t.notMatch(child.stderr, STACK_LINE, `${service} logged no stack trace`)
    t.notMatch(child.stderr, 'a defect of the proxy', `${service} met no defect`)
  }

  /** The samples of a scrape with this name, as `labels -> value` such as `listener=inbound,reason=handshake`. */
  async metric(name: string): Promise<Record<string, number>> {
    const out: Record<string, number> = {}
    for (const sample of parseScrape((await this.page('/metrics')).text)) {
      if (sample.name !== name) continue
      const labels = Object.entries(sample.labels).map(([label, value]) => `${label}=${value}`)
      out[labels.sort().join()] = sample.value
    }
    return out
  }

  /** Memory held in RAM now, in bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'latin1')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
  }
}

export interface SidecarOptions {
  readonly mesh: MeshFolder
  /** Whose certificate it has, if the mesh issued one; also its name. */
  readonly service: string
  /** Listeners, upstreams and whatever else the file shall say, as YAML; `port 0` for every listener. */
  readonly config: string
  /** Has no identity. */
  readonly anonymous?: boolean
  /** Port of the admin server, any free one by default. */
  readonly admin?: number
  /** Further arguments of `pillion run`. */
  readonly args?: readonly string[]
}

/** Starts a sidecar and waits until it is ready. It is killed with the test, unless `stop` came first. */
export async function startSidecar(t: Test, options: SidecarOptions): Promise<Sidecar> {
  const child = runSidecar(t, options)
  const [, ready = ''] = await child.line(/^pillion \S+ is ready: (.*)$/m, START_PATIENCE)
  return new Sidecar(options.service, child, ready)
}

/** Starts the process and no more, for configurations that it must not accept. */
export function runSidecar(t: Test, options: SidecarOptions): Child {
  const file = join(options.mesh.path, `${options.service}.yaml`)
  writeFileSync(file, configText(options))
  const child = runTypeScript(main, ['run', '-c', file, ...(options.args ?? [])])
  t.teardown(async () => {
    if (!t.passing()) process.stderr.write(`log of ${options.service}:\n${child.stderr}`)
    if (child.running) await child.stop('SIGKILL')
  })
  return child
}

/** The whole configuration file. */
export function configText({ service, config, anonymous = false, admin = 0 }: SidecarOptions): string {
  const identity = `identity:
  trustDomain: mesh.local
  certificateFile: certs/${service}.crt
  keyFile: certs/${service}.key
  trustBundleFile: certs/ca.crt
`
  return `service: ${service}
admin: { address: 127.0.0.1:${admin} }
metrics: off
${anonymous ? '' : identity}${config}
`
}
