import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { groupLives } from './process-group.ts'

export interface AppCommand {
  /** Program and arguments; at least one. */
  readonly command: readonly string[]
  /** `null`: the folder of this process. */
  readonly cwd: string | null
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv
}

/** How the application ended. Exactly one of the three is not `null`. */
export interface AppExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** It could not even be started. */
  readonly error: NodeJS.ErrnoException | null
}

/** How often it is looked whether the rest of a group is gone, in milliseconds. */
const GROUP_LOOK_MS = 50

/** Told what becomes of a process; nothing is called before the constructor has returned. */
export interface AppProcessOwner {
  /** It runs. */
  spawned(process: AppProcess): void
  /** It is gone, with everything it left in its group. Called once. */
  exited(process: AppProcess, exit: AppExit): void
}

/**
 * One run of the application, at the head of a process group of its own.
 *
 * Its standard output and error are those of this process, handed on as they are: no byte of them passes through here.
 * When it ends by itself, what it leaves behind in its group is killed, as in a container whose first process ends. When it
 * was asked to end, the others of its group have been asked too, and it is gone when they are: a shell around a server ends
 * before the server has. The whole group is killed when this process exits, on whatever way.
 */
export class AppProcess {
  /** 0 when it could not be started. */
  readonly pid: number
  readonly #owner: AppProcessOwner
  #over = false
  /** Has got a signal that it may heed in its own time. */
  #asked = false

  constructor(command: AppCommand, owner: AppProcessOwner) {
    this.#owner = owner
    const child = this.#spawn(command)
    this.pid = child?.pid ?? 0
    if (this.pid > 0) process.on('exit', this.#processExits)
  }

  #spawn({ command, cwd, env }: AppCommand): ChildProcess | null {
    const [program, ...args] = command as [string, ...string[]]
    let child: ChildProcess
    try {
      child = spawn(program, args, {
        ...(cwd === null ? {} : { cwd }),
        env,
        // A group, and a session, of its own: Ctrl-C reaches the sidecar alone, which then ends it in order.
        detached: true,
        stdio: ['ignore', 'inherit', 'inherit'],
      })
    } catch (error) {
      // Some failures, such as arguments that are too long, are thrown; others come as an event.
      process.nextTick(() => this.#gone({ code: null, signal: null, error: error as NodeJS.ErrnoException }))
      return null
    }
    child.on('spawn', () => this.#owner.spawned(this))
    child.on('error', (error) => {
      if (child.pid === undefined) this.#gone({ code: null, signal: null, error })
    })
    child.on('exit', (code, signal) => this.#ended({ code, signal, error: null }))
    return child
  }

  /** Sends a signal to its group; does nothing once it is gone. */
  signal(signal: NodeJS.Signals): void {
    if (this.#over) return
    this.#asked = signal !== 'SIGKILL'
    this.#toGroup(signal)
  }

  /** The first process of the group has ended. */
  #ended(exit: AppExit): void {
    if (this.#asked && groupLives(this.pid)) setTimeout(() => this.#ended(exit), GROUP_LOOK_MS)
    else this.#gone(exit)
  }

  #gone(exit: AppExit): void {
    process.removeListener('exit', this.#processExits)
    this.#toGroup('SIGKILL')
    this.#over = true
    this.#owner.exited(this, exit)
  }

  readonly #processExits = (): void => {
    this.#toGroup('SIGKILL')
  }

  #toGroup(signal: NodeJS.Signals): void {
    if (this.pid === 0) return
    try {
      process.kill(-this.pid, signal)
    } catch {
      // ESRCH: nobody is left. EPERM: whoever is left has become another user, and is not ours to end.
    }
  }
}

/** The exit code that a shell would give: 128 and the number of the signal, 127 and 126 for what could not be started. */
export function exitCodeOf({ code, signal, error }: AppExit): number {
  if (error !== null) return error.code === 'ENOENT' ? 127 : 126
  if (signal !== null) return 128 + constants.signals[signal]
  return code ?? 1
}

/** The end of a sentence that begins with "the application". */
export function exitText({ code, signal, error }: AppExit): string {
  if (error !== null) return `could not be started: ${startFailure(error)}`
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`
}

const FAILURES: Readonly<Record<string, string>> = {
  ENOENT: 'no such program or folder',
  EACCES: 'this user may not execute it, or may not enter its folder',
  EPERM: 'this user may not execute it',
  ENOTDIR: 'its folder is no folder',
  ENOEXEC: 'it is no program: neither a binary of this machine, nor a script that begins with #!',
  E2BIG: 'its arguments and environment are too long',
  EAGAIN: 'this user has too many processes',
  EMFILE: 'this process has no file descriptor left',
  ENOMEM: 'there is not enough memory',
}

function startFailure(error: NodeJS.ErrnoException): string {
  const known = FAILURES[error.code ?? '']
  return known === undefined ? error.message : `${known} (${error.code})`
}
