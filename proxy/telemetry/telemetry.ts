import { type Clock, systemClock } from '../base/clock.ts'
import { prefersOpenMetrics } from './accept.ts'
import type { AppStats } from './app-stats.ts'
import { CertificateStats } from './certificate-expiry.ts'
import { collectors } from './collectors.ts'
import { ConcurrencyStats } from './concurrency-stats.ts'
import { ConfigStats } from './config-stats.ts'
import { DiscoveryStats } from './discovery-stats.ts'
import { EndpointStats } from './endpoint-stats.ts'
import { EventLoopLag } from './event-loop-lag.ts'
import { Exposition } from './exposition.ts'
import { ListenerStats } from './listener-stats.ts'
import { METRICS, type MetricName } from './metric-table.ts'
import { addProcessMetrics } from './process-metrics.ts'
import { RateLimitStats } from './rate-limit-stats.ts'
import { type Direction, RequestStats } from './request-stats.ts'
import { UpstreamStats } from './upstream-stats.ts'

export interface TelemetryOptions {
  /** Name of this workload. */
  readonly service: string
  /** Version of the proxy. */
  readonly version: string
  /** Whether memory, CPU time and the like of the process are reported too; default true. */
  readonly processMetrics?: boolean
  /** What counts the log lines that were dropped. */
  readonly log?: { readonly dropped: number } | undefined
  /** Default: the system's clock. */
  readonly clock?: Clock
}

/**
 * Everything that is counted. The data plane asks once for the object of its route, upstream, endpoint or listener and
 * from then on writes plain fields; text is made of them only when someone scrapes.
 */
export class Telemetry {
  readonly service: string
  readonly version: string
  readonly certificates: CertificateStats
  readonly config: ConfigStats
  readonly eventLoopLag: EventLoopLag
  readonly log: { readonly dropped: number } | null
  /** Null when the sidecar runs no application. */
  app: AppStats | null
  readonly requestStats = new Map<string, RequestStats>()
  readonly upstreamStats = new Map<string, UpstreamStats>()
  readonly endpointStats = new Map<string, EndpointStats>()
  readonly discoveryStats = new Map<string, DiscoveryStats>()
  readonly listenerStats = new Map<string, ListenerStats>()
  readonly rateLimitStats = new Map<string, RateLimitStats>()
  readonly concurrencyStats = new Map<string, ConcurrencyStats>()
  readonly #refreshers = new Set<() => void>()
  readonly #text = new Exposition(false)
  readonly #openMetrics = new Exposition(true)

