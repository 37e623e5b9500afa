import type { Endpoint } from '../balance/endpoint.ts'
import { type Deadline, Timer } from '../base/timer-wheel.ts'
import type { HedgePolicy } from '../policy/hedge.ts'
import { balancerOf } from './affinity.ts'
import type { Attempt } from './attempt.ts'
import type { Cluster } from './cluster.ts'
import { endLife, isOver } from './deadline.ts'
import type { Exchange } from './exchange.ts'
import type { HeldResponse } from './held-response.ts'
import { openAttempt } from './next-attempt.ts'
import { DISCARDED, MAX_ATTEMPTS } from './try-again.ts'

/**
 * Further attempts at a request whose response is late, beside `Exchange.attempt`: the first good answer is the caller's.
 *
 *     a rival answers well            it becomes the attempt, the others are cancelled
 *     any fails while another runs    it is dropped; when it was the attempt, a rival takes its place
 *     the last one fails              as without hedging: another try, or the answer
 */
export class Hedge implements Deadline {
  readonly rivals: Attempt[] = []
  readonly #exchange: Exchange
  readonly #policy: HedgePolicy
  readonly #timer: Timer

  constructor(exchange: Exchange, policy: HedgePolicy, ms: number) {
    this.#exchange = exchange
    this.#policy = policy
    this.#timer = new Timer(this, 0)
    exchange.context.timers.arm(this.#timer, ms)
  }

  /** The response is late. */
  expired(): void {
    const exchange = this.#exchange
    const { attempt } = exchange
    // An idle connection would be taken out of its pool, and nothing be sent over it.
    if (isOver(exchange)) return endLife(exchange)
    // While the next try of a request that failed waits, it is there that it will go on.
    if (attempt !== null && exchange.replayable) {
      // Others may fail as fast as they are asked while one is silent.
      if (1 + this.rivals.length >= this.#policy.attempts || exchange.attempts >= MAX_ATTEMPTS) return
      const cluster = exchange.cluster as Cluster
      const endpoint = this.#pick(attempt)
      if (endpoint === null || !cluster.spendRetry(exchange.context.clock.now())) return
      cluster.stats.hedges += 1
      this.#begin(endpoint)
    }
    if (!exchange.committed && !exchange.done) {
      exchange.context.timers.arm(this.#timer, Math.max(this.#policy.delay, 1))
    }
  }

  #pick(attempt: Attempt): Endpoint | null {
    const exchange = this.#exchange
    const { tried } = exchange
    exchange.tried = [...tried, attempt.endpoint, ...this.rivals.map(({ endpoint }) => endpoint)]
    const endpoint = balancerOf(exchange).pick(exchange)
    exchange.tried = tried
    return endpoint
  }

  #begin(endpoint: Endpoint): void {
    const rival = openAttempt(this.#exchange, endpoint)
    this.rivals.push(rival)
    if (rival.begin(false) === null) return
    rival.release()
    this.leave(rival)
  }

  /** The response to a rival that is kept from the caller, null when there is none. */
  get held(): HeldResponse | null {
    return this.rivals.find(({ held }) => held !== null)?.held ?? null
  }

  /** `attempt` is out; does nothing when it is none of these. */
  leave(attempt: Attempt): void {
    const at = this.rivals.indexOf(attempt)
    if (at >= 0) this.rivals.splice(at, 1)
  }

  /** `attempt`, one of the exchange's, has the answer. */
  won(attempt: Attempt): void {
    const exchange = this.#exchange
    const first = exchange.attempt
    if (first === null || first === attempt) return
    ;(exchange.cluster as Cluster).stats.hedgesWon += 1
    this.leave(attempt)
    this.rivals.push(first)
    exchange.attempt = attempt
  }

  /** The exchange needs no other attempt any more. That it was slower says nothing of an endpoint that is healthy. */
  end(): void {
    const exchange = this.#exchange
    exchange.context.timers.disarm(this.#timer)
    for (const rival of this.rivals.splice(0)) {
      // How long it would have taken is not known, only that it is longer than this.
      if (exchange.committed && rival.sentAt > 0)
        this.#policy.observe(exchange.context.clock.now() - rival.sentAt)
      rival.cancel(DISCARDED)
    }
  }
}
