import type { Labels, Samples } from './samples.ts'

/** Why the application was started again; docs/app.md says when. */
export type RestartCause = 'exit' | 'signal' | 'start' | 'ready' | 'live'

interface Count {
  readonly labels: Labels
  value: number
}

const none = (cause: RestartCause): Count => ({ labels: { cause }, value: 0 })

/** The application that the sidecar runs. */
export class AppStats {
  /** Runs and is ready. */
  up: boolean
  /** When it was last started, in milliseconds since 1970; 0 before the first. */
  startedAt: number
  /** Each is there from the beginning: the first of a kind would not be a rise otherwise. */
  readonly restarts: Readonly<Record<RestartCause, Count>>

  constructor() {
    this.up = false
    this.startedAt = 0
    this.restarts = {
      exit: none('exit'),
      signal: none('signal'),
      start: none('start'),
      ready: none('ready'),
      live: none('live'),
    }
  }

  collectRestarts(samples: Samples): void {
    for (const { labels, value } of Object.values(this.restarts)) samples.add(value, labels)
  }
}
