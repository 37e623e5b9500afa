import type { AppConfig } from '../../config/types/app.ts'
import type { CheckRuntime } from '../balance/health-check/check.ts'
import { type Deadline, Timer } from '../base/timer-wheel.ts'
import type { AppStats, RestartCause } from '../telemetry/app-stats.ts'
import type { Logger } from '../telemetry/log.ts'
import { AppCheck } from './app-check.ts'
import { type AppCommand, type AppExit, AppProcess, type AppProcessOwner, exitText } from './app-process.ts'
import { causeOf, type EndedRun, hasFailed, Restarts, type Verdict } from './restarts.ts'
import { SteppedTimer } from './stepped-timer.ts'

export interface SupervisorOptions {
  readonly config: AppConfig
  readonly runtime: CheckRuntime
  readonly stats: AppStats
  readonly log: Logger
  /** The whole environment of the application, asked for at each start. */
  readonly env: () => NodeJS.ProcessEnv
  /** The application has ended for good; with the exit code to end with. */
  readonly ended: (exitCode: number) => void
  /** Starts a process; tests hand in another. */
  readonly launch?: (command: AppCommand, owner: AppProcessOwner) => AppProcess
}

/**
 * ```
 *   idle -> starting -> ready <-> unready
 *              |          |         |        a check fails for good, or the sidecar drains
 *              +----------+---------+----------> stopping
 *              | ends                               | ends
 *              +--------------> waiting <-----------+        -> starting
 *              +--------------> failed   (crash loop, kept)
 *              +--------------> over     (not started again)
 * ```
 */
type State = 'idle' | 'starting' | 'ready' | 'unready' | 'stopping' | 'waiting' | 'failed' | 'over'

const RESTART = 0
const READY_OVERDUE = 1
const KILL = 2
const GIVE_UP = 3

/** Checks come at least so often until the application is ready, in milliseconds. */
const STARTING_INTERVAL = 250

/** How long the end of a killed application is waited for, in milliseconds: one that hangs in the kernel has none. */
const KILLED_PATIENCE = 1000

/** Starts the application, watches it, starts it again when it fails, and stops it in the end. */
export class Supervisor implements AppProcessOwner, Deadline {
  readonly #options: SupervisorOptions
  readonly #config: AppConfig
  readonly #launch: NonNullable<SupervisorOptions['launch']>
  readonly #restarts: Restarts
  readonly #ready: AppCheck | null
  readonly #live: AppCheck | null
  readonly #restartTimer = new Timer(this, RESTART)
  readonly #readyTimer: SteppedTimer
  readonly #killTimer = new Timer(this, KILL)
  readonly #giveUpTimer = new Timer(this, GIVE_UP)
  #state: State = 'idle'
  #process: AppProcess | null = null
  /** Monotonic milliseconds of the last start. */
  #startedAt = 0
  #restarted = 0
  /** What the run is stopped for, when it failed rather than ended. */
  #blame: EndedRun['blame'] = null
  /** What the next restart is for. */
  #cause: RestartCause = 'exit'
  /** Never started again. */
  #retired = false
  #lastExit: string | null = null
  #gone: (() => void) | null = null

  constructor(options: SupervisorOptions) {
    const { config, runtime } = options
    this.#options = options
    this.#config = config
    this.#launch = options.launch ?? ((command, owner) => new AppProcess(command, owner))
    this.#restarts = new Restarts(config.restart, runtime.random)
    this.#readyTimer = new SteppedTimer(this, READY_OVERDUE, runtime.wheel)
    const { ready, live } = config
    this.#ready = ready && new AppCheck(ready, runtime, (healthy, why) => this.#readiness(healthy, why))
    this.#live = live && new AppCheck(live, runtime, (healthy, why) => this.#liveness(healthy, why))
  }

  start(): void {
    const { config, stats, env, runtime } = this.#options
    this.#blame = null
    this.#startedAt = runtime.clock.now()
    stats.startedAt = runtime.clock.wall()
    this.#become('starting')
    this.#process = this.#launch({ command: config.command, cwd: config.cwd, env: env() }, this)
  }

