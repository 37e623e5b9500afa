import { parseConfig } from '../../../config/load.ts'
import { reportDefects } from '../../../proxy/base/defects.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import type { Timer } from '../../../proxy/base/timer-wheel.ts'
import { Transport } from '../../../proxy/codec/transport.ts'
import { CallerContext } from '../../../proxy/exchange/caller-context.ts'
import type { Runtime } from '../../../proxy/runtime.ts'
import { buildSnapshot, type Snapshot } from '../../../proxy/snapshot.ts'
import { LogLimit } from '../../../proxy/telemetry/log-limit.ts'
import { Telemetry } from '../../../proxy/telemetry/telemetry.ts'
import { EndpointPool } from '../../../proxy/upstream/endpoint-pool.ts'
import { VirtualClock } from '../virtual-clock.ts'

/** What is wired together out of a configuration, listening, with an eye on what it holds. */
export class WatchedProxy {
  readonly clock = new VirtualClock()
  readonly snapshot: Snapshot
  readonly telemetry: Telemetry
  /** Connections there have been, either side; `user` is null once they are gone. */
  readonly transports = new Set<Transport>()
  readonly defects: unknown[] = []
  /** Requests that reached an exchange. */
  requests = 0
  readonly #armed = new Set<Timer>()
  readonly #runtime: Runtime
  readonly #restore: () => void

  constructor(yaml: string, seed: number) {
    const loaded = parseConfig(yaml, 'storm.yaml', '/')
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    const log = {
      debug() {},
      info() {},
      warn() {},
      error() {},
      level: 'error',
      enabled: () => false,
      flush() {},
    }
    const { clock } = this
    this.telemetry = new Telemetry({ service: 'storm', version: '0', processMetrics: false })
    this.#runtime = {
      clock,
      timers: clock.timers,
      random: new SeededRandom(seed),
      telemetry: this.telemetry,
      log: log as unknown as Runtime['log'],
      limitedLog: new LogLimit(log as never, clock, clock.timers),
    }
    this.snapshot = buildSnapshot(loaded.config, null, this.#runtime)
    this.#restore = this.#watch()
    reportDefects((error) => this.defects.push(error))
  }

  #watch(): () => void {
    const proxy = this
    const { timers } = this.clock
    const { arm } = timers
    timers.arm = (timer, ms) => {
      proxy.#armed.add(timer)
      arm.call(timers, timer, ms)
      if (proxy.#armed.size < 1000) return
      for (const each of proxy.#armed) if (each.due < 0) proxy.#armed.delete(each)
    }
    const { start } = Transport.prototype
    const { connected } = EndpointPool.prototype
    const { request } = CallerContext.prototype
    Transport.prototype.start = function () {
      proxy.transports.add(this)
      start.call(this)
    }
    EndpointPool.prototype.connected = function (dial, transport, protocol) {
      proxy.transports.add(transport)
      connected.call(this, dial, transport, protocol)
    }
    CallerContext.prototype.request = function (stream, head, end) {
      proxy.requests += 1
      request.call(this, stream, head, end)
    }
    return () => {
      Transport.prototype.start = start
      EndpointPool.prototype.connected = connected
      CallerContext.prototype.request = request
    }
  }

  /** Who waits for a deadline. */
  deadlines(): string[] {
    return [...this.#armed]
      .filter(({ due }) => due >= 0)
      .map(({ owner, kind }) => `${owner.constructor.name} ${kind}`)
  }

  async listen(): Promise<void> {
    for (const { listener } of this.snapshot.listeners) await listener.listen()
  }

  /** The connections that are open. */
  open(): Transport[] {
    for (const transport of this.transports) if (transport.user === null) this.transports.delete(transport)
    return [...this.transports]
  }

  drain(): void {
    for (const { listener } of this.snapshot.listeners) listener.drain()
  }

  stop(): void {
    for (const upstream of this.snapshot.upstreams.values()) upstream.stop()
    this.telemetry.close()
    this.#runtime.limitedLog.close()
    reportDefects(() => {})
    this.#restore()
  }
}
