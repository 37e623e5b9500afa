/** What active checks say. `unknown` (no result yet, or no checks) counts as fit for use. */
export type Health = 'unknown' | 'healthy' | 'unhealthy'

/** One endpoint as configured or discovered. */
export interface EndpointOptions {
  readonly address: {
    /** IP address or host name, an IPv6 address without brackets. */
    readonly host: string
    /** 1 to 65535. */
    readonly port: number
    /** `host:port`, an IPv6 host in brackets; unique within a set. */
    readonly text: string
  }
  /** Integer, 1 to 65535. */
  readonly weight: number
  readonly zone: string | null
  /** Integer, 0 or more; 0 is used first. */
  readonly priority: number
  /** What subsets are chosen by, such as `version: v2`; none by default. */
  readonly labels?: Readonly<Record<string, string>>
}

/** Requests in flight to a group of endpoints, kept by those endpoints. */
export interface LoadCounter {
  total: number
}

export const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({})
const NO_COUNTERS: readonly LoadCounter[] = Object.freeze([])

const MAX_WEIGHT = 65_535

/**
 * One address that serves an upstream. Plain numbers, read and written on the request path.
 *
 * The exchange counts `active` up and down; everything about health is changed through `EndpointSet` only,
 * so that `usable` and the lists made from it stay true.
 */
export class Endpoint {
  /** Slot within its set, stable while it is a member; a slot is used again after its endpoint is gone. */
  readonly index: number
  /** `host:port`. */
  readonly address: string
  readonly host: string
  readonly port: number
  weight: number
  readonly zone: string | null
  readonly priority: number
  labels: Readonly<Record<string, string>>
  /** Who is told when `active` changes; nobody, as long as no policy asks for the load of a group. */
  counters: readonly LoadCounter[]
  /** The load that the ewma policy goes by, in milliseconds, as of `latencyAt`; -1 before that policy saw it. */
  latency: number
  /** Monotonic milliseconds. */
  latencyAt: number
  /** Monotonic milliseconds since when it gets its share step by step (slow start); -1: it has its whole share. */
  warmingSince: number
  /** In no way out: neither unhealthy nor ejected nor shut nor removed. */
  usable: boolean
  health: Health
  /** It serves, but says of itself that it is not well: used when those that are well do not suffice. */
  degraded: boolean
  ejected: boolean
  /** Monotonic milliseconds at which the ejection ends; 0 when not ejected. */
  ejectedUntil: number
  /** Monotonic milliseconds at which the last ejection ended; 0 when there was none. */
  returnedAt: number
  /** Factor of the last ejection's length; goes down by one with each interval that it is not ejected in. */
  ejectionLevel: number
  /** Failed requests in a row, for outlier detection. */
  consecutiveFailures: number
  /** Results and failures of the interval that runs, for outlier detection. */
  intervalResults: number
  intervalFailures: number
  /** The breaker lets one request at a time try it, or none. */
  shut: boolean
  /** Failed requests in a row, for the breaker. */
  breakerFailures: number
  /** Trials that failed since it was last open for good; each doubles the wait for the next. */
  breakerLevel: number
  /** No longer a member of its set; requests in flight may still hold it. */
  removed: boolean
  /** Ejections since the start. */
  ejections: number
  /** Active checks passed since the start. */
  checksOk: number
  /** Active checks failed since the start. */
  checksFailed: number
  /** Active checks whose failure did not count, because this process had stalled. */
  checksDiscarded: number
  /** What the last active check found, for people; empty before the first. */
  lastCheck: string
  /** Milliseconds the last active check took; 0 before the first. */
  lastCheckMs: number
  #active: number

  /** Throws RangeError when weight or priority is out of range. */
  constructor(index: number, options: EndpointOptions) {
    checkWeight(options)
    if (!Number.isInteger(options.priority) || options.priority < 0) {
      throw new RangeError(
        `endpoint ${options.address.text}: priority ${options.priority} is not an integer of 0 or more`,
      )
    }
    this.index = index
    this.address = options.address.text
    this.host = options.address.host
    this.port = options.address.port
    this.weight = options.weight
    this.zone = options.zone
    this.priority = options.priority
    this.labels = options.labels ?? NO_LABELS
    this.counters = NO_COUNTERS
    this.latency = -1
    this.latencyAt = 0
    this.warmingSince = -1
    this.usable = true
    this.health = 'unknown'
    this.degraded = false
    this.ejected = false
    this.ejectedUntil = 0
    this.returnedAt = 0
    this.ejectionLevel = 0
    this.consecutiveFailures = 0
    this.intervalResults = 0
    this.intervalFailures = 0
    this.shut = false
    this.breakerFailures = 0
    this.breakerLevel = 0
    this.removed = false
    this.ejections = 0
    this.checksOk = 0
    this.checksFailed = 0
    this.checksDiscarded = 0
    this.lastCheck = ''
    this.lastCheckMs = 0
    this.#active = 0
  }

  /** Requests in flight. */
  get active(): number {
    return this.#active
  }

  set active(active: number) {
    const { counters } = this
    for (let i = 0; i < counters.length; i++) (counters[i] as LoadCounter).total += active - this.#active
    this.#active = active
  }

  /** Has `counter` count this endpoint's requests in flight from here on, those under way included. */
  count(counter: LoadCounter): void {
    this.counters = [...this.counters, counter]
    counter.total += this.#active
  }

  uncount(counter: LoadCounter): void {
    if (!this.counters.includes(counter)) return
    this.counters = this.counters.filter((one) => one !== counter)
    counter.total -= this.#active
  }
}

/** Throws RangeError unless the weight is an integer from 1 to 65535. */
export function checkWeight(options: EndpointOptions): void {
  const weight = options.weight
  if (!Number.isInteger(weight) || weight < 1 || weight > MAX_WEIGHT) {
    throw new RangeError(
      `endpoint ${options.address.text}: weight ${weight} is not an integer from 1 to ${MAX_WEIGHT}`,
    )
  }
}
