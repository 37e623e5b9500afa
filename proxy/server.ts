import { createHash } from 'node:crypto'
import { type Identity, loadIdentity } from '../certs/store.ts'
import type { Config } from '../config/types/config.ts'
import { type AdminServer, startAdminServer } from './admin/admin-server.ts'
import { adminSources } from './admin/admin-sources.ts'
import { listenError } from './admin/listen-error.ts'
import { reportDefects } from './base/defects.ts'
import { systemRandom } from './base/random.ts'
import { TimerWheel } from './base/timer-wheel.ts'
import { TurnClock } from './base/turn-clock.ts'
import { CertificateGuard } from './certificate-guard.ts'
import { reasons } from './message/reason.ts'
import type { Runtime } from './runtime.ts'
import { buildSnapshot, type Snapshot } from './snapshot.ts'
import { createLogger } from './telemetry/log.ts'
import { LogLimit } from './telemetry/log-limit.ts'
import { stderrLogStream } from './telemetry/log-stream.ts'
import { Telemetry } from './telemetry/telemetry.ts'
import { VERSION } from './version.ts'

type Phase = 'setup' | 'running' | 'draining' | 'stopped'

/** How often a drain looks whether the last connection has gone, in milliseconds. */
const DRAIN_LOOK_MS = 50

/** One sidecar: setup -> running -> draining -> stopped. */
export class SidecarServer {
  readonly #runtime: Runtime
  readonly #snapshot: Snapshot
  #phase: Phase = 'setup'
  #admin: AdminServer[] = []
  readonly #guard: CertificateGuard | null

  private constructor(snapshot: Snapshot, runtime: Runtime) {
    this.#snapshot = snapshot
    this.#runtime = runtime
    const { identity } = snapshot
    this.#guard =
      identity === null
        ? null
        : new CertificateGuard(identity.notBefore, identity.notAfter, runtime.clock, runtime.log)
  }

  /**
   * Builds everything and starts to listen. Rejects with an Error whose message is for people: an identity that cannot
   * be used (CertificateError), an occupied address.
   */
  static async start(config: Config): Promise<SidecarServer> {
    const stream = stderrLogStream()
    const log = createLogger({ level: config.log.level, service: config.service, stream })
    const clock = new TurnClock()
    const timers = new TimerWheel(clock.now)
    const telemetry = new Telemetry({ service: config.service, version: VERSION, log: stream })
    const limitedLog = new LogLimit(log, clock, timers)
    const zone = config.zone ?? (process.env.PILLION_ZONE || null)
    const runtime = { clock, random: systemRandom, timers, telemetry, log, limitedLog, zone }
    reportDefects((error) => log.error({ err: error }, 'a defect of the proxy, contained'))
    let server: SidecarServer | null = null
    try {
      const identity = config.identity === null ? null : await loadIdentity(config.identity)
      for (const warning of identity?.warnings ?? []) log.warn({}, warning)
      if (identity !== null) recordCertificate(telemetry, identity)
      server = new SidecarServer(buildSnapshot(config, identity, runtime), runtime)
      await server.#listen()
    } catch (error) {
      await server?.stop()
      telemetry.close()
      limitedLog.close()
      throw error
    }
    telemetry.config.recordLoad(hashOf(config), clock.wall())
    return server
  }

  /** Where everything listens, for the line that says so. */
  readonly addresses: { readonly name: string; readonly address: string }[] = []

  get log(): Runtime['log'] {
    return this.#runtime.log
  }

  async #listen(): Promise<void> {
    const { config, listeners, upstreams } = this.#snapshot
    const { telemetry } = this.#runtime
    for (const { config: listener, listener: socket } of listeners) {
      const where = listener.address.text
      const bound = await socket.listen().catch((error: Error) => {
        throw listenError(error, where, `listeners.${listener.name}.address`)
      })
      this.#bound(listener.name, bound)
    }
    const shared = { telemetry, ready: () => this.#readiness(), failed: this.#adminFailed }
    if (config.admin !== null) {
      const { host, port, text } = config.admin.address
      const sources = adminSources(this.#snapshot)
      this.#admin.push(await startAdminServer({ ...shared, address: text, host, port, full: true, sources }))
      this.#bound('admin', (this.#admin.at(-1) as AdminServer).address)
    }
    if (config.metrics !== null) {
      const { host, port, text } = config.metrics.address
      this.#admin.push(await startAdminServer({ ...shared, address: text, host, port, full: false }))
      this.#bound('metrics', (this.#admin.at(-1) as AdminServer).address)
    }
    for (const upstream of upstreams.values()) upstream.start()
    this.#phase = 'running'
  }

  #bound(name: string, { address, family, port }: { address: string; family: string; port: number }): void {
    this.addresses.push({ name, address: family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}` })
  }

  readonly #adminFailed = (path: string, error: unknown): void => {
    this.#runtime.log.error({ err: error, path }, 'an admin page failed')
  }

  #readiness(): { ready: boolean; reasons: string[] } {
    const reasons: string[] = []
    if (this.#phase !== 'running') reasons.push(`the sidecar is in phase ${this.#phase}`)
    const certificate = this.#guard?.problem() ?? null
    if (certificate !== null) reasons.push(certificate)
    return { ready: reasons.length === 0, reasons }
  }

  /** Finishes what is under way, for as long as the configuration grants, then stops. */
  async drain(): Promise<void> {
    if (this.#phase !== 'running') return
    this.#phase = 'draining'
    const deadline = this.#runtime.clock.now() + this.#snapshot.config.shutdown.grace
    for (const { listener } of this.#snapshot.listeners) listener.drain()
    while (this.#connections() > 0 && this.#runtime.clock.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS))
    }
    const left = this.#connections()
    if (left > 0)
      this.#runtime.log.warn({ connections: left }, 'closing connections that did not end in time')
    await this.stop()
  }

  #connections(): number {
    return this.#snapshot.listeners.reduce((sum, { listener }) => sum + listener.connections, 0)
  }

  /** Closes everything now. */
  async stop(): Promise<void> {
    if (this.#phase === 'stopped') return
    this.#phase = 'stopped'
    this.#guard?.close()
    for (const { listener } of this.#snapshot.listeners) listener.close(reasons.draining)
    for (const upstream of this.#snapshot.upstreams.values()) {
      upstream.stop()
      for (const pool of [...upstream.cluster.pools, ...upstream.cluster.tunnelPools])
        pool.close(reasons.draining)
    }
    await Promise.all(this.#admin.map((admin) => admin.close()))
    this.#runtime.telemetry.close()
    this.#runtime.limitedLog.close()
    this.#runtime.log.flush()
  }
}

function recordCertificate(telemetry: Telemetry, identity: Identity): void {
  telemetry.certificates.set([{ kind: 'leaf', id: identity.id.toString(), notAfter: identity.notAfter }])
}

function hashOf(config: Config): string {
  return createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 12)
}