  constructor(options: TelemetryOptions) {
    this.service = options.service
    this.version = options.version
    this.log = options.log ?? null
    this.app = null
    this.certificates = new CertificateStats()
    this.config = new ConfigStats()
    this.eventLoopLag = new EventLoopLag((options.clock ?? systemClock).now)
    const collect = collectors(this)
    for (const exposition of [this.#text, this.#openMetrics]) {
      for (const name of Object.keys(METRICS) as MetricName[]) {
        exposition.add(name, METRICS[name], collect[name])
      }
      if (options.processMetrics !== false) addProcessMetrics(exposition)
    }
  }

  /** The statistics of a route's requests to one upstream ("" when none was chosen); made at the first call. */
  requests(direction: Direction, route: string, upstream: string): RequestStats {
    return obtain(
      this.requestStats,
      `${direction}\n${route}\n${upstream}`,
      () => new RequestStats(direction, route, upstream),
    )
  }

  /** Made at the first call. */
  upstream(name: string): UpstreamStats {
    return obtain(this.upstreamStats, name, () => new UpstreamStats(name))
  }

  /** Made at the first call; `address` is `host:port`. */
  endpoint(upstream: string, address: string): EndpointStats {
    return obtain(
      this.endpointStats,
      endpointKey(upstream, address),
      () => new EndpointStats(upstream, address),
    )
  }

  /** Of an upstream whose endpoints are found by a source of this kind, such as `dns`; made at the first call. */
  discovery(upstream: string, source: string): DiscoveryStats {
    const known = this.discoveryStats.get(upstream)
    if (known !== undefined && known.labels['source'] === source) return known
    const made = new DiscoveryStats(upstream, source)
    this.discoveryStats.set(upstream, made)
    return made
  }

  /** Made at the first call; a known name whose direction changed starts anew. */
  listener(name: string, direction: Direction): ListenerStats {
    const known = this.listenerStats.get(name)
    if (known !== undefined && known.direction === direction) return known
    const made = new ListenerStats(name, direction)
    this.listenerStats.set(name, made)
    return made
  }

  /** Made at the first call; `route` is "" for a limit of the listener. */
  rateLimit(listener: string, route: string, limit: string): RateLimitStats {
    return obtain(
      this.rateLimitStats,
      `${listener}\n${route}\n${limit}`,
      () => new RateLimitStats(listener, route, limit),
    )
  }

  /** Made at the first call; one of the two is "": the limit is a route's or an upstream's. */
  concurrency(route: string, upstream: string): ConcurrencyStats {
    return obtain(this.concurrencyStats, `${route}\n${upstream}`, () => new ConcurrencyStats(route, upstream))
  }

  /** Reports it no longer; what is still recorded in the object is lost. So with the other `remove` methods. */
  removeRequests(direction: Direction, route: string, upstream: string): void {
    this.requestStats.delete(`${direction}\n${route}\n${upstream}`)
  }

  /** Removes the upstream with its endpoints and its limit on concurrency. */
  removeUpstream(name: string): void {
    this.upstreamStats.delete(name)
    this.discoveryStats.delete(name)
    this.concurrencyStats.delete(`\n${name}`)
    for (const [key, endpoint] of this.endpointStats) {
      if (endpoint.upstream === name) this.endpointStats.delete(key)
    }
  }

  removeEndpoint(upstream: string, address: string): void {
    this.endpointStats.delete(endpointKey(upstream, address))
  }

  /** Removes the listener with its rate limits and those of its routes. */
  removeListener(name: string): void {
    this.listenerStats.delete(name)
    for (const [key, { labels }] of this.rateLimitStats) {
      if (labels.listener === name) this.rateLimitStats.delete(key)
    }
  }

  /** Removes the limits of a route. */
  removeRoute(route: string): void {
    this.concurrencyStats.delete(`${route}\n`)
    for (const [key, { labels }] of this.rateLimitStats) {
      if (labels.route === route) this.rateLimitStats.delete(key)
    }
  }

  /** Has `refresh` called before each scrape, to copy in what is counted elsewhere. Returns what ends it. */
  onScrape(refresh: () => void): () => void {
    this.#refreshers.add(refresh)
    return () => this.#refreshers.delete(refresh)
  }

  /** Everything in the Prometheus text format 0.0.4. */
  text(): Promise<string> {
    return this.#render(this.#text)
  }

  /** Everything in the OpenMetrics format 1.0. */
  openMetrics(): Promise<string> {
    return this.#render(this.#openMetrics)
  }

  /** The content type a scraper with this Accept field gets. */
  contentType(accept: string | undefined): string {
    return this.#exposition(accept).contentType
  }

  /** Everything in the format that suits a scraper's Accept field. */
  scrape(accept: string | undefined): Promise<string> {
    return this.#render(this.#exposition(accept))
  }

  /** Stops watching the event loop. */
  close(): void {
    this.eventLoopLag.close()
  }

  #exposition(accept: string | undefined): Exposition {
    return prefersOpenMetrics(accept) ? this.#openMetrics : this.#text
  }

  async #render(exposition: Exposition): Promise<string> {
    for (const refresh of this.#refreshers) refresh()
    return exposition.render()
  }
}

function obtain<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

function endpointKey(upstream: string, address: string): string {
  return `${upstream}\n${address}`
}
