/** Something that happens at a time of its own. */
export interface Event {
  /** `now` is the time it was put down for, in milliseconds. */
  happen(now: number): void
}

/** Events in the order of their times, and of being put in among those of one time: a binary heap. */
export class EventQueue {
  readonly #times: number[] = []
  readonly #orders: number[] = []
  readonly #events: Event[] = []
  #order = 0

  get length(): number {
    return this.#events.length
  }

  /** The time of the next event, Infinity when there is none. */
  get next(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  put(time: number, event: Event): void {
    const order = this.#order++
    let at = this.#events.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((this.#times[parent] as number) <= time) break
      this.#move(parent, at)
      at = parent
    }
    this.#set(at, time, order, event)
  }

  /** Takes the next event out; there has to be one. */
  take(): Event {
    const first = this.#events[0] as Event
    const time = this.#times.pop() as number
    const order = this.#orders.pop() as number
    const event = this.#events.pop() as Event
    const length = this.#events.length
    if (length === 0) return first
    let at = 0
    for (let child = 1; child < length; child = 2 * at + 1) {
      if (child + 1 < length && this.#isBefore(child + 1, child)) child += 1
      const childTime = this.#times[child] as number
      if (childTime > time || (childTime === time && (this.#orders[child] as number) > order)) break
      this.#move(child, at)
      at = child
    }
    this.#set(at, time, order, event)
    return first
  }

  #isBefore(one: number, other: number): boolean {
    const difference = (this.#times[one] as number) - (this.#times[other] as number)
    return (
      difference < 0 || (difference === 0 && (this.#orders[one] as number) < (this.#orders[other] as number))
    )
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#times[from] as number, this.#orders[from] as number, this.#events[from] as Event)
  }

  #set(at: number, time: number, order: number, event: Event): void {
    this.#times[at] = time
    this.#orders[at] = order
    this.#events[at] = event
  }
}
