import type { AuthorizeRule, ForwardedConfig } from '../../../config/types/listener.ts'
import type { MatchConfig, RetryConfig } from '../../../config/types/route.ts'
import { Breaker, type BreakerOptions } from '../../../proxy/balance/breaker.ts'
import { CappedBalancer, EndpointCap } from '../../../proxy/balance/capped-balancer.ts'
import { createBalancer } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { FAILED, type Outcome } from '../../../proxy/balance/outcome.ts'
import { TrialBalancer } from '../../../proxy/balance/trial-balancer.ts'
import { StallWatch } from '../../../proxy/base/stall-watch.ts'
import type { Caller } from '../../../proxy/downstream/caller.ts'
import type { Affinity } from '../../../proxy/exchange/affinity.ts'
import { CallerContext } from '../../../proxy/exchange/caller-context.ts'
import { Cluster } from '../../../proxy/exchange/cluster.ts'
import { RouteTarget } from '../../../proxy/exchange/route-target.ts'
import { ServedHosts } from '../../../proxy/exchange/served-hosts.ts'
import type { Added } from '../../../proxy/message/added.ts'
import type { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { type PathRules, STRICT_PATHS } from '../../../proxy/message/path.ts'
import type { Reason } from '../../../proxy/message/reason.ts'
import type { ClientSession, Protocol } from '../../../proxy/message/session.ts'
import type { MessageSink, MessageSource, MessageStream } from '../../../proxy/message/stream.ts'
import { Authorization } from '../../../proxy/policy/authorize.ts'
import { RetryPolicy } from '../../../proxy/policy/retry.ts'
import { RouteTable } from '../../../proxy/route/route-table.ts'
import type { AccessRecord } from '../../../proxy/telemetry/access-log.ts'
import { EndpointStats } from '../../../proxy/telemetry/endpoint-stats.ts'
import { ListenerStats } from '../../../proxy/telemetry/listener-stats.ts'
import { RequestStats } from '../../../proxy/telemetry/request-stats.ts'
import { UpstreamStats } from '../../../proxy/telemetry/upstream-stats.ts'
import type { EndpointPool, SessionWaiter } from '../../../proxy/upstream/endpoint-pool.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

export const ANY: MatchConfig = {
  authority: null,
  path: null,
  prefix: null,
  grpc: null,
  methods: null,
  headers: [],
}

/** A stream of no connection: keeps what is sent on it, and is told by the test what the peer does. */
export class FakeStream implements MessageStream {
  receiver: MessageSink | null = null
  source: MessageSource | null = null
  readonly heads: Head[] = []
  readonly requestIds: number[] = []
  body = ''
  fields: Fields | null = null
  ended = false
  /** Bytes that came on it and were passed on. */
  credited = 0
  readonly cancels: Reason[] = []
  readonly stops: Reason[] = []
  /** Passes bytes on at once, as a connection with window does. */
  crediting = true

  head(head: Head, added: Added | null, end: boolean): void {
    this.#check()
    this.heads.push(head)
    this.requestIds.push(added === null ? 0 : added.requestId)
    this.ended = end
  }

  data(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.#check()
    this.body += chunk.toString('latin1', from, to)
    this.ended = end
    if (this.crediting && to > from) this.source?.credit(to - from)
  }

  trailers(fields: Fields): void {
    this.#check()
    this.fields = fields
    this.ended = true
  }

  reset(reason: Reason): void {
    this.cancel(reason)
  }

  stop(reason: Reason): void {
    this.stops.push(reason)
  }

  credit(bytes: number): void {
    this.credited += bytes
  }

  cancel(reason: Reason): void {
    this.cancels.push(reason)
    this.receiver = null
    this.source = null
  }

  #check(): void {
    if (this.ended) throw new Error('something was sent behind the end')
    if (this.cancels.length > 0) throw new Error('something was sent on a cancelled stream')
  }

  /** The peer sends DATA. */
  receive(text: string, end = false): void {
    this.receiver?.data(Buffer.from(text, 'latin1'), 0, text.length, end)
  }
}

