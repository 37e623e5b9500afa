import { type Clock, systemClock } from './clock.ts'
import { atTurnEnd, type TurnEnd } from './turn.ts'

/**
 * A clock that is read once per turn of the event loop: for what happens thousands of times a turn. Reading the system's
 * costs as much as encoding a head. What is read is the time of the turn's first look: never later than now, and earlier
 * by no more than the turn has taken so far.
 */
export class TurnClock implements Clock, TurnEnd {
  readonly #clock: Clock
  #now = 0
  #read = false

  /** `clock` is what is read. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  readonly now = (): number => {
    if (!this.#read) {
      this.#read = true
      this.#now = this.#clock.now()
      atTurnEnd(this)
    }
    return this.#now
  }

  wall(): number {
    return this.#clock.wall()
  }

  turnEnd(): void {
    this.#read = false
  }
}
