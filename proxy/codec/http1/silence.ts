import type { ServerTimeouts } from './limits.ts'

/** A body that brings less in `bodyMs` does not move: a byte now and then is the slow attack itself (Slowloris, R.U.D.Y.). */
const BODY_PROGRESS = 1024

/** A request that may have a limit of its own. */
interface Limited {
  /** As `MessageStream.silenceMs`. */
  readonly silenceMs: number
}

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
  #progress = 0
  #stalled = 0
  #request = 0
  #body = 0
  #starved = 0
  #moved = 0
  #taken = 0
  #still = 0
  /** The limit that `still` measured by last. */
  limit = ''

  constructor(timeouts: ServerTimeouts) {
    this.#timeouts = timeouts
    const { headMs, idleMs, bodyMs, writeMs, streamMs, shortestSilenceMs = 0 } = timeouts
    const optional = [bodyMs, writeMs, streamMs, shortestSilenceMs].map((ms) => ms || headMs)
    const shortest = Math.min(headMs, idleMs, ...optional)
    this.period = Math.max(10, shortest / 4)
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

  /** Output is `waiting` for the peer, which has taken `progress` so far: true when it took nothing for too long. */
  stalled(waiting: boolean, progress: number): boolean {
    this.#stalled = waiting && progress === this.#progress ? this.#stalled + 1 : 0
    this.#progress = progress
    return this.#late(this.#stalled, this.#timeouts.writeMs)
  }

  /**
   * The body of the request with number `request` is `wanted`, and `bytes` bytes of bodies came on the connection so
   * far: true when it brought too little for too long.
   */
  starved(wanted: boolean, request: number, bytes: number): boolean {
    if (!wanted || request !== this.#request || bytes - this.#body >= BODY_PROGRESS) {
      this.#request = wanted ? request : 0
      this.#body = bytes
      this.#starved = 0
    } else this.#starved += 1
    return this.#late(this.#starved, this.#timeouts.bodyMs)
  }

  /**
   * `request` is under way, null: none; `moved` differs when a byte of it came or was written, `taken` when the peer took
   * one: true when neither did for too long. `limit` says by which key.
   */
  still(request: Limited | null, moved: number, taken: number): boolean {
    this.#still = request !== null && moved === this.#moved && taken === this.#taken ? this.#still + 1 : 0
    this.#moved = moved
    this.#taken = taken
    const { streamMs } = this.#timeouts
    const own = request !== null && request.silenceMs >= 0 && request.silenceMs !== streamMs
    this.limit = own ? 'idleTimeout' : 'timeouts.stream'
    return this.#late(this.#still, own ? request.silenceMs : streamMs)
  }

  #late(looks: number, ms: number): boolean {
    return looks > 0 && ms > 0 && looks * this.period >= ms
  }
}
