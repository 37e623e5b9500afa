import type { Random } from '../../../proxy/base/random.ts'
import type { ConcurrencyLimit } from '../../../proxy/policy/concurrency-limit.ts'

/** What a simulated server does, and what is asked of it. Times in milliseconds. */
export interface Load {
  /** Requests it works on at a time; further ones wait in its queue, first come, first served. */
  capacity: number
  /** Mean time that it works on one. */
  service: number
  /** Share of the requests that take fifteen times as long as the others, 0 to 1; by default none. */
  long?: number
  /** Mean requests per second, which come at random (Poisson). */
  rate: number
  /** A response that took longer is of no use to its caller. */
  patience: number
}

export interface Figures {
  /** Responses in time, per second. */
  readonly goodput: number
  /** Share of the requests that were refused, 0 to 1. */
  readonly refused: number
  /** Of all responses, in milliseconds. */
  readonly median: number
  readonly p99: number
  /** Mean of the limit, each millisecond that a request came. */
  readonly limit: number
}

const ARRIVAL = 0
const DEPARTURE = 1

/** A server with a queue, in virtual time, behind a limit on concurrency or none. */
export class QueueServer {
  now = 0
  readonly load: Load
  readonly #limit: ConcurrencyLimit | null
  readonly #random: Random
  /** A heap of what happens: time, kind, beginning of the request. */
  readonly #events: [at: number, kind: number, from: number][] = []
  readonly #queue: number[] = []
  #queueHead = 0
  #working = 0
  #arrived = 0
  #refused = 0
  #limits = 0
  #latencies: number[] = []

  constructor(load: Load, limit: ConcurrencyLimit | null, random: Random) {
    this.load = load
    this.#limit = limit
    this.#random = random
    this.#schedule(0, ARRIVAL, 0)
  }

  /** Requests per second that it can do. */
  get throughput(): number {
    return (this.load.capacity / this.load.service) * 1000
  }

  /** Lets `ms` pass and tells what happened meanwhile. */
  run(ms: number): Figures {
    const until = this.now + ms
    this.#arrived = 0
    this.#refused = 0
    this.#limits = 0
    this.#latencies = []
    while ((this.#events[0] as [number, number, number])[0] <= until) {
      const [at, kind, from] = this.#pop()
      this.now = at
      if (kind === ARRIVAL) this.#arrive()
      else this.#depart(from)
    }
    this.now = until
    const sorted = this.#latencies.sort((a, b) => a - b)
    return {
      goodput: sorted.filter((latency) => latency <= this.load.patience).length / (ms / 1000),
      refused: this.#refused / Math.max(1, this.#arrived),
      median: sorted[sorted.length >> 1] ?? 0,
      p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      limit: this.#limits / Math.max(1, this.#arrived),
    }
  }

  #arrive(): void {
    this.#schedule(this.now + this.#exponential(1000 / this.load.rate), ARRIVAL, 0)
    this.#arrived += 1
    const limit = this.#limit
    if (limit !== null) {
      this.#limits += limit.stats.limit
      if (!limit.hasRoom) {
        limit.refuse()
        this.#refused += 1
        return
      }
      limit.enter()
    }
    this.#queue.push(this.now)
    this.#serve()
  }

  #depart(from: number): void {
    this.#working -= 1
    this.#latencies.push(this.now - from)
    this.#limit?.leave(from, this.now, true)
    this.#serve()
  }

  #serve(): void {
    const { capacity } = this.load
    while (this.#working < capacity && this.#queueHead < this.#queue.length) {
      const from = this.#queue[this.#queueHead++] as number
      this.#working += 1
      this.#schedule(this.now + this.#duration(), DEPARTURE, from)
    }
    if (this.#queueHead > 10_000) {
      this.#queue.splice(0, this.#queueHead)
      this.#queueHead = 0
    }
  }

  /** Half of the time is the same for all, half of it distributed exponentially. */
  #duration(): number {
    const { service, long = 0 } = this.load
    const short = service / (1 + 14 * long)
    const mean = this.#random.next() < long ? 15 * short : short
    return mean / 2 + this.#exponential(mean / 2)
  }

  #exponential(mean: number): number {
    return -Math.log(1 - this.#random.next()) * mean
  }

  #schedule(at: number, kind: number, from: number): void {
    const heap = this.#events
    let i = heap.length
    heap.push([at, kind, from])
    while (i > 0) {
      const parent = (i - 1) >> 1
      if ((heap[parent] as number[])[0]! <= at) break
      ;[heap[i], heap[parent]] = [heap[parent]!, heap[i]!]
      i = parent
    }
  }

  #pop(): [number, number, number] {
    const heap = this.#events
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    heap[0] = last
    for (let i = 0; ; ) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && heap[child]![0] < heap[least]![0]) least = child
      }
      if (least === i) return first
      ;[heap[i], heap[least]] = [heap[least]!, heap[i]!]
      i = least
    }
  }
}
