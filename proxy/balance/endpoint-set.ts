import type { Clock } from '../base/clock.ts'
import { checkWeight, Endpoint, type EndpointOptions, type Health, NO_LABELS } from './endpoint.ts'
import { byUse, Tier, type TierSource } from './tier.ts'
import { OVERPROVISION, spreadLoad } from './tier-load.ts'

/** What happened to an endpoint. */
export type EndpointChange =
  | 'healthy'
  | 'unhealthy'
  | 'degraded'
  | 'recovered'
  | 'ejected'
  | 'returned'
  | 'shut'
  | 'opened'

/** For logs and metrics; `why` is a phrase for people. Called after the change took effect. */
export type EndpointListener = (endpoint: Endpoint, change: EndpointChange, why: string) => void

export interface EndpointSetOptions {
  /** When the usable share is under this, all endpoints are used. 0 to 1, default 0.5; 0: never. */
  readonly panicBelow?: number
  /** A tier keeps its whole load while this times its usable share is at least 1. 1 or more, default 1.4. */
  readonly overprovision?: number
  /** Endpoints in this zone are used before the others of their priority; default `null`: zones make no difference. */
  readonly zone?: string | null
  /** Given: endpoints that join or return are marked as warming up, for slow start. */
  readonly warmUpClock?: Clock | null
  readonly onChange?: EndpointListener
}

export interface EndpointCounts {
  readonly total: number
  readonly usable: number
  readonly healthy: number
  readonly unhealthy: number
  /** No check has a result yet, or there are no checks. */
  readonly unknown: number
  readonly degraded: number
  readonly ejected: number
  /** By the breaker. */
  readonly shut: number
  /** Whether any priority uses unusable endpoints because too few are usable. */
  readonly panic: boolean
}

/** The endpoints of one upstream, and who of them is fit for use. */
export class EndpointSet implements TierSource {
  /** All members, in the order given. */
  endpoints: readonly Endpoint[]
  /**
   * One per priority that has members, the lowest number first; with a zone, its endpoints before the others. Then those
   * of degraded endpoints, in the same order.
   */
  tiers: readonly Tier[]
  /** Moves whenever an endpoint's usability or the membership changes. */
  version: number
  /** Moves whenever the list of tiers changes. */
  structure: number
  /** Members that are usable. */
  usable: number
  /** Members that are ejected. */
  ejected: number
  /** Members that the breaker has shut. */
  shut: number
  /** Members that active checks hold unhealthy. */
  unhealthy: number
  readonly panicBelow: number
  readonly overprovision: number
  #why = ''
  #whyVersion = -1
  readonly #zone: string | null
  readonly #warmUpClock: Clock | null
  readonly #onChange: EndpointListener

  /** Throws RangeError for an address given twice, and for a weight, a priority or an option out of range. */
  constructor(endpoints: readonly EndpointOptions[], options: EndpointSetOptions = {}) {
    const panicBelow = options.panicBelow ?? 0.5
    if (!(panicBelow >= 0 && panicBelow <= 1)) {
      throw new RangeError(`panicBelow ${panicBelow} is not a share from 0 to 1`)
    }
    const overprovision = options.overprovision ?? OVERPROVISION
    if (!(overprovision >= 1))
      throw new RangeError(`overprovision ${overprovision} is not a factor of 1 or more`)
    this.panicBelow = panicBelow
    this.overprovision = overprovision
    this.#zone = options.zone ?? null
    this.#warmUpClock = options.warmUpClock ?? null
    this.#onChange = options.onChange ?? ignore
    this.endpoints = []
    this.tiers = []
    this.version = 0
    this.structure = 0
    this.usable = 0
    this.ejected = 0
    this.shut = 0
    this.unhealthy = 0
    this.update(endpoints)
  }

  /** Whether any priority uses unusable endpoints because too few are usable. */
  get panic(): boolean {
    return this.tiers.some((tier) => tier.panic)
  }

  /** The result of active checks. A removed endpoint is ignored. */
  setHealth(endpoint: Endpoint, health: Health, why: string): void {
    if (endpoint.removed || endpoint.health === health) return
    if (endpoint.health === 'unhealthy') this.unhealthy -= 1
    if (health === 'unhealthy') this.unhealthy += 1
    endpoint.health = health
    // Failures from before a recovery say nothing about the endpoint that came back.
    if (health === 'healthy') endpoint.consecutiveFailures = 0
    this.#settle(endpoint)
    if (health !== 'unknown') this.#onChange(endpoint, health, why)
  }

