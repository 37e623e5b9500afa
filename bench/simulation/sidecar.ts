import type { Balancer } from '../../proxy/balance/balancer.ts'
import { NONE_TRIED } from '../../proxy/balance/choice.ts'
import { type BalanceOptions, createBalancer } from '../../proxy/balance/create-balancer.ts'
import type { Endpoint, EndpointOptions } from '../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../proxy/balance/endpoint-set.ts'
import { LatencyObserver } from '../../proxy/balance/ewma.ts'
import { type AttemptObserver, FAILED, SUCCEEDED } from '../../proxy/balance/outcome.ts'
import { OutlierDetector, type OutlierOptions } from '../../proxy/balance/outlier.ts'
import type { Random } from '../../proxy/base/random.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface SidecarOptions {
  /** Its place among the others. */
  readonly index: number
  readonly balance: BalanceOptions
  readonly endpoints: readonly EndpointOptions[]
  readonly outlier: OutlierOptions | null
  /** The zone that it prefers, null for none. */
  readonly zone: string | null
}

/** The parts of one proxy that decide where a request goes: the proxy's own, on virtual time. */
export class Sidecar {
  readonly index: number
  readonly set: EndpointSet
  readonly #balancer: Balancer
  readonly #outlier: OutlierDetector | null
  readonly #observers: readonly AttemptObserver[]

  constructor(options: SidecarOptions, time: VirtualTime, random: Random) {
    const { balance, outlier, zone } = options
    this.index = options.index
    this.set = new EndpointSet(options.endpoints, {
      panicBelow: 0,
      zone,
      warmUpClock: balance.slowStart ? time : null,
    })
    this.#balancer = createBalancer(balance, this.set, random, time)
    this.#outlier = outlier === null ? null : new OutlierDetector(this.set, outlier, time.wheel, time, random)
    this.#outlier?.start()
    const observers: AttemptObserver[] = []
    if (this.#outlier !== null) observers.push(this.#outlier)
    if (balance.policy === 'ewma') observers.push(new LatencyObserver(time, balance))
    this.#observers = observers
  }

  /** The endpoint for a request whose key has this hash (-1: none); null when there is none. Counted as in flight. */
  begin(hash: number): Endpoint | null {
    const endpoint = this.#balancer.pick({ tried: NONE_TRIED, hash })
    if (endpoint !== null) endpoint.active += 1
    return endpoint
  }

  /** The answer came `ms` milliseconds after the request went. */
  end(endpoint: Endpoint, failed: boolean, ms: number): void {
    endpoint.active -= 1
    for (const observer of this.#observers)
      observer.attemptEnded(endpoint, failed ? FAILED : SUCCEEDED, ms, 0)
  }

  stop(): void {
    this.#outlier?.stop()
  }
}
