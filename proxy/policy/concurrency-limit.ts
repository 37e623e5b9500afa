import type { ConcurrencyConfig } from '../../config/types/overload.ts'
import type { Random } from '../base/random.ts'
import type { ConcurrencyStats } from '../telemetry/concurrency-stats.ts'
import { LatencyWindow } from './latency-window.ts'

/** The limit is adjusted at most so often (Envoy's default: 100 ms), and by at least so many latencies. */
const WINDOW_MS = 100
const WINDOW_SAMPLES = 20
/** Shorter latencies count as so many milliseconds: what they differ in is the turns of our own event loop. */
const LEAST_MS = 2
/** How much longer than the baseline a response may take before the limit falls. */
const TOLERANCE = 1.5
/** The limit falls to no less than this share of itself in one window. */
const LEAST_GRADIENT = 0.5
/** Share of the way to its new value that the limit goes in one window. */
const STEP = 0.5
/** What the limit grows by in each window until it first meets a queue, as TCP does in its slow start. */
const START_GROWTH = 2
/** Weight of a window in what the baseline falls by. */
const SMOOTHING = 0.2
/** The share of the limit that a probe leaves: under 1 / TOLERANCE, so that what was measured too long gets shorter. */
const PROBE_SHARE = 0.4
const PROBE_SAMPLES = 50
/** Longest that a probe waits for earlier requests to be over, in milliseconds, and in baselines. */
const DRAIN_MS = 1000
const DRAIN_BASELINES = 10
/** Time between two probes: doubled from the first to the second by each that changes nothing. */
const FIRST_PROBE_MS = 1000
const LONGEST_PROBE_MS = 32_000
/** A limit that has become so many times larger or smaller since the last probe is probed soon. */
const UNTRIED = 1.5
/** What a probe has to find for the next one to be soon. */
const SURPRISE = 0.2

// Phases.
/** The limit follows the latency. */
const FOLLOWING = 0
/** A probe waits until no more requests are under way than it allows. */
const DRAINING = 1
/** A probe measures requests that begin now. */
const MEASURING = 2

/**
 * How many requests may wait for a response at once, found by their latency alone: where a response takes longer than it
 * does without a queue, there is a queue, and more requests at once only make it longer.
 *
 *     limit = limit x min(1, TOLERANCE x baseline / median of the window) + square root of limit
 *
 * That is the gradient of Envoy's adaptive concurrency and of Netflix' concurrency-limits. What differs is the baseline.
 * Envoy measures it by letting through three requests at a time every minute, Gradient2 takes a long average, which a
 * lasting overload turns into the latency of the overload. Here it falls by itself, and rises only by what a probe finds:
 * a short time at half the limit, in which the queue has gone and half the work or more is still done. There are probes only
 * while the limit is reached, when requests are refused anyway.
 *
 * Nothing runs by itself: windows end with the request that ends behind them.
 */
export class ConcurrencyLimit {
  /** What it protects, such as `upstream app`. */
  readonly place: string
  readonly stats: ConcurrencyStats
  readonly #min: number
  readonly #max: number
  readonly #random: Random
  readonly #window = new LatencyWindow()
  #limit: number
  /** Requests that may be in flight now: less than the limit while probing. */
  #allowed: number
  #inFlight = 0
  /** Most of them at a time in this window. */
  #peak = 0
  #baseline = 0
  #smoothed = 0
  /** No queue was met yet. */
  #starting = true
  #phase = FOLLOWING
  #windowEnd = 0
  #probeAt = 0
  #probeEvery = FIRST_PROBE_MS
  #probeSince = 0
  /** When the last probe was over, and the limit then. */
  #probedAt = 0
  #probedLimit = 0

  constructor(config: ConcurrencyConfig, place: string, stats: ConcurrencyStats, random: Random) {
    this.place = place
    this.#min = config.min
    this.#max = config.max
    this.#limit = config.start
    this.#allowed = config.start
    this.#random = random
    this.stats = stats
    stats.limit = config.start
  }

  /** Whether another request may go. */
  get hasRoom(): boolean {
    return this.#inFlight < this.#allowed
  }

