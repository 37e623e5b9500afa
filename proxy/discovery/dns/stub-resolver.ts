import type { ResolverAddress } from '../../../config/types/discovery.ts'
import type { TimerWheel } from '../../base/timer-wheel.ts'
import { type DnsResult, type FinalResult, MAX_ALIASES, readReply, TOO_LONG } from './answer.ts'
import { FORMAT_ERROR, NOT_IMPLEMENTED, type Question, type Wanted } from './message.ts'
import { Query, type QueryResult } from './query.ts'

export interface Servers {
  /** At least one, asked in this order. */
  readonly servers: readonly ResolverAddress[]
  /** For one server to answer, in milliseconds. */
  readonly timeoutMs: number
  /** Rounds through the servers, at least one. */
  readonly attempts: number
}

/** Asks recursive name servers, the next one when one fails. */
export class StubResolver {
  readonly #timers: TimerWheel
  readonly #queries = new Set<Query>()
  #stopped = false

  constructor(timers: TimerWheel) {
    this.#timers = timers
  }

  /** Ends what is under way: promises of it are never settled. */
  stop(): void {
    this.#stopped = true
    for (const query of this.#queries) query.cancel()
    this.#queries.clear()
  }

  /** The records of exactly this name, and of what it is an alias of. Never rejects. */
  async resolve(name: string, type: Wanted, from: Servers): Promise<FinalResult> {
    let question: Question = { name, type }
    let ttl = Number.POSITIVE_INFINITY
    for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
      const result = await this.#ask(question, from)
      if (result.kind === 'failed') return result
      ttl = Math.min(ttl, result.ttl)
      if (result.kind !== 'alias') return { ...result, ttl }
      question = { name: result.name, type }
    }
    return TOO_LONG
  }

  async #ask(question: Question, { servers, timeoutMs, attempts }: Servers): Promise<DnsResult> {
    let last: DnsResult = { kind: 'failed', code: 'unreachable', why: 'no name server is known' }
    for (let attempt = 0; attempt < attempts; attempt++) {
      for (const server of servers) {
        const result = await this.#query(question, server, timeoutMs)
        last =
          'failure' in result
            ? { kind: 'failed', code: result.failure, why: result.why }
            : readReply(result, question)
        if (last.kind !== 'failed') return last
      }
    }
    return last
  }

  async #query(question: Question, server: ResolverAddress, timeoutMs: number): Promise<QueryResult> {
    const first = await this.#send(question, server, timeoutMs, true)
    // Servers from before EDNS (RFC 6891 §7).
    if ('failure' in first || (first.code !== FORMAT_ERROR && first.code !== NOT_IMPLEMENTED)) return first
    return this.#send(question, server, timeoutMs, false)
  }

  #send(question: Question, server: ResolverAddress, timeoutMs: number, edns: boolean): Promise<QueryResult> {
    return new Promise((resolve) => {
      if (this.#stopped) return
      const options = { server, question, edns, timeoutMs, timers: this.#timers }
      try {
        const query: Query = new Query(options, (result) => {
          this.#queries.delete(query)
          resolve(result)
        })
        this.#queries.add(query)
      } catch (error) {
        resolve({ failure: 'unreachable', why: `${question.name}: ${(error as Error).message}` })
      }
    })
  }
}
