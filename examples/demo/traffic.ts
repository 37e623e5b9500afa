/** What a call brought back. */
export interface Answer {
  /** The instance that gave it. */
  readonly instance: string
  readonly text: string
}

/** The latest calls, from which the percentiles are taken. */
const LATENCIES = 512
/** Calls at a time; beyond, the pace slows down. */
const MAX_OPEN = 32

/** Calls made at a steady pace, with what became of them. */
export class Traffic {
  readonly name: string
  /** Calls that have ended. */
  calls = 0
  /** Those of them that failed. */
  errors = 0
  /** What the last failed call said; empty when none has failed. */
  lastError = ''
  /** Calls answered, by instance. */
  readonly byInstance = new Map<string, number>()
  readonly #call: (nth: number) => Promise<Answer>
  readonly #latencies: number[] = []
  readonly #open = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | null = null
  #perSecond = 0
  #begun = 0

  /** @param call makes the call with this number, from 0 */
  constructor(name: string, call: (nth: number) => Promise<Answer>) {
    this.name = name
    this.#call = call
  }

  start(perSecond: number): void {
    this.#perSecond = perSecond
    this.#timer = setInterval(() => {
      if (this.#open.size < MAX_OPEN) this.#begin()
    }, 1000 / perSecond)
  }

  /** Makes no further calls, and waits for those under way. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    await Promise.all(this.#open)
  }

  /** Acts when no call is under way: waits for those that are, and makes no further ones before. */
  async between(act: () => void): Promise<void> {
    await this.stop()
    act()
    this.start(this.#perSecond)
  }

  /** Milliseconds that `share` (0 to 1) of the latest calls took at most; null before the first. */
  percentile(share: number): number | null {
    if (this.#latencies.length === 0) return null
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number
  }

  #begin(): void {
    const nth = this.#begun
    this.#begun += 1
    const call = this.#record(nth).finally(() => this.#open.delete(call))
    this.#open.add(call)
  }

  async #record(nth: number): Promise<void> {
    const from = performance.now()
    try {
      const { instance } = await this.#call(nth)
      this.byInstance.set(instance, (this.byInstance.get(instance) ?? 0) + 1)
    } catch (error) {
      this.errors += 1
      this.lastError = error instanceof Error ? error.message : String(error)
    }
    this.#latencies[this.calls % LATENCIES] = performance.now() - from
    this.calls += 1
  }
}
