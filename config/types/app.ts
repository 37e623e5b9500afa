import type { Address } from './address.ts'
import type { HealthConfig } from './upstream.ts'

/** The application that the sidecar starts and watches; durations are milliseconds. */
export interface AppConfig {
  /** Program and arguments; at least one, run without a shell. */
  readonly command: readonly string[]
  /** Absolute path; `null`: where the sidecar was started. */
  readonly cwd: string | null
  /** Added to the sidecar's own environment. */
  readonly env: Readonly<Record<string, string>>
  readonly restart: AppRestartConfig
  /** `null`: ready as soon as it runs. Never `null` when `live` is not. */
  readonly ready: AppReadyConfig | null
  /** `null`: only its end is noticed. */
  readonly live: AppCheckConfig | null
  readonly stop: AppStopConfig
}

export type RestartPolicy = 'on-failure' | 'always' | 'never'

export interface AppRestartConfig {
  readonly policy: RestartPolicy
  readonly backOff: BackOffConfig
  /** `null`: restarted for ever. */
  readonly limit: RestartLimitConfig | null
  readonly onCrashLoop: 'exit' | 'keep'
}

export interface BackOffConfig {
  /** Wait before the first restart. */
  readonly from: number
  /** Longest wait, at least `from`. */
  readonly to: number
  /** Share of a wait that is taken off at random, 0 to 1. */
  readonly jitter: number
}

export interface RestartLimitConfig {
  /** At least 1. */
  readonly restarts: number
  readonly within: number
}

export interface AppCheckConfig {
  readonly address: Address
  readonly check: HealthConfig
}

export interface AppReadyConfig extends AppCheckConfig {
  /** Longest time from its start until it is ready. */
  readonly within: number
}

export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2' | 'SIGKILL'

export interface AppStopConfig {
  readonly signal: StopSignal
  /** From the signal to SIGKILL. */
  readonly grace: number
}
