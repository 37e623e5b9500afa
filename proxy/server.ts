import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { type Identity, loadIdentity } from '../certs/store.ts'
import type { AppConfig } from '../config/types/app.ts'
import type { Config } from '../config/types/config.ts'
import { type AdminServer, startAdminServer } from './admin/admin-server.ts'
import { adminSources } from './admin/admin-sources.ts'
import { listenError } from './admin/listen-error.ts'
import { appEnvironment } from './app/app-environment.ts'
import { Supervisor } from './app/supervisor.ts'
import { reportDefects } from './base/defects.ts'
import { systemRandom } from './base/random.ts'
import { LONGEST_TURN_MS, TimerWheel } from './base/timer-wheel.ts'
import { TurnClock } from './base/turn-clock.ts'
import { CertificateGuard } from './certificate-guard.ts'
import type { Discovery } from './discovery/discovery.ts'
import { reasons } from './message/reason.ts'
import type { Runtime } from './runtime.ts'
import { buildSnapshot, type Snapshot } from './snapshot.ts'
import { AppStats } from './telemetry/app-stats.ts'
import { createLogger } from './telemetry/log.ts'
import { LogLimit } from './telemetry/log-limit.ts'
import { stderrLogStream } from './telemetry/log-stream.ts'
import { Telemetry } from './telemetry/telemetry.ts'
import { VERSION } from './version.ts'

type Listeners = Snapshot['listeners']

type Phase = 'setup' | 'running' | 'draining' | 'stopped'

/** How exact deadlines are, in milliseconds. */
const TICK_MS = 10

/** How often a drain looks whether the last connection has gone, in milliseconds. */
const DRAIN_LOOK_MS = 50

/** How long listeners wait for the first endpoints of upstreams that are looked up, in milliseconds. */
const DISCOVERY_WAIT_MS = 5000
/** What is left of the grace when the application is killed, in milliseconds, a tenth at most: its end takes a moment. */
const END_RESERVE_MS = 500

/** One sidecar: setup -> running -> draining -> stopped. */
export class SidecarServer {
  readonly #runtime: Runtime
  readonly #snapshot: Snapshot
  #phase: Phase = 'setup'
  #admin: AdminServer[] = []
  readonly #guard: CertificateGuard | null
  readonly #app: Supervisor | null
  #appEnded: (exitCode: number) => void = () => {}
  /** Where the application reaches the first outbound listener in plain text, `host:port`. */
  #outbound: string | null = null
  #drained: Promise<void> | null = null

  private constructor(snapshot: Snapshot, runtime: Runtime) {
    this.#snapshot = snapshot
    this.#runtime = runtime
    const { identity } = snapshot
    this.#guard =
      identity === null
        ? null
        : new CertificateGuard(identity.notBefore, identity.notAfter, runtime.clock, runtime.log)
    const { app } = snapshot.config
    this.#app = app === null ? null : this.#supervisor(app)
  }

  /**
   * Builds everything and starts to listen. Rejects with an Error whose message is for people: an identity that cannot
   * be used (CertificateError), an occupied address.
   */
  static async start(config: Config): Promise<SidecarServer> {
    const stream = stderrLogStream(config.app !== null)
    const log = createLogger({ level: config.log.level, service: config.service, stream })
    const clock = new TurnClock()
    const timers = new TimerWheel(clock.now, TICK_MS, LONGEST_TURN_MS)
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
    const shared = { telemetry, ready: () => this.#readiness(), failed: this.#adminFailed }
    const servers: [string, AdminServer][] = []
    if (config.admin !== null) {
      const { host, port, text } = config.admin.address
      const sources = adminSources(this.#snapshot, this.#app)
      const admin = await startAdminServer({ ...shared, address: text, host, port, full: true, sources })
      this.#admin.push(admin)
      servers.push(['admin', admin])
    }
    if (config.metrics !== null) {
      const { host, port, text } = config.metrics.address
      const metrics = await startAdminServer({ ...shared, address: text, host, port, full: false })
      this.#admin.push(metrics)
      servers.push(['metrics', metrics])
    }
    for (const upstream of upstreams.values()) upstream.start()
    await this.#discover()
    for (const { config: listener, listener: socket } of listeners) {
      const where = listener.address.text
      const bound = await socket.listen().catch((error: Error) => {
        throw listenError(error, where, `listeners.${listener.name}.address`)
      })
      this.#bound(listener.name, bound)
      if (listener.direction === 'outbound' && listener.tls === 'none') this.#outbound ??= reachable(bound)
    }
    for (const [name, server] of servers) this.#bound(name, server.address)
    this.#phase = 'running'
  }

  /** Waits until it is known where requests go: those that come before would fail. */
  async #discover(): Promise<void> {
    const unsettled = () => this.#discoveries().filter((discovery) => !discovery.settled)
    if (unsettled().length === 0) return
    let timer: NodeJS.Timeout | undefined
    await Promise.race([
      Promise.all(unsettled().map((discovery) => discovery.whenSettled())),
      new Promise((resolve) => {
        timer = setTimeout(resolve, DISCOVERY_WAIT_MS)
      }),
    ])
    clearTimeout(timer)
    for (const { problem } of unsettled())
      this.#runtime.log.warn({}, `listening without endpoints: ${problem}`)
  }

  #discoveries(): Discovery[] {
    const { upstreams } = this.#snapshot
    return [...upstreams.values()].flatMap(({ discovery }) => (discovery === null ? [] : [discovery]))
  }