  /** What an active check says besides: whether those that are well are to be preferred. A removed endpoint is ignored. */
  setDegraded(endpoint: Endpoint, degraded: boolean, why: string): void {
    if (endpoint.removed || endpoint.degraded === degraded) return
    if (degraded) this.#openStandby(this.rankOf(endpoint))
    if (endpoint.usable) this.#count(endpoint, -1)
    endpoint.degraded = degraded
    if (endpoint.usable) {
      this.#count(endpoint, 1)
      this.version += 1
      spreadLoad(this.tiers, this.panicBelow, this.overprovision)
    }
    this.#onChange(endpoint, degraded ? 'degraded' : 'recovered', why)
  }

  /** The breaker lets nobody use an endpoint, but for its trials. */
  shutOut(endpoint: Endpoint, why: string): void {
    if (endpoint.removed || endpoint.shut) return
    endpoint.shut = true
    this.shut += 1
    this.#settle(endpoint)
    this.#onChange(endpoint, 'shut', why)
  }

  /** Undoes `shutOut`. */
  reopen(endpoint: Endpoint, why: string): void {
    if (endpoint.removed || !endpoint.shut) return
    endpoint.shut = false
    this.shut -= 1
    this.#settle(endpoint)
    this.#onChange(endpoint, 'opened', why)
  }

  /** Takes an endpoint out until `restore`; `until` (monotonic milliseconds) only informs. */
  eject(endpoint: Endpoint, until: number, why: string): void {
    if (endpoint.removed || endpoint.ejected) return
    endpoint.ejected = true
    endpoint.ejectedUntil = until
    endpoint.ejections += 1
    this.ejected += 1
    this.#settle(endpoint)
    this.#onChange(endpoint, 'ejected', why)
  }

  /** Ends an ejection at `now` (monotonic milliseconds); does nothing when there is none. */
  restore(endpoint: Endpoint, now: number, why: string): void {
    if (endpoint.removed || !endpoint.ejected) return
    endpoint.ejected = false
    endpoint.ejectedUntil = 0
    endpoint.returnedAt = now
    endpoint.consecutiveFailures = 0
    this.ejected -= 1
    this.#settle(endpoint)
    this.#onChange(endpoint, 'returned', why)
  }

  /**
   * Replaces the members. An endpoint whose address, zone and priority stay keeps its identity: requests in
   * flight, health and ejection. Throws RangeError as the constructor does, and changes nothing then.
   */
  update(options: readonly EndpointOptions[]): { added: Endpoint[]; removed: Endpoint[] } {
    const known = new Map<string, Endpoint>()
    for (const endpoint of this.endpoints) known.set(endpoint.address, endpoint)
    const slots = this.#freeSlots(options, known)
    const seen = new Set<string>()
    const next: Endpoint[] = []
    const added: Endpoint[] = []
    for (const one of options) {
      const address = one.address.text
      if (seen.has(address)) throw new RangeError(`endpoint ${address} is given twice`)
      seen.add(address)
      checkWeight(one)
      const old = known.get(address)
      if (old !== undefined && isSame(old, one)) {
        next.push(old)
        continue
      }
      const endpoint = new Endpoint(slots.next().value, one)
      next.push(endpoint)
      added.push(endpoint)
    }
    const kept = new Set(next)
    const removed = this.endpoints.filter((endpoint) => !kept.has(endpoint))
    for (const endpoint of removed) this.#remove(endpoint)
    // Those that were there before this sidecar knew of anybody have long been warm.
    if (this.endpoints.length > 0) for (const endpoint of added) this.#warmUp(endpoint)
    const reweighted = new Set<number>()
    for (let i = 0; i < next.length; i++) {
      const endpoint = next[i] as Endpoint
      const weight = (options[i] as EndpointOptions).weight
      if (endpoint.weight !== weight) reweighted.add(this.rankOf(endpoint))
      endpoint.weight = weight
      endpoint.labels = (options[i] as EndpointOptions).labels ?? NO_LABELS
    }
    this.endpoints = next
    this.usable += added.length
    this.#arrange(reweighted)
    return { added, removed }
  }

