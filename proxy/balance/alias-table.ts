/** Draws an index by weight in constant time: the alias method (Walker 1977, built as in Vose 1991). */
export class AliasTable {
  readonly #length: number
  readonly #threshold: Float64Array
  readonly #alias: Int32Array

  /** At least one weight, each above 0. Costs time and memory in proportion to their number. */
  constructor(weights: readonly number[]) {
    const length = weights.length
    this.#length = length
    this.#threshold = new Float64Array(length).fill(1)
    this.#alias = new Int32Array(length)
    let total = 0
    for (const weight of weights) total += weight
    const scaled = new Float64Array(length)
    const small: number[] = []
    const large: number[] = []
    for (let i = 0; i < length; i++) {
      scaled[i] = ((weights[i] as number) * length) / total
      if ((scaled[i] as number) < 1) small.push(i)
      else large.push(i)
    }
    while (small.length > 0 && large.length > 0) {
      const less = small.pop() as number
      const more = large[large.length - 1] as number
      this.#threshold[less] = scaled[less] as number
      this.#alias[less] = more
      scaled[more] = (scaled[more] as number) - (1 - (scaled[less] as number))
      if ((scaled[more] as number) < 1) {
        large.pop()
        small.push(more)
      }
    }
    // What is left over stands at 1 but for rounding, and keeps the threshold of 1.
  }

  /** `uniform` is in [0, 1). */
  draw(uniform: number): number {
    const place = uniform * this.#length
    const column = Math.floor(place)
    return place - column < (this.#threshold[column] as number) ? column : (this.#alias[column] as number)
  }
}
