import { type FSWatcher, type Stats, statSync, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { EndpointConfig } from '../../config/types/upstream.ts'
import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'
import type { EndpointSource, SourceListener } from './endpoint-source.ts'

export interface FileSourceOptions {
  /** Absolute path. */
  readonly file: string
  /** Reads and checks it; the problems have their places in the file. */
  readonly load: (
    file: string,
  ) =>
    | { readonly ok: true; readonly endpoints: readonly EndpointConfig[] }
    | { readonly ok: false; readonly readable: boolean; readonly problems: readonly string[] }
  readonly timers: TimerWheel
}

/** Every so often the file is looked at in any case, in milliseconds: not every file system tells of changes. */
const POLL_MS = 5000
/** A file is read when nothing has moved in its folder for this time, in milliseconds. */
const QUIET_MS = 100
/** And at the latest after this time, in milliseconds: other files there may never rest. */
const UNREST_MS = 1000
/** Problems that a failure names. */
const NAMED = 3

const POLL = 0
const QUIET = 1

/**
 * Endpoints from a file that somebody else writes. Its folder is watched rather than the file, because files are replaced:
 * editors and `mv` put another file in its place, Kubernetes swaps a link above it.
 */
export class FileSource implements EndpointSource, Deadline {
  readonly kind = 'file'
  readonly subject: string
  readonly patient = false
  readonly #options: FileSourceOptions
  readonly #poll = new Timer(this, POLL)
  readonly #quiet = new Timer(this, QUIET)
  #listener: SourceListener | null = null
  #watcher: FSWatcher | null = null
  /** What the file was like when it was read last. */
  #seen = ''
  #stirredAt = 0

  constructor(options: FileSourceOptions) {
    this.#options = options
    this.subject = `the file ${options.file}`
  }

  start(listener: SourceListener): void {
    this.#listener = listener
    this.#watch()
    this.#read()
    this.#options.timers.arm(this.#poll, POLL_MS)
  }

  stop(): void {
    this.#listener = null
    this.#watcher?.close()
    this.#watcher = null
    this.#options.timers.disarm(this.#poll)
    this.#options.timers.disarm(this.#quiet)
  }

  /** What is written there is all there is. */
  doubt(): void {}

  expired(kind: number): void {
    if (kind === QUIET) {
      if (fingerprint(this.#options.file) !== this.#seen) this.#read()
      return
    }
    this.#options.timers.arm(this.#poll, POLL_MS)
    if (this.#watcher === null) this.#watch()
    void this.#look()
  }

  #watch(): void {
    try {
      // Not persistent: a file that is watched is no reason for the process to stay.
      this.#watcher = watch(dirname(this.#options.file), { persistent: false }, () => this.#stir())
      this.#watcher.on('error', () => this.#unwatch())
    } catch {
      // No such folder, or no more watches to be had: it is polled.
      this.#watcher = null
    }
  }

  #unwatch(): void {
    this.#watcher?.close()
    this.#watcher = null
  }

  /** Something moved in the folder. */
  #stir(): void {
    if (this.#listener === null) return
    const { timers } = this.#options
    const now = timers.now()
    if (this.#quiet.due < 0) this.#stirredAt = now
    if (this.#quiet.due < 0 || now - this.#stirredAt < UNREST_MS) timers.arm(this.#quiet, QUIET_MS)
  }

  /** Off the event loop, because a file system over a network may be slow to tell that nothing has changed. */
  async #look(): Promise<void> {
    const seen = await stat(this.#options.file).then(identify, nameError)
    if (seen !== this.#seen) this.#stir()
  }

  #read(): void {
    const { file, load } = this.#options
    const listener = this.#listener as SourceListener
    // Before it is read: a change meanwhile is then seen as one.
    this.#seen = fingerprint(file)
    const result = load(file)
    if (!result.ok) {
      const more = result.problems.length - NAMED
      const problems = result.problems.slice(0, NAMED).join('; ')
      const text = more > 0 ? `${problems}; and ${more} more` : problems
      listener.failed(result.readable ? 'invalid' : 'unreadable', text)
    } else if (result.endpoints.length === 0) listener.empty('the list is empty')
    else listener.found(result.endpoints)
  }
}

/** Changes with the file's contents, and when another file takes its place. */
function fingerprint(file: string): string {
  try {
    return identify(statSync(file))
  } catch (error) {
    return nameError(error)
  }
}

function identify({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ')
}

function nameError(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code)
}