  spawned(process: AppProcess): void {
    const { config, log } = this.#options
    log.info({ pid: process.pid, command: config.command[0] }, 'the application is started')
    if (this.#state !== 'starting') return
    if (this.#ready === null) {
      this.#becomeReady('it runs')
      return
    }
    this.#ready.start('unknown', STARTING_INTERVAL)
    this.#readyTimer.arm(config.ready?.within ?? 0)
  }

  exited(process: AppProcess, exit: AppExit): void {
    const { log, runtime } = this.#options
    const now = runtime.clock.now()
    const run = { exit, blame: this.#blame, ranMs: now - this.#startedAt }
    const asked = this.#retired && this.#state === 'stopping'
    this.#process = null
    this.#rest()
    this.#lastExit = exitText(exit)
    const { code, signal, error } = exit
    const fields = { pid: process.pid, code, signal, ms: Math.round(run.ranMs), ...(error && { err: error }) }
    if (asked || !hasFailed(run)) log.info(fields, `the application ${this.#lastExit}`)
    else log.error(fields, `the application ${this.#lastExit}`)
    if (this.#retired) this.#become('over')
    else this.#goOn(run, this.#restarts.after(run))
    this.#gone?.()
  }

  #goOn(run: EndedRun, verdict: Verdict): void {
    const { config, log, runtime } = this.#options
    if (verdict.kind === 'restart') {
      this.#become('waiting')
      this.#cause = causeOf(run)
      runtime.wheel.arm(this.#restartTimer, verdict.wait)
      log.warn({ cause: this.#cause }, `the application is started again in ${Math.round(verdict.wait)} ms`)
      return
    }
    const keep = verdict.kind === 'crash-loop' && config.restart.onCrashLoop === 'keep'
    if (verdict.kind === 'crash-loop') {
      const { restarts = 0, within = 0 } = config.restart.limit ?? {}
      const often = `${restarts} restarts within ${within / 1000} s were not enough`
      const then = keep ? 'it is not started again' : 'the sidecar ends too'
      log.error({}, `the application is in a crash loop: ${often}, ${then}`)
    }
    this.#become(keep ? 'failed' : 'over')
    if (!keep) this.#options.ended(verdict.exitCode)
  }

  /** From now on an end of the application is the last one. One that waits to be started again is not started. */
  retire(): void {
    this.#retired = true
    if (this.#process !== null) return
    this.#rest()
    this.#become('over')
  }

  /**
   * Ends the application within `ms` milliseconds, at most the grace it has: with its signal, then with SIGKILL.
   * Resolves when it is gone; also a second after it was killed, if the system keeps it even then.
   */
  stop(ms: number): Promise<void> {
    this.retire()
    const process = this.#process
    if (process === null) return Promise.resolve()
    return new Promise((resolve) => {
      this.#gone = resolve
      this.#terminate(process, Math.min(ms, this.#config.stop.grace))
    })
  }

  /** Kills what runs, and ends all watching; what follows an orderly `stop` too. */
  close(): void {
    this.#retired = true
    this.#rest()
    this.#process?.signal('SIGKILL')
  }

  /** Asks it to end. One that has been asked already only gets another time limit. */
  #terminate(process: AppProcess, grace: number): void {
    const { signal } = this.#config.stop
    if (this.#state !== 'stopping') {
      this.#rest()
      this.#become('stopping')
      process.signal(signal)
    }
    this.#options.runtime.wheel.arm(this.#killTimer, grace)
  }

  #readiness(healthy: boolean, why: string): void {
    const { log } = this.#options
    if (healthy && this.#state === 'starting') this.#becomeReady(why)
    else if (healthy && this.#state === 'unready') {
      this.#become('ready')
      log.info({}, `the application is ready again: ${why}`)
    } else if (!healthy && this.#state === 'ready') {
      this.#become('unready')
      log.warn({}, `the application is not ready any more: ${why}`)
    }
  }

  #becomeReady(why: string): void {
    const { log, runtime } = this.#options
    this.#readyTimer.disarm()
    this.#become('ready')
    const ms = Math.round(runtime.clock.now() - this.#startedAt)
    log.info({ ms }, `the application is ready: ${why}`)
    this.#ready?.start('healthy')
    this.#live?.start('healthy')
  }

  #liveness(healthy: boolean, why: string): void {
    if (!healthy) this.#fail('live', `the application does not live: ${why}`)
  }

  /** Stops an application that runs, and yet fails. */
  #fail(blame: 'ready' | 'live', why: string): void {
    if (this.#process === null || this.#state === 'stopping') return
    this.#options.log.error({ pid: this.#process.pid }, `${why}: it is stopped`)
    this.#blame = blame
    this.#terminate(this.#process, this.#config.stop.grace)
  }

  expired(kind: number): void {
    const { config, log, runtime } = this.#options
    if (kind === RESTART) {
      this.#restarted += 1
      this.#options.stats.restarts[this.#cause].value += 1
      this.start()
    } else if (kind === READY_OVERDUE) {
      const last = this.#ready?.lastCheck || 'no check has come to an end'
      this.#fail(
        'ready',
        `the application is not ready after ${(config.ready?.within ?? 0) / 1000} s: ${last}`,
      )
    } else if (kind === KILL) {
      log.warn({ pid: this.#process?.pid }, 'the application did not end in time: it is killed')
      this.#process?.signal('SIGKILL')
      runtime.wheel.arm(this.#giveUpTimer, KILLED_PATIENCE)
    } else if (this.#retired) {
      log.error(
        { pid: this.#process?.pid },
        'the application is still there after SIGKILL: left to the system',
      )
      this.#gone?.()
    }
  }

  /** Ends checks and deadlines. */
  #rest(): void {
    const { wheel } = this.#options.runtime
    this.#ready?.stop()
    this.#live?.stop()
    this.#readyTimer.disarm()
    for (const timer of [this.#restartTimer, this.#killTimer, this.#giveUpTimer]) wheel.disarm(timer)
  }

  #become(state: State): void {
    this.#state = state
    this.#options.stats.up = state === 'ready'
  }

  /** Why requests are not welcome, a sentence; `null` when they are. */
  problem(): string | null {
    const ended = `the application ${this.#lastExit}`
    const last = this.#ready?.lastCheck ?? ''
    const why = last === '' ? '' : `: ${last}`
    const problems: Readonly<Record<State, string | null>> = {
      idle: 'the application is not started yet',
      starting: `the application is starting${why}`,
      ready: null,
      unready: `the application is not ready${why}`,
      stopping: 'the application is being stopped',
      waiting: `${ended} and is about to be started again`,
      failed: `${ended}, too often to be started again`,
      over: 'the application has ended',
    }
    return problems[this.#state]
  }

  /** For the admin server. */
  view(): unknown {
    const { stats } = this.#options
    return {
      state: this.#state,
      pid: this.#process?.pid ?? null,
      startedAt: stats.startedAt > 0 ? new Date(stats.startedAt).toISOString() : null,
      restarts: this.#restarted,
      lastExit: this.#lastExit,
      lastReadyCheck: this.#ready?.lastCheck ?? null,
      lastLiveCheck: this.#live?.lastCheck ?? null,
    }
  }
}