  /** A request goes. */
  enter(): void {
    this.#inFlight += 1
    if (this.#inFlight > this.#peak) this.#peak = this.#inFlight
    this.stats.inFlight = this.#inFlight
  }

  /** A request is turned away. Returns after how many milliseconds it may be sent again, no two the same. */
  refuse(): number {
    this.stats.refused += 1
    // Time for some windows; spread, so that those refused together do not come back together.
    return Math.ceil((WINDOW_MS + 2 * this.#baseline) * (1 + this.#random.next()))
  }

  /**
   * A request that had entered has its response, or will have none. `from` is when its latency began and `now` when it
   * ended, in monotonic milliseconds; not `sampled`: its latency says nothing.
   */
  leave(from: number, now: number, sampled: boolean): void {
    this.#inFlight -= 1
    this.stats.inFlight = this.#inFlight
    if (this.#phase === DRAINING) this.#drained(now)
    else if (!sampled) return
    else if (this.#phase === FOLLOWING) {
      this.#window.add(Math.max(LEAST_MS, now - from))
      if (now >= this.#windowEnd && this.#window.count >= WINDOW_SAMPLES) this.#adjust(now)
    } else if (from >= this.#probeSince) {
      this.#window.add(Math.max(LEAST_MS, now - from))
      if (this.#window.count >= PROBE_SAMPLES) this.#probed(now)
    }
  }

  #adjust(now: number): void {
    const median = this.#window.takeMedian()
    if (this.#baseline === 0) this.#begin(median, now)
    this.#smoothed += SMOOTHING * (median - this.#smoothed)
    if (this.#smoothed < this.#baseline) this.#baseline = this.#smoothed
    this.stats.baselineMs = this.#baseline
    const gradient = Math.min(1, Math.max(LEAST_GRADIENT, (TOLERANCE * this.#baseline) / median))
    const target = this.#limit * gradient + Math.sqrt(this.#limit)
    const reached = this.#peak >= this.#allowed
    // A limit that nobody comes near says nothing of what would happen there.
    const grows = this.#peak * 2 > this.#limit
    if (gradient < 1) this.#starting = false
    if (this.#starting && reached) this.#set(this.#limit * START_GROWTH)
    else if (target < this.#limit || grows) this.#set(this.#limit + STEP * (target - this.#limit))
    this.#peak = this.#inFlight
    this.#windowEnd = now + WINDOW_MS
    if (reached && gradient < 1 && this.#probeIsDue(now)) this.#probe(now)
  }

  #begin(median: number, now: number): void {
    this.#baseline = median
    this.#smoothed = median
    this.#schedule(now)
  }

  #set(limit: number): void {
    this.#limit = Math.min(this.#max, Math.max(this.#min, limit))
    this.#allowed = Math.floor(this.#limit)
    this.stats.limit = this.#allowed
  }

  #probeIsDue(now: number): boolean {
    if (now >= this.#probeAt) return true
    if (now < this.#probedAt + FIRST_PROBE_MS) return false
    return this.#limit > UNTRIED * this.#probedLimit || this.#probedLimit > UNTRIED * this.#limit
  }

  #schedule(now: number): void {
    this.#probedAt = now
    this.#probedLimit = this.#limit
    // Sidecars of one service must not probe together.
    this.#probeAt = now + this.#probeEvery * (0.85 + 0.3 * this.#random.next())
  }

  // Probes

  #probe(now: number): void {
    this.#phase = DRAINING
    this.#probeSince = now
    this.#allowed = Math.max(this.#min, Math.floor(this.#limit * PROBE_SHARE))
    this.#drained(now)
  }

  #drained(now: number): void {
    const patience = Math.max(DRAIN_MS, DRAIN_BASELINES * this.#baseline)
    if (this.#inFlight > this.#allowed && now - this.#probeSince < patience) return
    this.#phase = MEASURING
    this.#probeSince = now
    this.#window.clear()
  }

  #probed(now: number): void {
    const median = this.#window.takeMedian()
    const surprise = Math.abs(median / this.#baseline - 1) > SURPRISE
    this.#probeEvery = surprise ? FIRST_PROBE_MS : Math.min(LONGEST_PROBE_MS, 2 * this.#probeEvery)
    this.#baseline = surprise ? median : (this.#baseline + median) / 2
    this.#smoothed = this.#baseline
    this.stats.baselineMs = this.#baseline
    this.#phase = FOLLOWING
    this.#peak = this.#inFlight
    this.#windowEnd = now + WINDOW_MS
    this.#schedule(now)
    this.#set(this.#limit)
  }
}
