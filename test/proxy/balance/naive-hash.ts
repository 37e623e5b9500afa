import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { mix32, murmur3 } from '../../../proxy/base/murmur3.ts'

const SECOND_SEED = 0x9747b28c

/** The ring as a list of points, sorted whole and searched from the start. */
export class NaiveRing {
  readonly #points: { hash: number; endpoint: Endpoint }[] = []

  /** `points` for each endpoint. */
  constructor(members: readonly Endpoint[], points: (endpoint: Endpoint) => number) {
    for (const endpoint of members) {
      const step = murmur3(endpoint.address, SECOND_SEED) | 1
      for (let i = 0; i < points(endpoint); i++) {
        const state = (murmur3(endpoint.address) + Math.imul(i, step)) | 0
        this.#points.push({ hash: mix32(state), endpoint })
      }
    }
    this.#points.sort((a, b) => a.hash - b.hash)
  }

  find(hash: number): Endpoint {
    return (this.#points.find((point) => point.hash >= hash) ?? this.#points[0])?.endpoint as Endpoint
  }
}

/** Maglev's table as the paper writes it down, for endpoints of one weight. */
export function naiveMaglev(members: readonly Endpoint[], size: number): Endpoint[] {
  const hashOf = ({ address }: Endpoint) => murmur3(address)
  const order = [...members].sort((a, b) => hashOf(a) - hashOf(b))
  const preferences = order.map(({ address }) => {
    const skip = 1 + (murmur3(address, SECOND_SEED) % (size - 1))
    return Array.from({ length: size }, (_, j) => (murmur3(address) + j * skip) % size)
  })
  const next = order.map(() => 0)
  const turns = order.map(({ address }) => murmur3(address, SECOND_SEED) / 2 ** 32)
  const entry: (Endpoint | undefined)[] = Array.from({ length: size })
  for (let taken = 0; ; ) {
    for (let i = 0; i < order.length; i++) {
      turns[i] = (turns[i] as number) + 1
      const preference = preferences[i] as number[]
      let at = preference[next[i] as number] as number
      while (entry[at] !== undefined) {
        next[i] = (next[i] as number) + 1
        at = preference[next[i] as number] as number
      }
      entry[at] = order[i] as Endpoint
      turns[i] = (turns[i] as number) - 1
      next[i] = (next[i] as number) + 1
      taken += 1
      if (taken === size) return entry as Endpoint[]
    }
  }
}