  /** Place of an endpoint's tier in the order of use: by priority, and within a priority our own zone first. */
  rankOf(endpoint: Endpoint): number {
    return 2 * endpoint.priority + (this.#zone !== null && endpoint.zone === this.#zone ? 0 : 1)
  }

  counts(): EndpointCounts {
    const health = { healthy: 0, unhealthy: 0, unknown: 0 }
    for (const endpoint of this.endpoints) health[endpoint.health] += 1
    let degraded = 0
    for (const endpoint of this.endpoints) if (endpoint.degraded) degraded += 1
    const { usable, ejected, shut, panic } = this
    return { total: this.endpoints.length, usable, ...health, degraded, ejected, shut, panic }
  }

  /** Why none may be usable, as a phrase for people; made once per change. */
  whyNone(): string {
    if (this.#whyVersion === this.version) return this.#why
    this.#whyVersion = this.version
    const parts: string[] = []
    if (this.unhealthy > 0) parts.push(`${this.unhealthy} unhealthy by the checks`)
    if (this.ejected > 0) parts.push(`${this.ejected} ejected for failed requests`)
    if (this.shut > 0) parts.push(`${this.shut} shut by the breaker until a trial succeeds`)
    const { length } = this.endpoints
    const count = `${length} ${length === 1 ? 'endpoint' : 'endpoints'}`
    this.#why = parts.length === 0 ? count : `of ${count} ${parts.join(', ')}`
    return this.#why
  }

  /** Brings `usable`, the tier and the shares in line with what was just changed. */
  #settle(endpoint: Endpoint): void {
    // What is said of those that are out changes too.
    this.#whyVersion = -1
    const usable = endpoint.health !== 'unhealthy' && !endpoint.ejected && !endpoint.shut
    if (usable === endpoint.usable) return
    endpoint.usable = usable
    const step = usable ? 1 : -1
    this.usable += step
    this.version += 1
    if (usable) this.#warmUp(endpoint)
    this.#count(endpoint, step)
    spreadLoad(this.tiers, this.panicBelow, this.overprovision)
  }

  #warmUp(endpoint: Endpoint): void {
    if (this.#warmUpClock !== null) endpoint.warmingSince = this.#warmUpClock.now()
  }

  /** An endpoint comes to the candidates of its tier, or leaves them. */
  #count(endpoint: Endpoint, step: number): void {
    const { degraded } = endpoint
    const rank = this.rankOf(endpoint)
    const tier = this.tiers.find((one) => one.rank === rank && one.degraded === degraded) as Tier
    tier.usable += step
    // In panic all members are candidates anyway.
    if (!tier.panic) tier.version += 1
  }

  /** Adds the tier of the degraded endpoints of a rank, where it is missing. */
  #openStandby(rank: number): void {
    if (this.tiers.some((one) => one.rank === rank && one.degraded)) return
    const { members } = this.tiers.find((one) => one.rank === rank) as Tier
    this.tiers = [...this.tiers, new Tier(rank, members, true)].sort(byUse)
    this.structure += 1
  }

  #remove(endpoint: Endpoint): void {
    if (endpoint.usable) this.usable -= 1
    if (endpoint.ejected) this.ejected -= 1
    if (endpoint.shut) this.shut -= 1
    if (endpoint.health === 'unhealthy') this.unhealthy -= 1
    endpoint.removed = true
    endpoint.usable = false
  }

  /** Sorts the members into tiers; a tier whose members and weights stayed is not touched. */
  #arrange(reweighted: ReadonlySet<number>): void {
    const groups = new Map<number, Endpoint[]>()
    for (const endpoint of this.endpoints) {
      const rank = this.rankOf(endpoint)
      const group = groups.get(rank)
      if (group === undefined) groups.set(rank, [endpoint])
      else group.push(endpoint)
    }
    const old = this.tiers
    const arranged = (rank: number, members: Endpoint[], degraded: boolean): Tier => {
      const tier = old.find((one) => one.rank === rank && one.degraded === degraded)
      if (tier === undefined) return new Tier(rank, members, degraded)
      if (reweighted.has(rank) || !isSameList(tier.members, members)) tier.replace(members)
      return tier
    }
    const tiers: Tier[] = []
    for (const [rank, members] of groups) {
      tiers.push(arranged(rank, members, false))
      if (members.some(({ degraded }) => degraded)) tiers.push(arranged(rank, members, true))
    }
    this.tiers = tiers.sort(byUse)
    this.version += 1
    if (!isSameList(old, this.tiers)) this.structure += 1
    spreadLoad(this.tiers, this.panicBelow, this.overprovision)
  }

  /** Slots that no remaining endpoint holds, the lowest first. */
  *#freeSlots(
    options: readonly EndpointOptions[],
    known: ReadonlyMap<string, Endpoint>,
  ): Generator<number, number> {
    const taken = new Set<number>()
    for (const one of options) {
      const old = known.get(one.address.text)
      if (old !== undefined && isSame(old, one)) taken.add(old.index)
    }
    for (let slot = 0; ; slot++) if (!taken.has(slot)) yield slot
  }
}

function isSame(endpoint: Endpoint, options: EndpointOptions): boolean {
  return (
    endpoint.host === options.address.host &&
    endpoint.port === options.address.port &&
    endpoint.zone === options.zone &&
    endpoint.priority === options.priority
  )
}

function isSameList<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((item, i) => item === other[i])
}

function ignore(): void {}
