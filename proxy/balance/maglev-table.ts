import { mix32, murmur3 } from '../base/murmur3.ts'
import type { HashTable } from './consistent.ts'
import type { Endpoint } from './endpoint.ts'

/** Places of the table: a prime, so that every step through it meets them all. Envoy's default. */
export const MAGLEV_SIZE = 65_537

const SECOND_SEED = 0x9747b28c

/**
 * The lookup table of Maglev (Eisenbud et al. 2016, section 3.4): each endpoint has an order of preference over the
 * places, a pseudo-random one made of its address, and in turn each takes the first place of its order that is free.
 *
 * Weights decide how many turns there are in a round, relative to the mean; what is left of a turn counts in the next.
 * The table does not depend on the order of the endpoints. An endpoint whose share is below one place may get none.
 *
 * Making it takes some 5 to 10 ms, whatever the number of endpoints up to 10,000; it takes 256 KiB.
 */
export class MaglevTable implements HashTable {
  length = 0
  readonly #owners = new Int32Array(MAGLEV_SIZE)
  #endpoints: readonly Endpoint[] = []

  find(hash: number): number {
    return hash % MAGLEV_SIZE
  }

  /** Another one for each hash: neighbours in the table are not independent of each other, as orders are regular. */
  step(hash: number): number {
    return 1 + (mix32(hash) % (MAGLEV_SIZE - 1))
  }

  at(place: number): Endpoint {
    return this.#endpoints[this.#owners[place] as number] as Endpoint
  }

  update(members: readonly Endpoint[]): void {
    const seats = members.map((endpoint) => new Seat(endpoint)).sort(Seat.order)
    this.#endpoints = seats.map(({ endpoint }) => endpoint)
    this.length = seats.length === 0 ? 0 : MAGLEV_SIZE
    if (seats.length === 0) return
    let weight = 0
    for (const { endpoint } of seats) weight += endpoint.weight
    const mean = weight / seats.length
    const owners = this.#owners.fill(-1)
    for (let taken = 0; taken < MAGLEV_SIZE; ) {
      for (let i = 0; i < seats.length && taken < MAGLEV_SIZE; i++) {
        const seat = seats[i] as Seat
        seat.turns += seat.endpoint.weight / mean
        for (; seat.turns >= 1 && taken < MAGLEV_SIZE; seat.turns--, taken++) owners[seat.next(owners)] = i
      }
    }
  }
}

/** One endpoint while the table is made. */
class Seat {
  readonly endpoint: Endpoint
  /** Turns that it has and did not take; the fraction to begin with spreads the light ones over the rounds. */
  turns: number
  readonly #hash: number
  readonly #skip: number
  #place: number

  constructor(endpoint: Endpoint) {
    const hash = murmur3(endpoint.address)
    const second = murmur3(endpoint.address, SECOND_SEED)
    this.endpoint = endpoint
    this.turns = second / 0x1_0000_0000
    this.#hash = hash
    this.#skip = 1 + (second % (MAGLEV_SIZE - 1))
    this.#place = hash % MAGLEV_SIZE
  }

  static order(this: void, a: Seat, b: Seat): number {
    return a.#hash - b.#hash || (a.endpoint.address < b.endpoint.address ? -1 : 1)
  }

  /** The next place of its order that is free. */
  next(owners: Int32Array): number {
    let place = this.#place
    while (owners[place] !== -1) place = this.#step(place)
    this.#place = this.#step(place)
    return place
  }

  #step(place: number): number {
    const next = place + this.#skip
    return next < MAGLEV_SIZE ? next : next - MAGLEV_SIZE
  }
}
