import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import type { DnsConfig } from '../../../config/types/discovery.ts'
import type { EndpointConfig } from '../../../config/types/upstream.ts'
import type { Random } from '../../base/random.ts'
import { type Deadline, Timer, type TimerWheel } from '../../base/timer-wheel.ts'
import type { EndpointSource, SourceListener } from '../endpoint-source.ts'
import { AddressLookup, type Nothing, ofFamily } from './address-lookup.ts'
import { addressesInHosts } from './hosts-file.ts'
import { parseResolvConf, type ResolvConf } from './resolv-conf.ts'
import { SearchWalk } from './search-walk.ts'
import { type ServiceAddress, ServiceLookup } from './service-lookup.ts'
import { StubResolver } from './stub-resolver.ts'

export interface DnsSourceOptions {
  readonly timers: TimerWheel
  readonly random: Random
  /** Default: the system's. */
  readonly resolvConf?: string
  readonly hosts?: string
}

type Found = { readonly kind: 'found'; readonly endpoints: readonly EndpointConfig[]; readonly ttl: number }

/** After a failure the next try comes after this time, then after twice as much, and so on; in milliseconds. */
const RETRY_MS = 500
const MAX_RETRY_MS = 30_000
/** A name without addresses is looked up again after this time at the latest, in milliseconds. */
const EMPTY_MS = 5000
/** Between two look-ups because connections fail, in milliseconds at least. */
const DOUBT_MS = 2000
/** Times are longer than they have to be by up to this share, so that not all ask at once. */
const JITTER = 0.1
/** The hosts file may change at any time, in seconds. */
const HOSTS_TTL = 5

/** Endpoints from DNS: the addresses of a host, or the hosts of a service. Looks again when the records are too old. */
export class DnsSource implements EndpointSource, Deadline {
  readonly kind = 'dns'
  readonly subject: string
  readonly patient = true
  readonly #config: DnsConfig
  readonly #options: DnsSourceOptions
  readonly #timer = new Timer(this, 0)
  readonly #resolver: StubResolver
  readonly #walk: SearchWalk
  readonly #addresses: AddressLookup
  readonly #services: ServiceLookup
  #listener: SourceListener | null = null
  #looking = false
  #lookedAt = 0
  /** When it is looked again, in monotonic milliseconds. */
  #next = 0
  #failures = 0
  /** Endpoints were found last, and are in use. */
  #inUse = false
  /** Monotonic milliseconds since when the name has no address; -1: it has. */
  #emptySince = -1

  constructor(config: DnsConfig, options: DnsSourceOptions) {
    this.subject = `DNS for ${config.name}`
    this.#config = config
    this.#options = options
    this.#resolver = new StubResolver(options.timers)
    this.#walk = new SearchWalk(config.name)
    this.#addresses = new AddressLookup(config.family)
    this.#services = new ServiceLookup(config.family)
  }

  start(listener: SourceListener): void {
    this.#listener = listener
    void this.#look()
  }

  stop(): void {
    this.#listener = null
    this.#resolver.stop()
    this.#options.timers.disarm(this.#timer)
  }

  doubt(): void {
    const { timers, random } = this.#options
    if (this.#listener === null || this.#looking || this.#emptySince >= 0 || this.#failures > 0) return
    const soon = Math.max(0, this.#lookedAt + DOUBT_MS - timers.now()) + random.next() * JITTER * DOUBT_MS
    if (this.#next - timers.now() > soon) this.#lookIn(soon)
  }

  expired(): void {
    void this.#look()
  }

  #lookIn(ms: number): void {
    const { timers } = this.#options
    this.#next = timers.now() + ms
    timers.arm(this.#timer, ms)
  }

  async #look(): Promise<void> {
    this.#looking = true
    const result = await this.#find()
    const listener = this.#listener
    // Stopped meanwhile.
    if (listener === null) return
    this.#looking = false
    const now = this.#options.timers.now()
    this.#lookedAt = now
    if (result.kind === 'failed') {
      const wait = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** this.#failures)
      this.#failures += 1
      this.#lookIn(this.#jittered(wait))
      listener.failed(result.code, result.why)
      return
    }
    this.#failures = 0
    const { minTtl, maxTtl, keepEmpty } = this.#config
    const wait = Math.min(maxTtl, Math.max(minTtl, result.ttl * 1000))
    if (result.kind === 'found') {
      this.#emptySince = -1
      this.#inUse = true
      this.#lookIn(this.#jittered(wait))
      listener.found(result.endpoints)
      return
    }
    if (this.#emptySince < 0) this.#emptySince = now
    const keep = this.#emptySince + keepEmpty - now
    if (this.#inUse && keep > 0) {
      this.#lookIn(Math.min(keep, this.#jittered(Math.min(wait, EMPTY_MS))))
      listener.failed('empty', result.why)
      return
    }
    this.#inUse = false
    this.#lookIn(this.#jittered(Math.min(wait, EMPTY_MS)))
    listener.empty(result.why)
  }

  #jittered(ms: number): number {
    return ms * (1 + JITTER * this.#options.random.next())
  }

  async #find(): Promise<Found | Nothing> {
    const { name, port, family } = this.#config
    if (port !== null) {
      const local = ofFamily(await this.#local(name.replace(/\.$/, '')), family)
      if (local.length > 0) return { kind: 'found', endpoints: endpointsOf(local, port), ttl: HOSTS_TTL }
    }
    const conf = await this.#conf()
    return this.#walk.find<Found>(conf, async (complete) => {
      if (port === null) {
        const result = await this.#services.lookUp(complete, (host, type) =>
          this.#resolver.resolve(host, type, conf),
        )
        return result.kind === 'found'
          ? { ...result, endpoints: result.addresses.map(endpointOf).sort(byAddress) }
          : result
      }
      const result = await this.#addresses.lookUp((type) => this.#resolver.resolve(complete, type, conf))
      return result.kind === 'found' ? { ...result, endpoints: endpointsOf(result.addresses, port) } : result
    })
  }

  /** What is known of a name without asking anybody. */
  async #local(name: string): Promise<readonly string[]> {
    const found = addressesInHosts(await textOf(this.#options.hosts ?? '/etc/hosts'), name)
    if (found.length > 0) return found
    // Reserved for this machine (RFC 6761 §6.3).
    return /^(?:.+\.)?localhost$/i.test(name) ? ['127.0.0.1', '::1'] : []
  }

  async #conf(): Promise<ResolvConf> {
    const conf = parseResolvConf(await textOf(this.#options.resolvConf ?? '/etc/resolv.conf'))
    const { resolvers } = this.#config
    return resolvers.length === 0 ? conf : { ...conf, servers: resolvers }
  }
}

function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '')
}

/** Sorted, because servers turn their lists round: what is the same has to look the same. */
function endpointsOf(addresses: readonly string[], port: number): EndpointConfig[] {
  return [...new Set(addresses)]
    .map((address) => endpointOf({ address, port, weight: 1, priority: 0 }))
    .sort(byAddress)
}

function endpointOf({ address, port, weight, priority }: ServiceAddress): EndpointConfig {
  const text = isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`
  return { address: { host: address, port, text }, weight, zone: null, priority, labels: {} }
}

function byAddress(one: EndpointConfig, other: EndpointConfig): number {
  return one.address.text < other.address.text ? -1 : one.address.text > other.address.text ? 1 : 0
}
