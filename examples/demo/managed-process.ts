import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DemoError } from './demo-error.ts'

/** How to start a process, as often as needed. */
export interface ProcessPlan {
  /** For messages, such as `the sidecar of greeter-1`. */
  readonly title: string
  /** The program, from the root of the package, without its file extension: `proxy/main`. */
  readonly program: string
  readonly args: readonly string[]
  /** Standard error is appended here. */
  readonly logFile: string
  /** The line of standard output that says it is ready. */
  readonly ready: RegExp
  /** Called when it ends although nobody asked for it. */
  readonly lost: (error: DemoError) => void
}

/** Longest time until a process is ready, in milliseconds. */
const START_TIMEOUT = 30_000
/** Time from the request to end until a process is ended, in milliseconds. */
const STOP_GRACE = 4000
/** Lines of a log that are shown after a failure. */
const TAIL_LINES = 15

const FROM_SOURCE = import.meta.url.endsWith('.ts')
const EXTENSION = FROM_SOURCE ? '.ts' : '.js'
const ROOT = new URL('../../', import.meta.url)

/** A process of the demo: runs from source when the demo does, and from the built files otherwise. */
export class ManagedProcess {
  readonly plan: ProcessPlan
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  #running = true
  #ending = false

  private constructor(plan: ProcessPlan) {
    this.plan = plan
    const log = openSync(plan.logFile, 'a')
    try {
      this.#child = spawn(process.execPath, [...nodeArguments(), moduleFile(plan.program), ...plan.args], {
        // Ctrl-C reaches every process of the terminal's group; these are to end in order, when the demo says so.
        detached: true,
        stdio: ['ignore', 'pipe', log, 'ipc'],
      })
    } finally {
      closeSync(log)
    }
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        if (!this.#running) return
        this.#running = false
        if (!this.#ending) plan.lost(new DemoError(`${plan.title} ${how}${this.logTail()}`))
        resolve()
      }
      this.#child.once('error', (error) => end(`could not be started: ${error.message}`))
      this.#child.once('close', (code, signal) => end(`ended by itself (${signal ?? `exit code ${code}`})`))
    })
  }

  /**
   * Starts it and waits until it is ready. `started` gets hold of it at once, so that it can be ended at any time.
   * @throws DemoError when it does not get ready, with the end of its log
   */
  static async start(
    plan: ProcessPlan,
    signal: AbortSignal,
    started: (managed: ManagedProcess) => void,
  ): Promise<void> {
    signal.throwIfAborted()
    const managed = new ManagedProcess(plan)
    started(managed)
    await managed.#ready(signal)
  }

  get running(): boolean {
    return this.#running
  }

  /** SIGTERM, and SIGKILL to one that does not end in 4 s. Resolves when it has ended. */
  async stop(): Promise<void> {
    if (!this.#running) return
    this.#ending = true
    this.#child.kill('SIGTERM')
    // A frozen one notices nothing.
    this.#child.kill('SIGCONT')
    const force = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE)
    await this.ended
    clearTimeout(force)
  }

  /** SIGSTOP: it hangs until it is ended. */
  freeze(): void {
    if (this.#running) this.#child.kill('SIGSTOP')
  }

  /** SIGKILL. Resolves when it has ended. */
  async kill(): Promise<void> {
    this.killNow()
    if (this.#running) await this.ended
  }

  /** SIGKILL, without waiting. */
  killNow(): void {
    this.#ending = true
    if (this.#running) this.#child.kill('SIGKILL')
  }

  /** The last lines of its log, for a message; empty when it has written nothing. */
  logTail(): string {
    let text: string
    try {
      text = readFileSync(this.plan.logFile, 'utf8').trimEnd()
    } catch {
      return ''
    }
    if (text === '') return ''
    return `; the end of its log:\n${text
      .split('\n')
      .slice(-TAIL_LINES)
      .map((line) => `  ${line}`)
      .join('\n')}`
  }

  #ready(signal: AbortSignal): Promise<void> {
    const { title, ready } = this.plan
    const stdout = this.#child.stdout as NonNullable<ChildProcess['stdout']>
    let text = ''
    return new Promise((resolve, reject) => {
      const late = () => reject(new DemoError(`${title} is not ready after 30 s${this.logTail()}`))
      const timer = setTimeout(late, START_TIMEOUT)
      const settle = (settled: () => void) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        settled()
      }
      const abort = () => settle(() => reject(signal.reason))
      signal.addEventListener('abort', abort)
      stdout.setEncoding('utf8').on('data', (part: string) => {
        text += part
        if (ready.test(text)) settle(resolve)
      })
      void this.ended.then(() =>
        settle(() => reject(new DemoError(`${title} ended before it was ready${this.logTail()}`))),
      )
    })
  }
}

function moduleFile(program: string): string {
  return fileURLToPath(new URL(`${program}${EXTENSION}`, ROOT))
}

function nodeArguments(): string[] {
  const follow = `--import=${new URL(`./follow-parent${EXTENSION}`, import.meta.url)}`
  // Resolved from here, as --import itself would look in the folder that the demo was started in.
  return FROM_SOURCE ? [`--import=${import.meta.resolve('tsx')}`, follow] : [follow]
}
