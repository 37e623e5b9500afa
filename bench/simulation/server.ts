import type { Random } from '../../proxy/base/random.ts'
import type { Distribution } from './distribution.ts'
import type { Event } from './event-queue.ts'
import type { VirtualTime } from './virtual-time.ts'

/** One request at a server. */
export interface Job {
  /** Called when the server has answered. */
  answered(failed: boolean): void
}

export interface ServerOptions {
  /** Requests that it works on at the same time; the others wait their turn. */
  readonly concurrency: number
  /** What one request takes, in milliseconds. */
  readonly service: Distribution
}

/** What is behind an endpoint: so many workers, and a queue in front of them that takes everything. */
export class Server {
  concurrency: number
  service: Distribution
  /** Milliseconds after which every request is answered with an error, without work; null: it works. */
  failsAfter: number | null = null
  /** Share of the requests that end with an error when the work is done, 0 to 1. */
  failing = 0
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #waiting: Job[] = []
  #first = 0
  #busy = 0

  constructor(options: ServerOptions, time: VirtualTime, random: Random) {
    this.concurrency = options.concurrency
    this.service = options.service
    this.#time = time
    this.#random = random
  }

  /** Requests that it works on, or that wait. */
  get load(): number {
    return this.#busy + this.#waiting.length - this.#first
  }

  take(job: Job): void {
    if (this.failsAfter !== null) this.#time.in(this.failsAfter, new Answer(job, true, null))
    else if (this.#busy < this.concurrency) this.#work(job)
    else this.#waiting.push(job)
  }

  /** A worker is free again. */
  finished(): void {
    this.#busy -= 1
    if (this.#first === this.#waiting.length) return
    const job = this.#waiting[this.#first] as Job
    this.#first += 1
    if (this.#first === 1024) {
      this.#waiting.splice(0, this.#first)
      this.#first = 0
    }
    this.#work(job)
  }

  #work(job: Job): void {
    this.#busy += 1
    const failed = this.failing > 0 && this.#random.next() < this.failing
    this.#time.in(this.service(this.#random), new Answer(job, failed, this))
  }
}

class Answer implements Event {
  readonly #job: Job
  readonly #failed: boolean
  /** Whose worker it was, null for none. */
  readonly #server: Server | null

  constructor(job: Job, failed: boolean, server: Server | null) {
    this.#job = job
    this.#failed = failed
    this.#server = server
  }

  happen(): void {
    this.#server?.finished()
    this.#job.answered(this.#failed)
  }
}
