import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { createMesh, type MeshFolder } from './mesh-folder.ts'
import type { Child } from './peers/child.ts'
import { type Sidecar, type SidecarOptions, startSidecar } from './sidecar.ts'

/** How long a state is waited for, in milliseconds: far longer than any of it takes. */
const PATIENCE = 20_000

/** Waits until `holds` does, for states that nothing tells of. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited in vain for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Whether a process is there and no zombie, which whoever adopted it has yet to collect. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/** Waits until a process is gone. */
export function gone(pid: number): Promise<void> {
  return until(`process ${pid} to be gone`, () => !isAlive(pid))
}

/** An application that stays. */
export const STAYS = 'setInterval(() => {}, 1000)\n'
/** One that stays, whatever it hears. */
export const IGNORES = `process.on('SIGTERM', () => console.log('heard'))\nconsole.log('deaf')\n${STAYS}`

export interface AppSidecarOptions {
  /** JavaScript of the application, an ES module; run by this Node.js. */
  readonly script: string
  /** What the file says under `app` besides the command, in YAML's flow style without braces. */
  readonly app?: string
  /** Listeners, upstreams and more; without it an outbound listener that leads nowhere. */
  readonly config?: string
  /** The certificate-less folder; made when left out. */
  readonly mesh?: MeshFolder
}

const NOWHERE = `listeners:
  - { name: outbound, address: "127.0.0.1:0", routes: [{ upstream: nowhere }] }
upstreams: { nowhere: { endpoints: ["127.0.0.1:1"] } }`

/** Options of a sidecar that runs an application. */
export async function appSidecarOptions(t: Test, options: AppSidecarOptions): Promise<SidecarOptions> {
  const mesh = options.mesh ?? (await createMesh(t))
  const script = join(mesh.path, 'app.mjs')
  writeFileSync(script, options.script)
  // Without what the runner of the tests has in it for every Node.js below.
  const command = `["env", "-u", "NODE_OPTIONS", "${process.execPath}", "${script}"]`
  const more = options.app === undefined ? '' : `, ${options.app}`
  return {
    mesh,
    service: 'checkout',
    anonymous: true,
    config: `app: { command: ${command}${more} }\n${options.config ?? NOWHERE}`,
  }
}

/** Starts a sidecar that runs an application. */
export async function startAppSidecar(t: Test, options: AppSidecarOptions): Promise<Sidecar> {
  const sidecar = await startSidecar(t, await appSidecarOptions(t, options))
  t.teardown(() => endOf(sidecar.child))
  return sidecar
}

/** Sees to it that nothing stays behind, also where a test fails: only SIGKILL keeps a sidecar from ending its application. */
async function endOf(child: Child): Promise<void> {
  if (!child.running) return
  child.signal('SIGTERM')
  await child.when('the sidecar to be told', () => /SIGTERM/.test(child.stderr) || !child.running)
  if (child.running) await child.stop('SIGTERM')
}

export interface AppView {
  readonly state: string
  readonly pid: number | null
  readonly restarts: number
  readonly lastExit: string | null
}

/** What the admin server says of the application. */
export async function appView(sidecar: Sidecar): Promise<AppView> {
  return JSON.parse((await sidecar.page('/app')).text) as AppView
}

/** Waits until the application is in a state, such as ready after so many restarts. */
export async function appIs(sidecar: Sidecar, state: string, restarts = 0): Promise<AppView> {
  let view = await appView(sidecar)
  await until(`state ${state} after ${restarts} restarts`, async () => {
    view = await appView(sidecar)
    return view.state === state && view.restarts >= restarts
  })
  return view
}

/** Waits for a line of the application's; what the group of the pattern matched. */
export async function printed(sidecar: Sidecar, pattern: RegExp): Promise<string> {
  await sidecar.child.when(`output like ${pattern}`, () => pattern.test(sidecar.child.stdout))
  return pattern.exec(sidecar.child.stdout)?.[1] ?? ''
}
