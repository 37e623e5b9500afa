import { type ChildProcess, spawn } from 'node:child_process'
import { Changes } from './changes.ts'

export interface ChildOptions {
  readonly cwd?: string
  /** Added to the environment. */
  readonly env?: Record<string, string>
}

/** A process started by a test. */
export class Child {
  readonly #process: ChildProcess
  readonly #changes = new Changes()
  stdout = ''
  stderr = ''
  #exit: { code: number | null; signal: NodeJS.Signals | null } | null = null

  constructor(command: string, args: readonly string[], options: ChildOptions = {}) {
    this.#process = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#changes.notify()
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#changes.notify()
    })
    this.#process.on('error', (error) => {
      this.stderr += `${error.message}\n`
      this.#ended(null, null)
    })
    // Unlike `exit`, `close` comes after the last output.
    this.#process.on('close', (code, signal) => this.#ended(code, signal))
  }

  /** Process id, 0 when it could not be started. */
  get pid(): number {
    return this.#process.pid ?? 0
  }

  get running(): boolean {
    return this.#exit === null
  }

  /** Waits for a state that its output tells; rejects after 20 s. */
  when(what: string, holds: () => boolean): Promise<void> {
    return this.#changes.when(what, holds)
  }

  /**
   * What a line of either output has that matches `pattern`; rejects with all output when the process ends before, and
   * after `patience` milliseconds, 20 s unless given.
   */
  async line(pattern: RegExp, patience?: number): Promise<RegExpExecArray> {
    const find = () => pattern.exec(completeLines(this.stdout)) ?? pattern.exec(completeLines(this.stderr))
    const isDone = () => find() !== null || this.#exit !== null
    await this.#changes.when(`a line like ${pattern}`, isDone, patience)
    const found = find()
    if (found === null) throw new Error(`ended without a line like ${pattern}: ${this.stdout}${this.stderr}`)
    return found
  }

  /** Waits for the end; the exit code, null when a signal ended it. */
  async exited(): Promise<number | null> {
    await this.#changes.when('the process to end', () => this.#exit !== null)
    return this.#exit?.code ?? null
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Sends a signal, SIGTERM by default, and waits for the end. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#exit === null) this.#process.kill(signal)
    return this.exited()
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    this.#exit = { code, signal }
    this.#changes.notify()
  }
}

function completeLines(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1)
}

/** Runs a TypeScript program of this repository. */
export function runTypeScript(file: string, args: readonly string[], options: ChildOptions = {}): Child {
  return new Child(process.execPath, ['--import=tsx', file, ...args], options)
}