  #bound(name: string, bound: AddressInfo): void {
    this.addresses.push({ name, address: addressText(bound) })
  }

  #supervisor(config: AppConfig): Supervisor {
    const { clock, timers, random, telemetry, log } = this.#runtime
    telemetry.app = new AppStats()
    return new Supervisor({
      config,
      runtime: { clock, wheel: timers, random },
      stats: telemetry.app,
      log,
      env: () => appEnvironment(process.env, this.#outbound, config.env),
      ended: (exitCode) => this.#appEnded(exitCode),
    })
  }

  /** Starts the application, if the sidecar runs it. `ended` hears of its end for good, with the code to exit with. */
  startApp(ended: (exitCode: number) => void): void {
    this.#appEnded = ended
    if (this.#phase === 'running') this.#app?.start()
  }

  readonly #adminFailed = (path: string, error: unknown): void => {
    this.#runtime.log.error({ err: error, path }, 'an admin page failed')
  }

  #readiness(): { ready: boolean; reasons: string[] } {
    const reasons: string[] = []
    if (this.#phase !== 'running') reasons.push(`the sidecar is in phase ${this.#phase}`)
    if (this.#phase === 'setup')
      for (const { settled, problem } of this.#discoveries()) if (!settled) reasons.push(problem)
    const certificate = this.#guard?.problem() ?? null
    if (certificate !== null) reasons.push(certificate)
    const app = this.#app?.problem() ?? null
    if (app !== null) reasons.push(app)
    return { ready: reasons.length === 0, reasons }
  }

  /**
   * Finishes what is under way, for as long as the configuration grants, then stops. Where the sidecar runs the
   * application, what came in for it is finished first; then it is stopped, and can make calls until it is gone.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#phase === 'running' ? this.#drain() : Promise.resolve()
    return this.#drained
  }

  async #drain(): Promise<void> {
    this.#phase = 'draining'
    const { config, listeners } = this.#snapshot
    const { clock, log } = this.#runtime
    const deadline = clock.now() + config.shutdown.grace
    let open = listeners
    if (this.#app !== null && config.app !== null) {
      this.#app.retire()
      const inbound = open.filter(({ config }) => config.direction === 'inbound')
      open = open.filter(({ config }) => config.direction !== 'inbound')
      // Long streams may never end, and the application shall have its share of the grace all the same.
      const share = Math.min(config.app.stop.grace, config.shutdown.grace / 2)
      await this.#finish(inbound, inbound, deadline - share)
      const reserve = Math.min(END_RESERVE_MS, config.shutdown.grace / 10)
      await this.#app.stop(Math.max(0, deadline - reserve - clock.now()))
    }
    await this.#finish(open, listeners, deadline)
    const left = connectionsOf(listeners)
    if (left > 0) log.warn({ connections: left }, 'closing connections that did not end in time')
    await this.stop()
  }

  /** Has listeners accept no more, and waits until those of `awaited` have no connection. */
  async #finish(open: Listeners, awaited: Listeners, deadline: number): Promise<void> {
    for (const { listener } of open) listener.drain()
    while (connectionsOf(awaited) > 0 && this.#runtime.clock.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS))
    }
  }

  /** Closes everything now. */
  async stop(): Promise<void> {
    if (this.#phase === 'stopped') return
    this.#phase = 'stopped'
    this.#guard?.close()
    this.#app?.close()
    for (const { listener } of this.#snapshot.listeners) listener.close(reasons.draining)
    for (const upstream of this.#snapshot.upstreams.values()) {
      upstream.stop()
      upstream.close(reasons.draining)
    }
    await Promise.all(this.#admin.map((admin) => admin.close()))
    this.#runtime.telemetry.close()
    this.#runtime.limitedLog.close()
    this.#runtime.log.flush()
  }
}

function connectionsOf(listeners: Listeners): number {
  return listeners.reduce((sum, { listener }) => sum + listener.connections, 0)
}

function addressText({ address, family, port }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
}

/** `host:port` to reach it from this machine: a listener on every interface is on loopback too. */
function reachable({ address, family, port }: AddressInfo): string {
  const loopback = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address]
  return addressText({ address: loopback ?? address, family, port })
}

function recordCertificate(telemetry: Telemetry, identity: Identity): void {
  telemetry.certificates.set([{ kind: 'leaf', id: identity.id.toString(), notAfter: identity.notAfter }])
}

function hashOf(config: Config): string {
  return createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 12)
}
