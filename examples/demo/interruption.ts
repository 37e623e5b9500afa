import { Interrupted } from './demo-error.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * A signal within this time after the first is the same wish: under `npm start` one Ctrl-C arrives twice, from the
 * terminal and from npm. Milliseconds.
 */
const SAME_WISH = 700

/** Listens for signals to end: the first aborts `signal` with {@link Interrupted}, a later one calls `force`. */
export class Interruption {
  readonly #controller = new AbortController()
  readonly #force: () => void
  #askedAt = 0

  constructor(force: () => void) {
    this.#force = force
    for (const name of SIGNALS) process.on(name, this.#asked)
    // Nobody reads what the demo prints any more.
    process.stdout.on('error', this.#asked)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Lets signals do what they do by default again. */
  close(): void {
    for (const name of SIGNALS) process.off(name, this.#asked)
  }

  readonly #asked = (): void => {
    const now = performance.now()
    if (!this.signal.aborted) {
      this.#askedAt = now
      this.#controller.abort(new Interrupted('asked to end'))
    } else if (now - this.#askedAt > SAME_WISH) {
      this.#force()
    }
  }
}
