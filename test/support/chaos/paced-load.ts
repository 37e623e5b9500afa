/** How often it looks what is due, in milliseconds. */
const STEP = 10

/** Requests at a steady rate, whatever becomes of those before; each that fails is written down. */
export class PacedLoad {
  readonly #once: (number: number) => Promise<void>
  readonly #perStep: number
  readonly #started = performance.now()
  readonly #timer: NodeJS.Timeout
  readonly #open = new Set<Promise<void>>()
  #due = 0
  #last = performance.now()
  made = 0
  /** Failed requests, with the second they were made in. */
  readonly failures: string[] = []

  /** `rate` per second; `once` makes one request and rejects when it failed. */
  constructor(rate: number, once: (number: number) => Promise<void>) {
    this.#once = once
    this.#perStep = rate / 1000
    this.#timer = setInterval(() => this.#step(), STEP)
  }

  /** Makes no more requests, and waits for those under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
  }

  #step(): void {
    const now = performance.now()
    // After a stall of this process what was missed is not made up for at once.
    this.#due += Math.min(now - this.#last, 10 * STEP) * this.#perStep
    this.#last = now
    for (; this.#due >= 1; this.#due--) this.#make()
  }

  #make(): void {
    const number = this.made
    this.made += 1
    const at = performance.now()
    const one = this.#once(number)
      .catch((error: unknown) => {
        const begun = ((at - this.#started) / 1000).toFixed(2)
        const took = Math.round(performance.now() - at)
        this.failures.push(`${begun} s, after ${took} ms: ${error instanceof Error ? error.message : error}`)
      })
      .finally(() => this.#open.delete(one))
    this.#open.add(one)
  }
}
