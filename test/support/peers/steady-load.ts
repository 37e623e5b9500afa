import { setTimeout as sleep } from 'node:timers/promises'
import { Changes } from './changes.ts'

/** What a caller waits between two requests, in milliseconds: the load is to be steady, not the most there can be. */
const PACE = 10

/** Requests made one after the other by a number of callers at once, counted by who answered. */
export class SteadyLoad {
  readonly #changes = new Changes()
  readonly #once: () => Promise<string>
  readonly #callers: Promise<void>[]
  #stopped = false
  /** Answers so far, by the instance that gave them. */
  readonly answers = new Map<string, number>()
  /** What was said of each request that failed. */
  readonly failures: string[] = []

  /** `once` makes one request: it resolves with the instance that answered, and rejects when the request failed. */
  constructor(callers: number, once: () => Promise<string>) {
    this.#once = once
    this.#callers = Array.from({ length: callers }, () => this.#call())
  }

  answered(instance: string): number {
    return this.answers.get(instance) ?? 0
  }

  /** Waits until `instance` has given so many more answers; rejects after 20 s. */
  more(instance: string, answers: number): Promise<void> {
    const target = this.answered(instance) + answers
    return this.#changes.when(
      `${answers} more answers by ${instance}`,
      () => this.answered(instance) >= target,
    )
  }

  /** Lets the requests under way end and makes no more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#callers)
  }

  async #call(): Promise<void> {
    while (!this.#stopped) {
      try {
        const instance = await this.#once()
        this.answers.set(instance, this.answered(instance) + 1)
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error))
      }
      this.#changes.notify()
      await sleep(PACE)
    }
  }
}
