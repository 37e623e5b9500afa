/** How long `when` waits before it gives up, in milliseconds: far longer than any of it takes. */
const PATIENCE = 20_000

interface Waiter {
  readonly holds: () => boolean
  readonly resolve: () => void
}

/** Lets a test wait for a state of a peer instead of sleeping. */
export class Changes {
  readonly #waiters = new Set<Waiter>()

  /** To be called after every change of state. */
  notify(): void {
    for (const waiter of this.#waiters) {
      if (waiter.holds()) waiter.resolve()
    }
  }

  /**
   * Resolves when `holds` does (at once, or after a later change); rejects with `what` in the message after `patience`
   * milliseconds, 20 s unless given.
   */
  when(what: string, holds: () => boolean, patience = PATIENCE): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter)
        reject(new Error(`waited ${patience / 1000} s in vain for: ${what}`))
      }, patience)
      const waiter: Waiter = {
        holds,
        resolve: () => {
          clearTimeout(timer)
          this.#waiters.delete(waiter)
          resolve()
        },
      }
      this.#waiters.add(waiter)
    })
  }
}
