/** What one key may still take of a rate limit, in one number. */
export class Bucket {
  readonly key: string
  /**
   * Monotonic milliseconds at which all that was taken will have come back: the "theoretical arrival time" of the generic
   * cell rate algorithm (ITU-T I.371). A bucket for which it has passed is as good as a new one.
   */
  fullAt: number
  /** Its table leads to it by its key. Once it does not any more, whoever kept it has to ask again. */
  listed: boolean

  constructor(key: string, listed: boolean) {
    this.key = key
    this.fullAt = 0
    this.listed = listed
  }
}

/** Places looked at for one that is free, when all are taken: a new key costs no more than this, whoever sends it. */
const LOOKS = 8

/**
 * The buckets of a rate limit, by key, at most `size`. A bucket loses its place only once it is full again, when nothing is
 * lost with it: keys made up by the thousand reset nobody's. While no place is free, new keys share one bucket.
 */
export class BucketTable {
  /** Of all keys that have found no place. */
  readonly shared = new Bucket('', false)
  readonly #size: number
  readonly #byKey = new Map<string, Bucket>()
  readonly #places: Bucket[] = []
  #hand = 0

  constructor(size: number) {
    this.#size = size
  }

  /** Keys that have a place. */
  get size(): number {
    return this.#places.length
  }

  /** The bucket of `key` from now on, or the shared one for this time. */
  obtain(key: string, now: number): Bucket {
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const place = this.#freePlace(now)
    if (place < 0) return this.shared
    const bucket = new Bucket(key, true)
    this.#places[place] = bucket
    this.#byKey.set(key, bucket)
    return bucket
  }

  #freePlace(now: number): number {
    const places = this.#places
    if (places.length < this.#size) return places.length
    for (let looks = 0; looks < LOOKS; looks++) {
      const at = this.#hand
      this.#hand = at + 1 < places.length ? at + 1 : 0
      const bucket = places[at]
      if (bucket.fullAt > now) continue
      bucket.listed = false
      this.#byKey.delete(bucket.key)
      return at
    }
    return -1
  }
}
