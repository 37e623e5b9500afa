import type { BackOffConfig } from '../../config/types/app.ts'
import type { Random } from '../base/random.ts'

/** Waits that double from one restart to the next, up to a longest one, each shortened by a random share. */
export class BackOff {
  readonly #options: BackOffConfig
  readonly #random: Random
  /** The next wait before its random share is taken off. */
  #wait: number

  constructor(options: BackOffConfig, random: Random) {
    this.#options = options
    this.#random = random
    this.#wait = options.from
  }

  /** The next wait in milliseconds. */
  next(): number {
    const { to, jitter } = this.#options
    const wait = Math.min(to, this.#wait)
    // Beyond the longest it would grow without end.
    this.#wait = Math.min(to, wait * 2)
    return wait * (1 - jitter * this.#random.next())
  }

  /** Starts anew if what was restarted has lasted: `ms` is how long it ran. */
  ran(ms: number): void {
    if (ms >= 2 * this.#options.to) this.#wait = this.#options.from
  }
}
