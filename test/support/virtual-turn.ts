/**
 * The end of the event loop's turn, called by the test: what the code under test hands to setImmediate waits until `end`.
 * So thousands of connections run one after another without leaving the test's own turn.
 */
export class VirtualTurn {
  #waiting: (() => void)[] = []
  readonly #real = globalThis.setImmediate

  /** From now until `restore`. */
  install(): void {
    const queue = (callback: () => void): void => {
      this.#waiting.push(callback)
    }
    globalThis.setImmediate = queue as unknown as typeof setImmediate
  }

  restore(): void {
    globalThis.setImmediate = this.#real
  }

  /** Ends the turn, and those that this leads to. Throws when they never end. */
  end(): void {
    for (let turns = 0; this.#waiting.length > 0; turns++) {
      if (turns > 1000) throw new Error('a thousand turns of the event loop and no end')
      const due = this.#waiting
      this.#waiting = []
      for (const callback of due) callback()
    }
  }
}
