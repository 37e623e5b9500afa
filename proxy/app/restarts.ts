import type { AppRestartConfig } from '../../config/types/app.ts'
import type { Random } from '../base/random.ts'
import type { RestartCause } from '../telemetry/app-stats.ts'
import { type AppExit, exitCodeOf } from './app-process.ts'
import { BackOff } from './back-off.ts'
import { RestartLimit } from './restart-limit.ts'

/** A run of the application that is over. */
export interface EndedRun {
  readonly exit: AppExit
  /** What it was stopped for, because it failed while it ran; `null`: it ended by itself. */
  readonly blame: 'ready' | 'live' | null
  /** How long it ran, in milliseconds. */
  readonly ranMs: number
}

export type Verdict =
  /** Started again in `wait` milliseconds. */
  | { readonly kind: 'restart'; readonly wait: number }
  /** For good; `exitCode` is what to end with. */
  | { readonly kind: 'end'; readonly exitCode: number }
  /** Restarted too often, and what follows is up to `onCrashLoop`. */
  | { readonly kind: 'crash-loop'; readonly exitCode: number }

/** Exit code for a failure that the application itself did not give one for. */
const EXIT_FAILED = 1

/** What follows the end of the application: policy, limit and back-off. */
export class Restarts {
  readonly #config: AppRestartConfig
  readonly #backOff: BackOff
  readonly #limit: RestartLimit
  /** How long all runs together took, in milliseconds. */
  #ran = 0

  constructor(config: AppRestartConfig, random: Random) {
    this.#config = config
    this.#backOff = new BackOff(config.backOff, random)
    this.#limit = new RestartLimit(config.limit)
  }

  after(run: EndedRun): Verdict {
    // Waits do not count: they grow until no limit within a time would ever be reached.
    this.#ran += run.ranMs
    const { policy } = this.#config
    const code = exitCodeOf(run.exit)
    const failed = hasFailed(run)
    // An application that was stopped because it hung may still end with 0.
    const exitCode = failed && code === 0 ? EXIT_FAILED : code
    if (policy === 'never' || (policy === 'on-failure' && !failed)) return { kind: 'end', exitCode }
    this.#backOff.ran(run.ranMs)
    if (!this.#limit.take(this.#ran)) return { kind: 'crash-loop', exitCode: exitCode || EXIT_FAILED }
    return { kind: 'restart', wait: this.#backOff.next() }
  }
}

export function hasFailed({ exit, blame }: EndedRun): boolean {
  return blame !== null || exit.code !== 0
}

export function causeOf({ exit, blame }: EndedRun): RestartCause {
  if (blame !== null) return blame
  if (exit.error !== null) return 'start'
  return exit.signal === null ? 'exit' : 'signal'
}
