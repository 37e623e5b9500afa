import type { Random } from '../base/random.ts'
import { AliasTable } from './alias-table.ts'
import type { Endpoint } from './endpoint.ts'
import { type SlowStart, WARM_DRAWS } from './slow-start.ts'
import type { Tier } from './tier.ts'

/** Further draws for a second choice that differs from the first, when weights make the same one likely. */
const SECOND_DRAWS = 3

/** Draws from a tier's candidates by weight, in constant time; what the policies that draw have in common. */
export class CandidateDraw {
  candidates: readonly Endpoint[] = []
  readonly #tier: Tier
  readonly #random: Random
  readonly #slowStart: SlowStart | null
  #version = 0
  /** `null` while all weights are the same. */
  #table: AliasTable | null = null

  constructor(tier: Tier, random: Random, slowStart: SlowStart | null) {
    this.#tier = tier
    this.#random = random
    this.#slowStart = slowStart
  }

  /** Brings `candidates` up to date, in time linear in their number; returns whether anything had changed. */
  follow(): boolean {
    if (this.#version === this.#tier.version) return false
    this.#version = this.#tier.version
    this.candidates = this.#tier.candidates()
    this.#table = this.#tier.equalWeights()
      ? null
      : new AliasTable(this.candidates.map((endpoint) => endpoint.weight))
    return true
  }

  /** Index of a candidate; there has to be one. */
  next(): number {
    let at = this.#draw()
    const slowStart = this.#slowStart
    if (slowStart === null) return at
    for (let draws = 1; draws < WARM_DRAWS; draws++) {
      if (slowStart.admits(this.candidates[at] as Endpoint)) return at
      at = this.#draw()
    }
    return at
  }

  /** Another one than `first`; that one again when nothing else comes up. There have to be two candidates. */
  other(first: number): number {
    if (this.#table === null && this.#slowStart === null) {
      const at = Math.floor(this.#random.next() * (this.candidates.length - 1))
      return at < first ? at : at + 1
    }
    let second = this.next()
    for (let draws = 0; draws < SECOND_DRAWS && second === first; draws++) second = this.next()
    return second
  }

  #draw(): number {
    const uniform = this.#random.next()
    return this.#table === null ? Math.floor(uniform * this.candidates.length) : this.#table.draw(uniform)
  }
}
