import type { Clock } from './base/clock.ts'
import type { Random } from './base/random.ts'
import type { TimerWheel } from './base/timer-wheel.ts'
import type { Log } from './telemetry/log.ts'
import type { LogLimit } from './telemetry/log-limit.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

/** What the whole process shares, whatever the configuration. */
export interface Runtime {
  readonly clock: Clock
  readonly timers: TimerWheel
  readonly random: Random
  /** Where this sidecar runs; null or nothing when nobody said. */
  readonly zone?: string | null
  readonly telemetry: Telemetry
  readonly log: Log
  /** For lines that a caller could cause without end. */
  readonly limitedLog: LogLimit
}
