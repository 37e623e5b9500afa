import type { Clock } from '../base/clock.ts'
import { type Deadline, Timer, type TimerWheel } from '../base/timer-wheel.ts'
import type { LogFields, Logger } from './log.ts'

export interface LogLimitOptions {
  /** Lines per key and second that are written; default 10. */
  readonly perSecond?: number
  /** Keys told apart within a second; the rest share one. Default 64. */
  readonly keys?: number
}

interface Window {
  start: number
  written: number
  suppressed: number
}

const WINDOW_MS = 1000
const REST = 'other'

/**
 * Warnings that a peer can cause at will, limited per key: beyond `perSecond` lines in a second the rest is counted
 * and told in one line when the second is over.
 */
export class LogLimit implements Deadline {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #wheel: TimerWheel
  readonly #perSecond: number
  readonly #keys: number
  readonly #windows = new Map<string, Window>()
  readonly #timer: Timer

  constructor(logger: Logger, clock: Clock, wheel: TimerWheel, options: LogLimitOptions = {}) {
    this.#logger = logger
    this.#clock = clock
    this.#wheel = wheel
    this.#perSecond = options.perSecond ?? 10
    this.#keys = options.keys ?? 64
    this.#timer = new Timer(this, 0)
  }

  /** Warns, unless `key` had its share of this second. Returns whether a line was written. */
  warn(key: string, fields: LogFields, msg: string): boolean {
    const window = this.#window(key)
    if (window.written >= this.#perSecond) {
      window.suppressed += 1
      return false
    }
    window.written += 1
    this.#logger.warn(fields, msg)
    return true
  }

  /** Called by the timer wheel: tells what was suppressed in the seconds that are over. */
  expired(): void {
    this.#settle(this.#clock.now() - WINDOW_MS)
    if (this.#windows.size > 0) this.#wheel.arm(this.#timer, WINDOW_MS)
  }

  /** Tells what was suppressed so far and stops; at shutdown. */
  close(): void {
    this.#settle(Number.POSITIVE_INFINITY)
    this.#wheel.disarm(this.#timer)
  }

  #window(key: string): Window {
    const now = this.#clock.now()
    let name = key
    let window = this.#windows.get(name)
    if (window === undefined && this.#windows.size >= this.#keys) {
      name = REST
      window = this.#windows.get(name)
    }
    if (window !== undefined && now - window.start < WINDOW_MS) return window
    if (window !== undefined) this.#tell(name, window)
    window = { start: now, written: 0, suppressed: 0 }
    this.#windows.set(name, window)
    if (this.#timer.due < 0) this.#wheel.arm(this.#timer, WINDOW_MS)
    return window
  }

  #settle(startedBefore: number): void {
    for (const [key, window] of this.#windows) {
      if (window.start > startedBefore) continue
      this.#windows.delete(key)
      this.#tell(key, window)
    }
  }

  #tell(key: string, window: Window): void {
    if (window.suppressed === 0) return
    this.#logger.warn({ key, suppressed: window.suppressed }, 'more lines like these were not written')
  }
}
