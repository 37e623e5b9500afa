import type { DemoError } from './demo-error.ts'
import { ManagedProcess, type ProcessPlan } from './managed-process.ts'
import { configFile, type InstancePlan, logFile, type SidecarPlan } from './plan.ts'

/** How to start a sidecar. */
export function sidecarProcess(
  folder: string,
  sidecar: SidecarPlan,
  lost: (error: DemoError) => void,
): ProcessPlan {
  return {
    title: `the sidecar of ${sidecar.name}`,
    program: 'proxy/main',
    args: ['run', '-c', configFile(folder, sidecar)],
    logFile: logFile(folder, `${sidecar.name}-sidecar`),
    ready: /^pillion \S+ is ready/m,
    lost,
  }
}

/** An instance of a service and the sidecar beside it. */
export class Instance {
  readonly plan: InstancePlan
  readonly #service: ProcessPlan
  readonly #sidecar: ProcessPlan
  #processes: { service: ManagedProcess | null; sidecar: ManagedProcess | null }

  constructor(folder: string, plan: InstancePlan, lost: (error: DemoError) => void) {
    this.plan = plan
    this.#processes = { service: null, sidecar: null }
    this.#service = {
      title: plan.name,
      program: `examples/demo/services/${plan.service}`,
      args: ['--port', String(plan.servicePort), '--name', plan.name],
      logFile: logFile(folder, plan.name),
      ready: /^\{"port":\d+\}$/m,
      lost,
    }
    this.#sidecar = sidecarProcess(folder, plan.sidecar, lost)
  }

  /** Starts what of both is not running, and waits until it is ready. @throws DemoError */
  async start(signal: AbortSignal): Promise<void> {
    const { service, sidecar } = this.#processes
    const starting: Promise<void>[] = []
    if (!service?.running) {
      starting.push(
        ManagedProcess.start(this.#service, signal, (one) => {
          this.#processes.service = one
        }),
      )
    }
    if (!sidecar?.running) {
      starting.push(
        ManagedProcess.start(this.#sidecar, signal, (one) => {
          this.#processes.sidecar = one
        }),
      )
    }
    await Promise.all(starting)
  }

  /** Lets the service hang. */
  freezeService(): void {
    this.#processes.service?.freeze()
  }

  /** Lets both hang. */
  freeze(): void {
    this.#processes.sidecar?.freeze()
    this.#processes.service?.freeze()
  }

  /** Ends the service at once and leaves its sidecar, as when a program crashes. */
  async killService(): Promise<void> {
    await this.#processes.service?.kill()
  }

  /** Ends both at once, as when a machine goes down. */
  async kill(): Promise<void> {
    await Promise.all([this.#processes.sidecar?.kill(), this.#processes.service?.kill()])
  }

  /** Ends both in order: first the sidecar, which finishes what is under way, then the service. */
  async stop(): Promise<void> {
    await this.#processes.sidecar?.stop()
    await this.#processes.service?.stop()
  }

  /** Ends both without waiting. */
  killNow(): void {
    this.#processes.sidecar?.killNow()
    this.#processes.service?.killNow()
  }
}
