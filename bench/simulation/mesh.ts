import type { BalanceOptions } from '../../proxy/balance/create-balancer.ts'
import type { Endpoint, EndpointOptions } from '../../proxy/balance/endpoint.ts'
import type { OutlierOptions } from '../../proxy/balance/outlier.ts'
import { type Random, SeededRandom } from '../../proxy/base/random.ts'
import type { Event } from './event-queue.ts'
import { Latencies } from './latencies.ts'
import { type Job, Server, type ServerOptions } from './server.ts'
import { Sidecar } from './sidecar.ts'
import { VirtualTime } from './virtual-time.ts'

/** One way of a message between two hosts of one data centre, in milliseconds. */
const WAY = 0.25

export interface MeshOptions {
  readonly seed: number
  readonly balance: BalanceOptions
  /** Sidecars that call, each with a balancer of its own that sees its own requests only. */
  readonly sidecars: number
  readonly endpoints: readonly EndpointOptions[]
  /** What runs behind each endpoint. */
  readonly server: (endpoint: EndpointOptions) => ServerOptions
  /** Requests per second, of all sidecars together. */
  readonly rate: number
  /** Seconds for which requests come. */
  readonly seconds: number
  readonly outlier?: OutlierOptions | null
  /** Whose endpoints a sidecar prefers; without it zones make no difference. */
  readonly zone?: (sidecar: number) => string
  /** The hash of the next request's key; without it requests have none. */
  readonly hash?: (random: Random) => number
  /** All sidecars send at the same moments, one each, in place of when it happens to be. */
  readonly inStep?: boolean
}

/** What a scenario wants to know of each request, besides what `Mesh` counts. */
export interface Watcher {
  /** `sidecar` is its place among the others. */
  sent(endpoint: Endpoint, now: number, sidecar: number): void
}

/**
 * Sidecars, endpoints and requests on virtual time. Requests come at random moments whatever becomes of those before
 * (an open loop: a slow answer does not slow the callers down), and each is counted, whenever its answer comes.
 */
export class Mesh {
  readonly time = new VirtualTime()
  readonly sidecars: readonly Sidecar[]
  readonly latencies = new Latencies()
  /** Where latencies are put down besides, while it is set. */
  also: Latencies | null = null
  /** Requests sent, by address. */
  readonly sent = new Map<string, number>()
  requests = 0
  failures = 0
  /** Requests for which no endpoint was left. */
  turnedAway = 0
  watcher: Watcher | null = null
  readonly #servers = new Map<string, Server>()
  readonly #options: MeshOptions
  readonly #keys: Random
  readonly #work: Random

  constructor(options: MeshOptions) {
    this.#options = options
    const { balance, endpoints, outlier = null, seed } = options
    const random = (stream: number) => new SeededRandom(scatter(seed, stream))
    this.#keys = random(1)
    this.#work = random(2)
    for (const endpoint of endpoints) this.addServer(endpoint)
    this.sidecars = Array.from({ length: options.sidecars }, (_, i) => {
      const zone = options.zone?.(i) ?? null
      return new Sidecar({ index: i, balance, endpoints, outlier, zone }, this.time, random(100 + 2 * i))
    })
    const gap = (1000 * options.sidecars) / options.rate
    this.sidecars.forEach((sidecar, i) => {
      // In step the same numbers make the same moments.
      new Arrivals(
        this,
        sidecar,
        gap,
        random(options.inStep === true ? 3 : 101 + 2 * i),
        options.seconds * 1000,
      )
    })
  }

  server(address: string): Server {
    const server = this.#servers.get(address)
    if (server === undefined) throw new Error(`nothing runs at ${address}`)
    return server
  }

  /** Starts what is behind an endpoint; sidecars are told by `EndpointSet.update`. */
  addServer(endpoint: EndpointOptions): void {
    const address = endpoint.address.text
    this.#servers.set(address, new Server(this.#options.server(endpoint), this.time, this.#work))
    this.sent.set(address, 0)
  }

  /** Lets something happen `seconds` after the start. */
  at(seconds: number, action: (mesh: Mesh) => void): void {
    this.time.in(seconds * 1000, { happen: () => action(this) })
  }

  /** Runs until every request has its answer. */
  run(): this {
    this.time.run()
    for (const sidecar of this.sidecars) sidecar.stop()
    // Stops the wheel's own interval.
    this.time.wheel.advance()
    return this
  }

  send(sidecar: Sidecar, now: number): void {
    const { hash } = this.#options
    this.requests += 1
    const endpoint = sidecar.begin(hash === undefined ? -1 : hash(this.#keys))
    if (endpoint === null) {
      this.turnedAway += 1
      return
    }
    this.sent.set(endpoint.address, (this.sent.get(endpoint.address) ?? 0) + 1)
    this.watcher?.sent(endpoint, now, sidecar.index)
    this.time.in(WAY, new Request(this, sidecar, endpoint, this.server(endpoint.address), now))
  }

  answered(failed: boolean, ms: number): void {
    this.latencies.add(ms)
    this.also?.add(ms)
    if (failed) this.failures += 1
  }

  /** The share of all requests that went to `address`, 0 to 1. */
  share(address: string): number {
    return (this.sent.get(address) ?? 0) / this.requests
  }
}

/** The requests of one sidecar, at independent moments (a Poisson process). */
class Arrivals implements Event {
  readonly #mesh: Mesh
  readonly #sidecar: Sidecar
  readonly #gap: number
  readonly #random: Random
  readonly #end: number

  constructor(mesh: Mesh, sidecar: Sidecar, gap: number, random: Random, end: number) {
    this.#mesh = mesh
    this.#sidecar = sidecar
    this.#gap = gap
    this.#random = random
    this.#end = end
    this.#next()
  }

  happen(now: number): void {
    if (now >= this.#end) return
    this.#mesh.send(this.#sidecar, now)
    this.#next()
  }

  #next(): void {
    this.#mesh.time.in(-this.#gap * Math.log(1 - this.#random.next()), this)
  }
}

/** A request on its way there, at the server, and on its way back. */
class Request implements Event, Job {
  readonly #mesh: Mesh
  readonly #sidecar: Sidecar
  readonly #endpoint: Endpoint
  readonly #server: Server
  readonly #sentAt: number
  #onItsWayBack = false
  #failed = false

  constructor(mesh: Mesh, sidecar: Sidecar, endpoint: Endpoint, server: Server, sentAt: number) {
    this.#mesh = mesh
    this.#sidecar = sidecar
    this.#endpoint = endpoint
    this.#server = server
    this.#sentAt = sentAt
  }

  happen(now: number): void {
    if (!this.#onItsWayBack) {
      this.#server.take(this)
      return
    }
    const ms = now - this.#sentAt
    this.#sidecar.end(this.#endpoint, this.#failed, ms)
    this.#mesh.answered(this.#failed, ms)
  }

  answered(failed: boolean): void {
    this.#failed = failed
    this.#onItsWayBack = true
    this.#mesh.time.in(WAY, this)
  }
}

/** A seed for one of many streams of random numbers, far from those of the others. */
function scatter(seed: number, stream: number): number {
  let x = Math.imul(seed, 0x9e37_79b1) ^ Math.imul(stream + 1, 0x85eb_ca6b)
  x = Math.imul(x ^ (x >>> 16), 0x7feb_352d)
  x = Math.imul(x ^ (x >>> 15), 0x846c_a68b)
  return x ^ (x >>> 16)
}