/** The way to one endpoint: gives streams at once, later, or not at all. */
export class FakePool {
  readonly streams: FakeStream[] = []
  readonly waiting: SessionWaiter[] = []
  /** Why nothing can be waited for, null when it can. */
  refusal: Reason | null = null
  connected = true
  /** Connections that are open, whatever room they have. */
  connections = 0
  crediting = true

  ready(): ClientSession | null {
    return this.connected ? this.session() : null
  }

  wait(waiter: SessionWaiter): Reason | null {
    if (this.refusal !== null) return this.refusal
    this.waiting.push(waiter)
    return null
  }

  leave(waiter: SessionWaiter): void {
    const at = this.waiting.indexOf(waiter)
    if (at >= 0) this.waiting.splice(at, 1)
  }

  connect(): void {
    for (const waiter of this.waiting.splice(0)) waiter.sessionReady(this.session())
  }

  fail(reason: Reason): void {
    for (const waiter of this.waiting.splice(0)) waiter.sessionFailed(reason)
  }

  session(): ClientSession {
    const open = (receiver: MessageSink, source: MessageSource): MessageStream => {
      const stream = new FakeStream()
      stream.crediting = this.crediting
      stream.receiver = receiver
      stream.source = source
      this.streams.push(stream)
      return stream
    }
    return { open } as unknown as ClientSession
  }
}

export interface BenchOptions {
  readonly endpoints?: number
  readonly timeout?: number | null
  readonly retry?: Partial<RetryConfig> | null
  readonly match?: Partial<MatchConfig>
  readonly authorize?: readonly AuthorizeRule[]
  readonly caller?: Partial<Caller>
  readonly inbound?: boolean
  /** What the caller speaks, HTTP/2 by default. */
  readonly protocol?: Protocol
  readonly paths?: PathRules
  readonly hosts?: readonly string[]
  readonly matchServerName?: boolean
  readonly forwarded?: Partial<ForwardedConfig>
  readonly via?: string
  readonly maxRequests?: number
  readonly retryBudget?: number
  readonly maxUriBytes?: number
  readonly maxBodyBytes?: number
  /** Values of `Head.tunnel` that the route opens; none by default. */
  readonly tunnels?: readonly string[]
  readonly tunnelIdleMs?: number
  readonly breaker?: BreakerOptions
  readonly requestsPerEndpoint?: number
  /** What binds the route's requests to endpoints; nothing by default. */
  readonly affinity?: (cluster: Cluster) => Affinity
  /** A real pool for every endpoint, in place of `pools`. */
  readonly pool?: EndpointPool
}

/** A listener with one route to one cluster, whose peers on both sides the test plays. */
export class ExchangeBench {
  readonly clock = new VirtualClock()
  readonly pools: FakePool[]
  readonly cluster: Cluster
  readonly context: CallerContext
  readonly listener = new ListenerStats('test', 'outbound')
  readonly unrouted = new RequestStats('outbound', '', '')
  readonly stats = new RequestStats('outbound', 'route', 'shop')
  readonly records: AccessRecord[] = []
  readonly refused: Reason[] = []
  /** What outlier detection was told: `index failed`. */
  readonly results: string[] = []
  /** With `breaker` in the options. */
  readonly breaker: Breaker | null
  /** Does not run until it is started. */
  readonly stalls: StallWatch

