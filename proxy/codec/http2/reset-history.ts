/** Resets remembered: about as many streams as a peer may have had under way at the time. */
const REMEMBERED = 1024

/**
 * The ids of the streams that we reset last, to tell frames that crossed our RST_STREAM from frames out of place. Where
 * memory ends the peer gets the benefit of the doubt.
 */
export class ResetHistory {
  #ids: Int32Array | null = null
  #next = 0
  // The highest id that had to make room for another.
  #forgotten = 0

  add(id: number): void {
    this.#ids ??= new Int32Array(REMEMBERED)
    this.#forgotten = Math.max(this.#forgotten, this.#ids[this.#next])
    this.#ids[this.#next] = id
    this.#next = (this.#next + 1) % REMEMBERED
  }

  has(id: number): boolean {
    return id <= this.#forgotten || this.#ids?.includes(id) === true
  }
}
