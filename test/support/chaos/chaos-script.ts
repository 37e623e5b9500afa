import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../../proxy/base/random.ts'
import type { ChaosEndpoint } from './chaos-endpoint.ts'
import { FAULTS, type Fault } from './fault.ts'

/** Between two events, in milliseconds: so much at least, and as much again at most. */
const PACE = 300
/** How long an endpoint stays as it is before it may be mended, in milliseconds. */
const LEAST = 2000
/** Of ten. */
const MOST_DOWN = 4

/** Breaks endpoints and mends them, at random but for the seed, never more than four at a time. */
export class ChaosScript {
  readonly #endpoints: readonly ChaosEndpoint[]
  readonly #random: Random
  readonly #started = performance.now()
  readonly #mending: Promise<void>[] = []
  /** When those that are broken, and not being mended, were. */
  readonly #since = new Map<ChaosEndpoint, number>()
  #next: Fault[] = []
  /** What was done, with the second it was done in. */
  readonly log: string[] = []
  readonly inflicted = new Map<Fault, number>()

  constructor(endpoints: readonly ChaosEndpoint[], random: Random) {
    this.#endpoints = endpoints
    this.#random = random
  }

  /** Goes on for so long, then mends everything. */
  async run(seconds: number): Promise<void> {
    const end = performance.now() + seconds * 1000
    while (performance.now() < end) {
      await sleep(PACE * (1 + this.#random.next()))
      const broken = this.#endpoints.filter(({ fault }) => fault !== null)
      if (broken.length < MOST_DOWN && this.#random.next() < 0.6) await this.#break()
      else {
        const ripe = broken.filter((endpoint) => this.#isRipe(endpoint))
        if (ripe.length > 0) this.#mend(this.#oneOf(ripe))
      }
    }
    for (const endpoint of [...this.#since.keys()]) this.#mend(endpoint)
    await Promise.all(this.#mending)
  }

  async #break(): Promise<void> {
    const endpoint = this.#oneOf(this.#endpoints.filter(({ fault }) => fault === null))
    // Every fault has its turn before one comes again.
    if (this.#next.length === 0) this.#next = [...FAULTS]
    const fault = this.#oneOf(this.#next)
    this.#next.splice(this.#next.indexOf(fault), 1)
    this.#note(`${endpoint.name}: ${fault}`)
    this.inflicted.set(fault, (this.inflicted.get(fault) ?? 0) + 1)
    this.#since.set(endpoint, performance.now())
    await endpoint.inflict(fault)
  }

  #mend(endpoint: ChaosEndpoint): void {
    // Until it runs again it counts as broken, and is not mended twice.
    this.#since.delete(endpoint)
    this.#note(`${endpoint.name}: mended`)
    // A process takes a while to start, and nobody waits for it.
    this.#mending.push(endpoint.restore())
  }

  #isRipe(endpoint: ChaosEndpoint): boolean {
    return performance.now() - (this.#since.get(endpoint) ?? Number.POSITIVE_INFINITY) >= LEAST
  }

  #oneOf<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random.next() * list.length)] as T
  }

  #note(what: string): void {
    this.log.push(`${((performance.now() - this.#started) / 1000).toFixed(2)} s ${what}`)
  }
}
