import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Random } from '../../../proxy/base/random.ts'
import { type Child, runTypeScript } from '../peers/child.ts'
import { Http1Client } from '../peers/http1-client.ts'
import { START_PATIENCE } from '../sidecar.ts'
import type { Fault, Mode } from './fault.ts'

const program = fileURLToPath(new URL('./endpoint-program.ts', import.meta.url))

/** One endpoint in a process of its own, on ports that stay its own when the process goes. */
export class ChaosEndpoint {
  readonly name: string
  readonly ports: { readonly http1: number; readonly h2: number; readonly grpc: number }
  /** What is the matter with it; null: nothing. `kill` until it runs again. */
  fault: Fault | null = null
  #child: Child | null = null
  #control = 0

  constructor(name: string, ports: readonly [number, number, number]) {
    this.name = name
    const [http1, h2, grpc] = ports
    this.ports = { http1, h2, grpc }
  }

  async start(): Promise<void> {
    const { http1, h2, grpc } = this.ports
    const child = runTypeScript(program, [this.name, ...[http1, h2, grpc].map(String)])
    this.#child = child
    const [, control] = await child.line(/^\{"control":(\d+)\}$/m, START_PATIENCE)
    this.#control = Number(control)
    this.fault = null
  }

  async inflict(fault: Fault): Promise<void> {
    this.fault = fault
    if (fault === 'kill') await this.stop()
    else if (fault === 'hang') this.#child?.signal('SIGSTOP')
    else await this.#behave(fault)
  }

  async restore(): Promise<void> {
    const { fault } = this
    if (fault === 'kill') return this.start()
    if (fault === 'hang') this.#child?.signal('SIGCONT')
    else await this.#behave('fine')
    this.fault = null
  }

  /** Ends the process, however it is. */
  async stop(): Promise<void> {
    await this.#child?.stop('SIGKILL')
  }

  async #behave(mode: Mode): Promise<void> {
    const client = new Http1Client({ port: this.#control, connections: 0 })
    const { status } = await client.request({ path: `/${mode}` })
    client.close()
    if (status !== 200) throw new Error(`${this.name} does not know ${mode}`)
  }
}

/**
 * Ports that are free, and that no program gets by asking for any: while an endpoint is down nobody else takes its
 * port, nor does a connection that is dialled to it happen to start there and meet itself.
 */
export async function reservedPorts(count: number, random: Random): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = 20_000 + Math.floor(random.next() * 12_000)
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
