import type { Screen } from './screen.ts'

/** Checks made one after the other, a line for each. */
export class Checklist {
  #passed = 0
  #failed = 0
  readonly #screen: Screen
  readonly #signal: AbortSignal

  constructor(screen: Screen, signal: AbortSignal) {
    this.#screen = screen
    this.#signal = signal
  }

  get passed(): number {
    return this.#passed
  }

  get failed(): number {
    return this.#failed
  }

  /**
   * Prints `✓ title: what was observed`, or `✗ title: what is wrong` when `observe` rejects. Rejects only when the
   * demo is to end.
   */
  async check(title: string, observe: () => Promise<string>): Promise<void> {
    try {
      this.#screen.say(`✓ ${title}: ${await observe()}`)
      this.#passed += 1
    } catch (error) {
      this.#signal.throwIfAborted()
      this.#screen.say(`✗ ${title}: ${error instanceof Error ? error.message : String(error)}`)
      this.#failed += 1
    }
  }
}

/** @throws Error with `message` unless `condition` holds */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}
