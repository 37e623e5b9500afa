import type { DemoError } from './demo-error.ts'
import { Instance, sidecarProcess } from './instance.ts'
import { ManagedProcess } from './managed-process.ts'
import type { MeshPlan } from './plan.ts'

/** All processes of the demo: the instances with their sidecars, and the sidecar beside the caller. */
export class Mesh {
  readonly plan: MeshPlan
  readonly instances: readonly Instance[]
  readonly #lost: (error: DemoError) => void
  #web: ManagedProcess | null = null

  /** @param lost called when a process ends although nobody asked for it */
  constructor(plan: MeshPlan, lost: (error: DemoError) => void) {
    this.plan = plan
    this.#lost = lost
    this.instances = plan.instances.map((instance) => new Instance(plan.folder, instance, lost))
  }

  /** Starts everything and waits until it is ready. @throws DemoError */
  async start(signal: AbortSignal): Promise<void> {
    const { folder, web } = this.plan
    await Promise.all([
      ...this.instances.map((instance) => instance.start(signal)),
      ManagedProcess.start(sidecarProcess(folder, web, this.#lost), signal, (one) => {
        this.#web = one
      }),
    ])
  }

  /** @throws Error when there is no instance of this name */
  instance(name: string): Instance {
    const found = this.instances.find((instance) => instance.plan.name === name)
    if (found === undefined) throw new Error(`the mesh has no instance ${name}`)
    return found
  }

  /** Ends everything in order, the caller's side first. */
  async stop(): Promise<void> {
    await this.#web?.stop()
    await Promise.all(this.instances.map((instance) => instance.stop()))
  }

  /** Ends everything without waiting. */
  killNow(): void {
    this.#web?.killNow()
    for (const instance of this.instances) instance.killNow()
  }
}
