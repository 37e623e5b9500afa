import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'

/** What is kept of a process's output for the message when it fails, in characters. */
const OUTPUT_KEPT = 4000
const READY_TIMEOUT_MS = 15_000
const STOP_TIMEOUT_MS = 5_000
const POLL_MS = 20

export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** What the reader of the table must know about this proxy in this scenario. */
  readonly note?: string
}

/** Every process that was started and has not ended; all are stopped when the benchmark ends, however it ends. */
const running = new Set<PinnedProcess>()
let ending = false

/** A process bound to one core. Its output is read and its end part is kept for error messages. */
export class PinnedProcess {
  readonly name: string
  readonly child: ChildProcess
  /** All of standard output when `keepOutput`, otherwise the last part. */
  stdout: string
  stderr: string

  private constructor(
    name: string,
    child: ChildProcess,
    keepOutput: boolean,
    onLine: (line: string) => void,
  ) {
    this.name = name
    this.child = child
    this.stdout = ''
    this.stderr = ''
    let partial = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout = keepOutput ? this.stdout + text : (this.stdout + text).slice(-OUTPUT_KEPT)
      const lines = (partial + text).split('\n')
      partial = lines.pop() ?? ''
      for (const line of lines) onLine(line)
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-OUTPUT_KEPT)
    })
    running.add(this)
    child.once('exit', () => running.delete(this))
    child.once('error', () => running.delete(this))
  }

  /**
   * Starts `launch` on `core`. The process gets a group of its own, so that Ctrl-C reaches the benchmark alone, which
   * then stops its processes in order.
   */
  static start(
    name: string,
    launch: Launch,
    core: number,
    options: { keepOutput?: boolean; onLine?: (line: string) => void } = {},
  ): PinnedProcess {
    if (ending) throw new Error('the benchmark is ending')
    const child = spawn('taskset', ['-c', String(core), launch.command, ...launch.args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...launch.env },
      detached: true,
    })
    return new PinnedProcess(name, child, options.keepOutput ?? false, options.onLine ?? (() => {}))
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined
  }

  /** Waits for the end; returns the exit code, or -1 after a signal. */
  async end(): Promise<number> {
    if (!this.ended) await once(this.child, 'close')
    return this.child.exitCode ?? -1
  }

  /** Resolves when something listens on 127.0.0.1:`port`. Throws when the process ends first or takes over 15 s. */
  async listening(port: number): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS
    while (!listens(port)) {
      if (this.ended) throw new Error(`${this.name} ended before it listened: ${this.lastWords()}`)
      if (Date.now() > deadline) {
        throw new Error(`${this.name} does not listen on 127.0.0.1:${port} after 15 s: ${this.lastWords()}`)
      }
      await pause(POLL_MS)
    }
  }

  /** SIGTERM, and SIGKILL after 5 s. */
  async stop(): Promise<void> {
    if (this.ended) return
    this.child.kill('SIGTERM')
    const timer = setTimeout(() => {
      process.stderr.write(
        `${this.name} did not end within 5 s of SIGTERM and is killed: ${this.lastWords()}\n`,
      )
      this.child.kill('SIGKILL')
    }, STOP_TIMEOUT_MS)
    await this.end()
    clearTimeout(timer)
  }

  /** The last lines of output, on one line. */
  lastWords(): string {
    const text = (this.stderr.trim() || this.stdout.trim()).split('\n').slice(-3).join(' | ')
    return text === '' ? 'no output' : text.slice(-600)
  }
}

/** Stops every process and starts no further one. */
export async function stopAll(): Promise<void> {
  ending = true
  await Promise.all([...running].map((one) => one.stop()))
}

/** Runs a command to its end. Throws an error with the end of its output unless it exits with 0. */
export async function runToEnd(command: string, args: readonly string[], cwd?: string): Promise<void> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  })
  let output = ''
  const keep = (text: Buffer) => {
    output = (output + text.toString()).slice(-OUTPUT_KEPT)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0)
    throw new Error(
      `${command} ${args[0] ?? ''} failed: ${output.trim().split('\n').slice(0, 3).join(' | ')}`,
    )
}

/** Whether `command` is found in PATH or where Debian keeps servers. */
export function installed(command: string): boolean {
  return searchPath().some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Servers of Debian are in /usr/sbin, which is not in every user's PATH. */
export function extendPath(): void {
  process.env['PATH'] = searchPath().join(delimiter)
}

function searchPath(): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return [...new Set([...folders, '/usr/sbin', '/usr/local/sbin'])]
}

/** A port nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free TCP port on 127.0.0.1')
  return address.port
}

/**
 * Read from the kernel's table of sockets: columns are slot, local address (127.0.0.1 in host order), remote address
 * and state, of which 0A is LISTEN. A connection made to find out would be the proxy's first, and a broken one.
 */
function listens(port: number): boolean {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .some((line) => {
      const [, local, , state] = line.trim().split(/\s+/)
      return local === address && state === '0A'
    })
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Binds the benchmark itself to the load core, so that the proxy's core is the proxy's alone. */
export async function pinSelf(core: number): Promise<void> {
  await runToEnd('taskset', ['-a', '-p', '-c', String(core), String(process.pid)])
}

/** How many cores the kernel shows. */
export function coreCount(): number {
  return readFileSync('/proc/stat', 'utf8').match(/^cpu\d+ /gm)?.length ?? 1
}
