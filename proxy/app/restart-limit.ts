import type { RestartLimitConfig } from '../../config/types/app.ts'

/** So many restarts within a sliding time, and no more: what comes beyond is a crash loop. */
export class RestartLimit {
  readonly #options: RestartLimitConfig | null
  /** When the last restarts were, in milliseconds, the oldest first; never more than `restarts`. */
  readonly #times: number[] = []

  /** `null`: no limit. */
  constructor(options: RestartLimitConfig | null) {
    this.#options = options
  }

  /** Whether one more restart is within the limit at `now`, in milliseconds on a clock that never goes back; it then counts. */
  take(now: number): boolean {
    if (this.#options === null) return true
    const { restarts, within } = this.#options
    while (this.#times.length > 0 && now - (this.#times[0] as number) >= within) this.#times.shift()
    if (this.#times.length >= restarts) return false
    this.#times.push(now)
    return true
  }
}
