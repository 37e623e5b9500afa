import { mix32, murmur3 } from '../base/murmur3.ts'
import type { HashTable } from './consistent.ts'
import type { Endpoint } from './endpoint.ts'

export interface RingOptions {
  /** Points of the ring at least; default 1024. */
  readonly minSize?: number
  /** Points at most, give or take some rounding; never fewer than one for each endpoint. Default 262144. */
  readonly maxSize?: number
}

export const MIN_RING_SIZE = 1024
export const MAX_RING_SIZE = 262_144

/** Points of an endpoint of mean weight, between the limits: its share then varies by 1/√512, some 4 %. */
const POINTS = 512
const SECOND_SEED = 0x9747b28c
/** Owners in the lower bits of a number that sorts by the hash in its upper 32: together less than 2^53. */
const OWNERS = 0x20_0000

/**
 * A ring of points (ketama, Jones 2007; Karger et al. 1997): each endpoint owns a number of pseudo-random points in
 * proportion to its weight, and a hash belongs to the next point.
 *
 * An endpoint's points follow from its address, and their number from its weight relative to the mean, so that all
 * sidecars have the same ring whatever changes they saw. Up to 512 endpoints of one weight nobody's points change when
 * another comes or goes; beyond, each loses a point now and then, which about doubles what moves.
 *
 * A lookup is a step into an index and a short walk, for any size. A change of some endpoints is merged in: linear, about
 * 3 ms for 10,000 endpoints; a whole ring of that size takes some 30 ms. It takes 12 bytes for each point.
 */
export class HashRing implements HashTable {
  length = 0
  readonly #minSize: number
  readonly #maxSize: number
  #hashes = new Uint32Array(0)
  #owners = new Uint32Array(0)
  /** The first point of each slice of the ring, so that no search is needed. */
  #slices = new Uint32Array(1)
  #shift = 31
  /** By owner number; those who left keep theirs until somebody needs it. */
  readonly #endpoints: Endpoint[] = []
  readonly #points: number[] = []
  #numbers = new Map<Endpoint, number>()

  constructor(options: RingOptions = {}) {
    this.#minSize = options.minSize ?? MIN_RING_SIZE
    this.#maxSize = options.maxSize ?? MAX_RING_SIZE
  }

  find(hash: number): number {
    const hashes = this.#hashes
    let place = this.#slices[hash >>> this.#shift] as number
    while (place < hashes.length && (hashes[place] as number) < hash) place += 1
    return place === hashes.length ? 0 : place
  }

  step(): number {
    return 1
  }

  at(place: number): Endpoint {
    return this.#endpoints[this.#owners[place] as number] as Endpoint
  }

  update(members: readonly Endpoint[]): void {
    const changed = this.#renumber(members)
    let added = 0
    for (const owner of changed) added += this.#points[owner] as number
    const fresh = new Float64Array(added)
    let at = 0
    for (const owner of changed) at = this.#writePoints(fresh, at, owner)
    fresh.sort()
    this.#merge(fresh, changed)
    this.#index()
  }

  /** Settles owner numbers and counts of points; returns the owners whose points are not right any more. */
  #renumber(members: readonly Endpoint[]): Set<number> {
    const changed = new Set<number>()
    const free: number[] = []
    const known = this.#numbers
    const stay = new Set(members)
    for (const [endpoint, owner] of known) {
      if (stay.has(endpoint)) continue
      this.#points[owner] = 0
      changed.add(owner)
      free.push(owner)
    }
    let weight = 0
    for (const endpoint of members) weight += endpoint.weight
    const size = Math.min(this.#maxSize, Math.max(this.#minSize, POINTS * members.length))
    const numbers = new Map<Endpoint, number>()
    for (const endpoint of members) {
      const owner = known.get(endpoint) ?? free.pop() ?? this.#endpoints.length
      const points = pointsOf(endpoint, (size * endpoint.weight) / weight)
      if (this.#endpoints[owner] !== endpoint || this.#points[owner] !== points) changed.add(owner)
      this.#endpoints[owner] = endpoint
      this.#points[owner] = points
      numbers.set(endpoint, owner)
    }
    this.#numbers = numbers
    return changed
  }

  #writePoints(out: Float64Array, at: number, owner: number): number {
    const { address } = this.#endpoints[owner] as Endpoint
    const points = this.#points[owner] as number
    const step = murmur3(address, SECOND_SEED) | 1
    let state = murmur3(address)
    for (let i = 0; i < points; i++) {
      out[at + i] = mix32(state) * OWNERS + owner
      state = (state + step) | 0
    }
    return at + points
  }

  /** Makes the ring of what stays of it and of `fresh`, which is sorted. */
  #merge(fresh: Float64Array, changed: ReadonlySet<number>): void {
    const [oldHashes, oldOwners] = [this.#hashes, this.#owners]
    const stale = new Uint8Array(this.#endpoints.length)
    for (const owner of changed) stale[owner] = 1
    let kept = 0
    for (let i = 0; i < oldOwners.length; i++) if (stale[oldOwners[i] as number] === 0) kept += 1
    const length = kept + fresh.length
    const hashes = new Uint32Array(length)
    const owners = new Uint32Array(length)
    let next = 0
    let at = 0
    for (let i = 0; i <= oldHashes.length; i++) {
      const last = i === oldHashes.length
      if (!last && stale[oldOwners[i] as number] === 1) continue
      const upTo = last
        ? Number.POSITIVE_INFINITY
        : (oldHashes[i] as number) * OWNERS + (oldOwners[i] as number)
      for (; next < fresh.length && (fresh[next] as number) < upTo; next++, at++) {
        const point = fresh[next] as number
        const hash = Math.floor(point / OWNERS)
        hashes[at] = hash
        owners[at] = point - hash * OWNERS
      }
      if (last) break
      hashes[at] = oldHashes[i] as number
      owners[at] = oldOwners[i] as number
      at += 1
    }
    this.#hashes = hashes
    this.#owners = owners
    this.length = length
  }

  #index(): void {
    const hashes = this.#hashes
    const bits = Math.max(1, Math.ceil(Math.log2(hashes.length + 1)))
    const shift = 32 - bits
    const slices = new Uint32Array(2 ** bits)
    let place = 0
    for (let slice = 0; slice < slices.length; slice++) {
      while (place < hashes.length && (hashes[place] as number) >>> shift < slice) place += 1
      slices[slice] = place
    }
    this.#slices = slices
    this.#shift = shift
  }
}

/** A whole number of points, rounded up for as many endpoints as the fraction says; always the same for an address. */
function pointsOf(endpoint: Endpoint, ideal: number): number {
  const whole = Math.round(ideal)
  // Equal weights must not be told apart by rounding errors.
  if (Math.abs(ideal - whole) < 1e-6) return Math.max(1, whole)
  return Math.max(1, Math.floor(ideal + murmur3(endpoint.address, 1) / 0x1_0000_0000))
}
