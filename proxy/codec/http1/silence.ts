import type { ServerTimeouts } from './limits.ts'

/**
 * Tells how long a connection has been the same, by looking at it now and then: a request costs no clock reading and
 * no timer. A deadline is met late by up to one period, never early.
 */
export class Silence {
  /** Milliseconds between two looks. */
  readonly period: number
  readonly #timeouts: ServerTimeouts
  #state = -1
  #quiet = 0
  #waiting = 0
  #stalled = 0

  constructor(timeouts: ServerTimeouts) {
    this.#timeouts = timeouts
    this.period = Math.max(10, Math.min(timeouts.headMs, timeouts.idleMs, timeouts.stallMs) / 4)
  }

  /** `state` is any number that differs when something happened. */
  observe(state: number): void {
    this.#quiet = state === this.#state ? this.#quiet + 1 : 0
    this.#state = state
  }

  /** The state has been the same for as long as a head may take. */
  head(): boolean {
    return this.#quiet * this.period >= this.#timeouts.headMs
  }

  /** The state has been the same for as long as a connection may be idle. */
  idle(): boolean {
    return this.#quiet * this.period >= this.#timeouts.idleMs
  }

  /** `waiting` bytes of output wait for the peer: true when none of them left for too long. */
  stalled(waiting: number): boolean {
    this.#stalled = waiting > 0 && waiting === this.#waiting ? this.#stalled + 1 : 0
    this.#waiting = waiting
    return this.#stalled * this.period >= this.#timeouts.stallMs
  }
}
