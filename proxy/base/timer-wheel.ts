/** Called when a deadline passes. Implemented by the object that waits, so that no closure is made per deadline. */
export interface Deadline {
  /** `kind` is the number given when the deadline was set. */
  expired(kind: number): void
}

/**
 * One armed deadline, a node of a doubly linked list. Owners make one and re-arm it, or take a new one per wait.
 */
export class Timer {
  readonly owner: Deadline
  readonly kind: number
  /** Tick at which it is due; -1 when not armed. */
  due: number
  slot: number
  next: Timer | null
  previous: Timer | null

  constructor(owner: Deadline, kind: number) {
    this.owner = owner
    this.kind = kind
    this.due = -1
    this.slot = -1
    this.next = null
    this.previous = null
  }
}

const SLOTS = 1024
/** The list of those that are being fired. */
const FIRING = SLOTS

/** What a turn of the event loop counts for at most where stalls are taken out, in milliseconds. */
export const LONGEST_TURN_MS = 50

/**
 * A hashed timing wheel (Varghese and Lauck 1987): arming and disarming are O(1), a tick costs what is in its slot.
 * Resolution 10 ms by default: a deadline fires up to one tick late, never early.
 *
 * It can take stalls of this process out of the time that it measures (SIGSTOP, a long turn, garbage collection, a busy
 * machine): who has a deadline to meet could not be heard meanwhile. Then a turn of the event loop counts for
 * `longestTurnMs` at most, all deadlines move by what is beyond, and after a stall nothing fires before sockets have been
 * read. A process that is slow all the time has slower deadlines, not none.
 */
export class TimerWheel {
  readonly #tickMs: number
  readonly #longestTurnMs: number
  readonly #now: () => number
  readonly #slots: (Timer | null)[] = new Array<Timer | null>(SLOTS + 1).fill(null)
  #tick: number
  #armed = 0
  #interval: NodeJS.Timeout | null = null
  /** When the wheel was last advanced. */
  #seen: number
  /** Milliseconds of stalls, all together. */
  #lost = 0
  /** A stall has been taken out since the wheel was last advanced. */
  #stalled = false
  /** What was due has been left to the next time, once. */
  #deferred = false

  /**
   * `now` gives monotonic milliseconds. `longestTurnMs`: see LONGEST_TURN_MS; by default all time counts, which suits a
   * clock that is moved by hand.
   */
  constructor(now: () => number, tickMs = 10, longestTurnMs = Number.POSITIVE_INFINITY) {
    this.#now = now
    this.#tickMs = tickMs
    this.#longestTurnMs = longestTurnMs
    this.#seen = now()
    this.#tick = Math.floor(this.#seen / tickMs)
  }

  /** Monotonic milliseconds. */
  now(): number {
    return this.#now()
  }

  /** Monotonic milliseconds without stalls: what deadlines run on. Its zero is arbitrary. */
  time(): number {
    const now = this.#now()
    if (now - this.#seen > this.#longestTurnMs && this.#armed > 0) this.#takeOut(now)
    return now - this.#lost
  }

  /** Number of armed deadlines. */
  get armed(): number {
    return this.#armed
  }

  /** Arms `timer` to expire `ms` milliseconds from now (at least one tick); re-arms it when it was armed. */
  arm(timer: Timer, ms: number): void {
    if (timer.due >= 0) this.disarm(timer)
    if (this.#armed === 0) this.#start()
    timer.due = Math.max(this.#tick + 1, Math.floor((this.time() + ms) / this.#tickMs) + 1)
    this.#link(timer, timer.due & (SLOTS - 1))
    this.#armed += 1
  }

  #link(timer: Timer, slot: number): void {
    timer.slot = slot
    const first = this.#slots[slot] as Timer | null
    timer.previous = null
    timer.next = first
    if (first !== null) first.previous = timer
    this.#slots[slot] = timer
  }

  #unlink(timer: Timer): void {
    if (timer.previous !== null) timer.previous.next = timer.next
    else this.#slots[timer.slot] = timer.next
    if (timer.next !== null) timer.next.previous = timer.previous
    timer.next = null
    timer.previous = null
  }

  /** Milliseconds that `timer` has left, less by up to a tick than it was given. Infinity when it is not armed. */
  left(timer: Timer): number {
    return timer.due < 0 ? Number.POSITIVE_INFINITY : (timer.due - 1) * this.#tickMs - this.time()
  }

  /** Disarms `timer`; does nothing when it is not armed. */
  disarm(timer: Timer): void {
    if (timer.due < 0) return
    this.#unlink(timer)
    timer.due = -1
    this.#armed -= 1
  }

  /** What came between the last look at the clock and `now` was a stall, but for the longest turn that counts. */
  #takeOut(now: number): void {
    this.#lost += now - this.#seen - this.#longestTurnMs
    this.#seen = now
    this.#stalled = true
  }

  /** Fires what is due. Called by the wheel's own interval; tests with a virtual clock call it themselves. */
  advance(): void {
    const time = this.time()
    this.#seen = time + this.#lost
    // Timers come before sockets in a turn of the event loop: what came during a stall is read first. One turn is enough,
    // and one long turn after the other must not keep deadlines from firing at all.
    this.#deferred = this.#stalled && !this.#deferred
    this.#stalled = false
    if (this.#deferred) return
    const target = Math.floor(time / this.#tickMs)
    // After a long stall one round over the slots finds everything that is due.
    let steps = Math.min(target - this.#tick, SLOTS)
    let slot = target - steps
    this.#tick = target
    while (steps-- > 0) {
      slot += 1
      this.#expireSlot(slot & (SLOTS - 1), target)
    }
    if (this.#armed === 0) this.#stop()
  }

  #expireSlot(slot: number, target: number): void {
    // An expiry may arm or disarm others: what is due goes into a list of its own first.
    let timer = this.#slots[slot] as Timer | null
    while (timer !== null) {
      const next: Timer | null = timer.next
      if (timer.due <= target) {
        this.#unlink(timer)
        this.#link(timer, FIRING)
      }
      timer = next
    }
    for (
      timer = this.#slots[FIRING] as Timer | null;
      timer !== null;
      timer = this.#slots[FIRING] as Timer | null
    ) {
      this.disarm(timer)
      timer.owner.expired(timer.kind)
    }
  }

  #start(): void {
    this.#seen = this.#now()
    this.#stalled = false
    this.#deferred = false
    this.#tick = Math.floor((this.#seen - this.#lost) / this.#tickMs)
    if (this.#interval === null) {
      this.#interval = setInterval(() => this.advance(), this.#tickMs)
      this.#interval.unref()
    }
  }

  #stop(): void {
    if (this.#interval !== null) clearInterval(this.#interval)
    this.#interval = null
  }
}
