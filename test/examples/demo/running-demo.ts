import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Child, runTypeScript } from '../../support/peers/child.ts'

const main = fileURLToPath(new URL('../../../proxy/main.ts', import.meta.url))

/** Processes can be told by their environment. */
export const canFindProcesses = existsSync('/proc/self/environ')

/** The demo as a process, with all that it starts. */
export class RunningDemo {
  readonly child: Child
  readonly #mark = randomUUID()

  constructor(...args: string[]) {
    this.child = runTypeScript(main, ['demo', ...args], { env: { PILLION_TEST_MARK: this.#mark } })
  }

  /** Waits for a line of output, for a minute at most: twelve processes may have to start for it. */
  line(pattern: RegExp): Promise<RegExpExecArray> {
    return this.child.line(pattern, 60_000)
  }

  /** The temporary folder it told of. */
  async folder(): Promise<string> {
    const [, folder] = await this.line(/^Certificates, configurations and logs are in (\S+)$/m)
    return folder as string
  }

  /**
   * The demo's own process and those it has started: process ids with their command lines. Compilers that tsx starts
   * for a moment are left out.
   */
  processes(): { pid: number; command: string }[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          if (!readFileSync(`/proc/${name}/environ`, 'latin1').includes(this.#mark)) return []
          const command = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ')
          return command.startsWith(process.execPath) ? [{ pid: Number(name), command }] : []
        } catch {
          // It has ended meanwhile, or is another user's.
          return []
        }
      })
  }

  /** For teardown: the demo ends what it started even when it is ended itself. */
  async end(): Promise<void> {
    await this.child.stop()
  }
}
