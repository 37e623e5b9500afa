import { setMaxListeners } from 'node:events'
import { Callers } from './callers.ts'
import { DemoError, Interrupted } from './demo-error.ts'
import { Interruption } from './interruption.ts'
import { runLive } from './live.ts'
import { Mesh } from './mesh.ts'
import { readUpstreams } from './observation.ts'
import { planMesh } from './plan.ts'
import { runScenario } from './scenario.ts'
import { LineScreen, type Screen, TerminalScreen } from './screen.ts'
import { loadGrpc } from './services/grpc.ts'
import { ServiceError } from './services/process.ts'
import { until } from './waiting.ts'
import { createFolder, removeFolder, writeFiles } from './workspace.ts'

/** Something went wrong, or was lost. */
const EXIT_FAILED = 1
/** Ended by a signal before it was done. */
const EXIT_INTERRUPTED = 130
/** Longest time until every endpoint is healthy, in milliseconds. */
const HEALTHY_TIMEOUT = 15_000

export interface DemoOptions {
  /** Run a fixed scenario, print what was checked and end, instead of going on until Ctrl-C. */
  readonly once: boolean
}

/** What is there to be cleared away. */
interface Belongings {
  folder: string | null
  mesh: Mesh | null
}

/**
 * The demo: three instances of a gRPC service and two of a REST service with a sidecar beside each, one more sidecar
 * beside the caller, and light traffic through them. Everything it has started has ended, and its temporary folder is
 * gone, when it resolves: to the exit code, which is not 0 when something was lost or failed. Prints to standard
 * output, and what it could not do to standard error.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const began = performance.now()
  const belongings: Belongings = { folder: null, mesh: null }
  const clear = () => {
    belongings.mesh?.killNow()
    if (belongings.folder !== null) removeFolder(belongings.folder)
  }
  const interruption = new Interruption(() => process.exit(EXIT_INTERRUPTED))
  process.once('exit', clear)
  const screen = process.stdout.isTTY ? new TerminalScreen(process.stdout) : new LineScreen(process.stdout)
  let exitCode: number
  try {
    exitCode = (await run(options, belongings, screen, interruption.signal)) ? 0 : EXIT_FAILED
    screen.say(`done in ${((performance.now() - began) / 1000).toFixed(1)} s, stopping`)
  } catch (error) {
    if (error instanceof Interrupted) {
      screen.say('stopping')
      exitCode = options.once ? EXIT_INTERRUPTED : 0
    } else {
      process.stderr.write(`error: ${messageOf(error)}\n`)
      exitCode = EXIT_FAILED
    }
  }
  await belongings.mesh?.stop()
  clear()
  process.off('exit', clear)
  interruption.close()
  if (belongings.folder !== null) screen.say('every process has ended, and the temporary folder is removed')
  return exitCode
}

/** Resolves to whether all went well. Rejects with Interrupted when `interrupted` aborts. */
async function run(
  { once }: DemoOptions,
  belongings: Belongings,
  screen: Screen,
  interrupted: AbortSignal,
): Promise<boolean> {
  const packages = await loadGrpc()
  const folder = await createFolder()
  belongings.folder = folder
  const plan = await planMesh(folder)
  await writeFiles(plan)
  const failure = new AbortController()
  const fail = (error: unknown) => failure.abort(error)
  const signal = AbortSignal.any([interrupted, failure.signal])
  // Every process listens while it starts.
  setMaxListeners(0, signal)
  const mesh = new Mesh(plan, fail)
  belongings.mesh = mesh
  const count = (service: string) => plan.instances.filter((instance) => instance.service === service).length
  screen.say(
    `Pillion demo: ${count('greeter')} instances of a gRPC Greeter and ${count('orders')} of a REST service, a ` +
      'sidecar beside each,\nand one beside the caller; mutual TLS between the sidecars.\n' +
      `Certificates, configurations and logs are in ${folder}\n` +
      `starting ${2 * plan.instances.length + 1} processes`,
  )
  const began = performance.now()
  await mesh.start(signal)
  await until('every endpoint to be healthy', HEALTHY_TIMEOUT, signal, async () => {
    const endpoints = (await readUpstreams(plan.web)).flatMap((upstream) => upstream.endpoints)
    return endpoints.every(({ health }) => health === 'healthy') ? true : null
  })
  screen.say(`ready after ${((performance.now() - began) / 1000).toFixed(1)} s, every endpoint is healthy`)
  const callers = new Callers(packages, plan.web.port)
  try {
    if (once) return await runScenario(mesh, callers, screen, signal)
    await runLive(mesh, callers, screen, signal, fail)
    return true
  } finally {
    callers.close()
  }
}

function messageOf(error: unknown): string {
  if (error instanceof DemoError || error instanceof ServiceError) return error.message
  return error instanceof Error ? `the demo failed: ${error.message}` : String(error)
}