  constructor(options: BenchOptions = {}) {
    const count = options.endpoints ?? 2
    const addresses = Array.from({ length: count }, (_, i) => ({
      address: { host: '10.0.0.1', port: i + 1, text: `10.0.0.1:${i + 1}` },
      weight: 1,
      zone: null,
      priority: 0,
    }))
    // With panic, endpoints that are shut would be used when too many are.
    const set = new EndpointSet(addresses, options.breaker === undefined ? {} : { panicBelow: 0 })
    this.pools = addresses.map(() => new FakePool())
    const pools = addresses.map((_, i) => options.pool ?? (this.pools[i] as unknown as EndpointPool))
    this.breaker =
      options.breaker === undefined
        ? null
        : new Breaker(set, options.breaker, this.clock.timers, { next: () => 0 })
    this.stalls = new StallWatch(() => this.clock.now(), this.clock.timers)
    const policy = createBalancer({ policy: 'round-robin' }, set, { next: () => 0 })
    const cap =
      options.requestsPerEndpoint === undefined ? null : new EndpointCap(options.requestsPerEndpoint)
    const balancer = cap === null ? policy : new CappedBalancer(policy, cap)
    this.cluster = new Cluster({
      name: 'shop',
      scheme: 'http',
      set,
      balancer: this.breaker === null ? balancer : new TrialBalancer(balancer, this.breaker),
      breaker: this.breaker,
      stalls: this.stalls,
      cap,
      observers: [
        ...(this.breaker === null ? [] : [this.breaker]),
        {
          attemptEnded: (endpoint: Endpoint, outcome: Outcome) => {
            this.results.push(`${endpoint.index} ${outcome === FAILED ? 'failed' : 'good'}`)
          },
        },
      ],
      pools,
      tunnelPools: pools,
      endpointStats: addresses.map(({ address }) => new EndpointStats('shop', address.text)),
      stats: new UpstreamStats('shop'),
      maxRequests: options.maxRequests ?? 1024,
      retryBudget: options.retryBudget ?? 0.2,
    })
    const { retry } = options
    const target = new RouteTarget(
      'route',
      [
        {
          cluster: this.cluster,
          upTo: 1,
          stats: this.stats,
          affinity: options.affinity?.(this.cluster) ?? null,
        },
      ],
      options.timeout ?? null,
      retry ? new RetryPolicy({ on: ['5xx'], attempts: 3, perTryTimeout: null, ...retry }) : null,
      { allowed: new Set(options.tunnels ?? []), idleMs: options.tunnelIdleMs ?? null },
    )
    this.context = new CallerContext(
      {
        clock: this.clock,
        timers: this.clock.timers,
        maxUriBytes: options.maxUriBytes ?? 8192,
        maxBodyBytes: options.maxBodyBytes ?? Number.POSITIVE_INFINITY,
        routes: new RouteTable([{ match: { ...ANY, ...options.match }, target }]),
        authorization: new Authorization(options.authorize ?? []),
        listener: this.listener,
        unrouted: this.unrouted,
        accessLog: { record: (record: AccessRecord) => this.records.push({ ...record }) } as never,
        paths: options.paths ?? STRICT_PATHS,
        hosts: new ServedHosts(options.hosts ?? null, options.matchServerName ?? false),
        forwarding: {
          inbound: options.inbound ?? false,
          self: null,
          forwarded: { trust: 'mesh', trustedHops: 0, write: 'x-forwarded', ...options.forwarded },
          via: options.via ?? null,
        },
        refused: (_caller, reason) => this.refused.push(reason),
      },
      { address: '127.0.0.1', principal: null, tls: false, serverName: '', ...options.caller } as Caller,
      options.protocol ?? 'h2',
    )
  }

  /** A request comes in; returns its downstream stream. */
  request(head: Head = Head.request('GET', 'http', 'a.test', '/'), end = true): FakeStream {
    const stream = new FakeStream()
    this.context.request(stream, head, end)
    return stream
  }

  /** The streams opened upstream so far, in order of the endpoints. */
  get upstream(): FakeStream[] {
    return this.pools.flatMap(({ streams }) => streams)
  }

  /** What is still held by requests: all zero when every one is over. */
  get held(): Record<string, number> {
    return {
      requests: this.cluster.active,
      retrying: this.cluster.retrying,
      endpoints: this.cluster.set.endpoints.reduce((sum, { active }) => sum + active, 0),
      deadlines: this.clock.timers.armed,
      waiting: this.pools.reduce((sum, { waiting }) => sum + waiting.length, 0),
    }
  }
}

export const NOTHING_HELD = { requests: 0, retrying: 0, endpoints: 0, deadlines: 0, waiting: 0 }
