import { mix32, murmur3 } from '../base/murmur3.ts'
import { radixSort } from '../base/radix-sort.ts'
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

/**
 * A ring of points (ketama, Jones 2007; Karger et al. 1997): each endpoint owns a number of pseudo-random points in
 * proportion to its weight, and a hash belongs to the next point.
 *
 * An endpoint's points follow from its address, and their number from its weight relative to the mean, so that all
 * sidecars have the same ring whatever changes they saw. Up to 512 endpoints of one weight nobody's points change when
 * another comes or goes; beyond, each loses a point now and then, which about doubles what moves.
 *
 * A lookup is a step into an index and a short walk, for any size. A change of some endpoints is merged in: linear, some
 * 8 ms for 10,000 endpoints; a whole ring of that size takes some 20 ms. It holds 12 bytes for each point.
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
    const hashes = new Uint32Array(added)
    const owners = new Uint32Array(added)
    let at = 0
    for (const owner of changed) at = this.#writePoints(hashes, owners, at, owner)
    radixSort(hashes, owners)
    this.#merge(hashes, owners, changed)
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

  #writePoints(hashes: Uint32Array, owners: Uint32Array, at: number, owner: number): number {
    const { address } = this.#endpoints[owner] as Endpoint
    const points = this.#points[owner] as number
    const step = murmur3(address, SECOND_SEED) | 1
    let state = murmur3(address)
    for (let i = 0; i < points; i++) {
      hashes[at + i] = mix32(state)
      owners[at + i] = owner
      state = (state + step) | 0
    }
    return at + points
  }

  /** Makes the ring of what stays of it and of what is new, which is sorted. */
  #merge(newHashes: Uint32Array, newOwners: Uint32Array, changed: ReadonlySet<number>): void {
    const [oldHashes, oldOwners] = [this.#hashes, this.#owners]
    const stale = new Uint8Array(this.#endpoints.length)
    for (const owner of changed) stale[owner] = 1
    let kept = 0
    for (let i = 0; i < oldOwners.length; i++) if (stale[oldOwners[i] as number] === 0) kept += 1
    const length = kept + newHashes.length
    const hashes = new Uint32Array(length)
    const owners = new Uint32Array(length)
    let old = 0
    let next = 0
    for (let at = 0; at < length; at++) {
      while (old < oldOwners.length && stale[oldOwners[old] as number] === 1) old += 1
      const takesOld =
        old < oldHashes.length &&
        (next === newHashes.length || (oldHashes[old] as number) <= (newHashes[next] as number))
      hashes[at] = (takesOld ? oldHashes[old] : newHashes[next]) as number
      owners[at] = (takesOld ? oldOwners[old] : newOwners[next]) as number
      if (takesOld) old += 1
      else next += 1
    }
    this.#hashes = hashes
    this.#owners = owners
    this.length = length
  }

  #index(): void {
    const hashes = this.#hashes
    const bits = Math.max(1, Math.floor(Math.log2(hashes.length + 1)))
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
