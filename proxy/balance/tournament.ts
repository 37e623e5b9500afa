/** Members of one weight, who take turns. */
class Bracket<T> {
  readonly weight: number
  readonly members: T[] = []
  /** Places of the members in the whole list: the first of equals wins. */
  readonly places: number[] = []
  /** Index of the member whose turn is next. */
  at = 0
  /** -(picks of that member) * total: its value is this + turn * weight. */
  base = 0

  constructor(weight: number) {
    this.weight = weight
  }
}

/**
 * The smooth weighted round-robin sequence as a kinetic tournament (Basch, Guibas and Hershberger 1997):
 * every weight's next member is a line over time, a binary tree keeps the winner of each pair together with the
 * turn until which it stays ahead, and only what has run out is played again.
 *
 * All numbers are integers and exact: total * weight stays below 2^53 for 10,000 items of weight 65,535.
 */
export class Tournament<T> {
  readonly #brackets: Bracket<T>[]
  readonly #total: number
  readonly #leaves: number
  /** Node n has the children 2n and 2n + 1; the root is 1; -1 stands for nobody. */
  readonly #winner: Int32Array
  /** The last turn at which the node's winner is known to be right. */
  readonly #until: Float64Array
  #turn = 0

  /** As many weights as items, at least one; positive integers. */
  constructor(items: readonly T[], weights: readonly number[]) {
    let divisor = 0
    for (const weight of weights) divisor = greatestCommonDivisor(weight, divisor)
    const byWeight = new Map<number, Bracket<T>>()
    let total = 0
    for (let i = 0; i < items.length; i++) {
      const weight = (weights[i] as number) / divisor
      total += weight
      let bracket = byWeight.get(weight)
      if (bracket === undefined) {
        bracket = new Bracket<T>(weight)
        byWeight.set(weight, bracket)
      }
      bracket.members.push(items[i] as T)
      bracket.places.push(i)
    }
    this.#brackets = [...byWeight.values()]
    this.#total = total
    this.#leaves = 2 ** Math.ceil(Math.log2(this.#brackets.length))
    this.#winner = new Int32Array(2 * this.#leaves).fill(-1)
    this.#until = new Float64Array(2 * this.#leaves).fill(Number.POSITIVE_INFINITY)
    for (let i = 0; i < this.#brackets.length; i++) this.#winner[this.#leaves + i] = i
    this.#restart()
  }

  /** The next item of the sequence. */
  next(): T {
    if (this.#turn === this.#total) this.#restart()
    this.#turn += 1
    this.#advance(1)
    const index = this.#winner[1] as number
    const bracket = this.#brackets[index] as Bracket<T>
    const item = bracket.members[bracket.at] as T
    bracket.at += 1
    if (bracket.at === bracket.members.length) {
      bracket.at = 0
      bracket.base -= this.#total
    }
    for (let node = (this.#leaves + index) >> 1; node >= 1; node >>= 1) this.#play(node)
    return item
  }

  /** A whole cycle has passed: every value is 0 again. */
  #restart(): void {
    this.#turn = 0
    for (const bracket of this.#brackets) bracket.base = 0
    for (let node = this.#leaves - 1; node >= 1; node--) this.#play(node)
  }

  /** Plays again below `node` what has run out before this turn. */
  #advance(node: number): void {
    if ((this.#until[node] as number) >= this.#turn) return
    this.#advance(2 * node)
    this.#advance(2 * node + 1)
    this.#play(node)
  }

  /** Decides `node` at this turn; its children are right at this turn. */
  #play(node: number): void {
    const left = this.#winner[2 * node] as number
    const right = this.#winner[2 * node + 1] as number
    const until = Math.min(this.#until[2 * node] as number, this.#until[2 * node + 1] as number)
    // Leaves fill up from the left: without a left one there is no right one.
    if (right < 0) {
      this.#winner[node] = left
      this.#until[node] = until
      return
    }
    const a = this.#brackets[left] as Bracket<T>
    const b = this.#brackets[right] as Bracket<T>
    const lead = a.base - b.base + (a.weight - b.weight) * this.#turn
    const aFirst = (a.places[a.at] as number) < (b.places[b.at] as number)
    const aWins = lead > 0 || (lead === 0 && aFirst)
    this.#winner[node] = aWins ? left : right
    // The turns until the loser, if it rises faster, draws level; a tie goes to the one that stands first.
    const gain = aWins ? b.weight - a.weight : a.weight - b.weight
    if (gain <= 0) {
      this.#until[node] = until
      return
    }
    const gap = Math.abs(lead)
    const loserFirst = aWins !== aFirst
    const stays = loserFirst ? Math.ceil(gap / gain) - 1 : Math.floor(gap / gain)
    this.#until[node] = Math.min(until, this.#turn + stays)
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) {
    const rest = a % b
    a = b
    b = rest
  }
  return a
}
