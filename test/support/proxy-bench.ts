import { setImmediate as afterTurn } from 'node:timers/promises'
import { createBalancer } from '../../proxy/balance/create-balancer.ts'
import { EndpointSet } from '../../proxy/balance/endpoint-set.ts'
import { DEFAULT_LIMITS } from '../../proxy/codec/http1/limits.ts'
import { Transport } from '../../proxy/codec/transport.ts'
import type { Caller } from '../../proxy/downstream/caller.ts'
import { createServerSession, type ServerSessionOptions } from '../../proxy/downstream/server-session.ts'
import { CallerContext } from '../../proxy/exchange/caller-context.ts'
import { Cluster } from '../../proxy/exchange/cluster.ts'
import { NO_TIMES, RouteTarget, type RouteTimes } from '../../proxy/exchange/route-target.ts'
import { ServedHosts } from '../../proxy/exchange/served-hosts.ts'
import type { Head } from '../../proxy/message/head.ts'
import { STRICT_PATHS } from '../../proxy/message/path.ts'
import { reasons } from '../../proxy/message/reason.ts'
import type {
  ClientSession,
  ClientSessionOwner,
  Protocol,
  RequestAcceptor,
  ServerSession,
} from '../../proxy/message/session.ts'
import type { MessageStream } from '../../proxy/message/stream.ts'
import { Authorization } from '../../proxy/policy/authorize.ts'
import { RouteTable } from '../../proxy/route/route-table.ts'
import type { AccessRecord } from '../../proxy/telemetry/access-log.ts'
import { EndpointStats } from '../../proxy/telemetry/endpoint-stats.ts'
import { ListenerStats } from '../../proxy/telemetry/listener-stats.ts'
import { RequestStats } from '../../proxy/telemetry/request-stats.ts'
import { UpstreamStats } from '../../proxy/telemetry/upstream-stats.ts'
import { type ClientSessionOptions, createClientSession } from '../../proxy/upstream/client-session.ts'
import type { EndpointPool } from '../../proxy/upstream/endpoint-pool.ts'
import { Accepted, Recorder } from './http1-peer.ts'
import { HTTP2 } from './http2-limits.ts'
import { type LinkedSocket, linkedSockets } from './linked-sockets.ts'
import { VirtualClock } from './virtual-clock.ts'

/** What a caller and the endpoint may speak. */
export const PAIRS: readonly (readonly [Protocol, Protocol])[] = [
  ['http1', 'http1'],
  ['http1', 'h2'],
  ['h2', 'http1'],
  ['h2', 'h2'],
]

const SESSION: Omit<ServerSessionOptions, 'timers'> = {
  maxStreams: 100,
  maxHeadBytes: 65_536,
  maxFields: 100,
  maxUriBytes: 8192,
  maxTrailerBytes: 8192,
  maxCookies: 200,
  http1: DEFAULT_LIMITS,
  http2: HTTP2,
  headMs: 10_000,
  idleMs: 300_000,
  bodyMs: 60_000,
  writeMs: 60_000,
  streamMs: 300_000,
  shortestSilenceMs: 0,
}

export interface ProxyBenchOptions {
  readonly session?: Partial<ServerSessionOptions>
  readonly upstream?: Partial<ClientSessionOptions>
  readonly maxBodyBytes?: number
  readonly timeout?: number | null
  readonly times?: Partial<RouteTimes>
  readonly inbound?: boolean
  /** The endpoint speaks for itself, in octets: see `endpointReceived` and `endpointSockets`. */
  readonly rawEndpoint?: boolean
}

/**
 * A whole proxy between a caller and an endpoint, its codecs included, over connections in memory and on virtual time.
 * The peers speak through codecs of the same kind; `caller` and `endpointSocket` take raw bytes, too.
 */
export class ProxyBench {
  readonly clock = new VirtualClock()
  readonly listener = new ListenerStats('test', 'inbound')
  readonly upstream = new UpstreamStats('app')
  readonly records: AccessRecord[] = []
  /** Requests as the endpoint got them. */
  readonly accepted: Accepted[] = []
  /** Called with each of them; by default nothing is answered. */
  onRequest: (accepted: Accepted, end: boolean) => void = () => {}
  /** The caller's end of its connection, and what came back on it when nobody else reads. */
  readonly callerSocket: LinkedSocket
  /** Takes the response octets of a caller that speaks for itself. */
  received = ''
  /** All octets that went to the endpoint, over all connections. */
  endpointReceived = ''
  /** The endpoint's ends of its connections. */
  readonly endpointSockets: LinkedSocket[] = []
  readonly cluster: Cluster
  readonly #from: Protocol
  readonly #to: Protocol
  readonly #options: ProxyBenchOptions
  readonly #sessions: ClientSession[] = []
  /** Of callers. */
  readonly #served: ServerSession[] = []
  #caller: ClientSession | null = null

  constructor(from: Protocol, to: Protocol, options: ProxyBenchOptions = {}) {
    this.#from = from
    this.#to = to
    this.#options = options
    const set = new EndpointSet([
      {
        address: { host: '10.0.0.1', port: 1, text: '10.0.0.1:1' },
        weight: 1,
        zone: null,
        priority: 0,
      },
    ])
    const pool = this.#pool()
    this.cluster = new Cluster({
      name: 'app',
      scheme: 'http',
      meshed: false,
      set,
      balancer: createBalancer({ policy: 'round-robin' }, set, { next: () => 0 }),
      observers: [],
      pools: [pool],
      tunnelPools: [pool],
      endpointStats: [new EndpointStats('app', '10.0.0.1:1')],
      stats: this.upstream,
      maxRequests: 1024,
      retryBudget: 0.2,
    })
    const [near, far] = linkedSockets()
    this.callerSocket = near
    this.#serve(new Transport(far), from, this.#context(), this.listener)
  }

  #context(): RequestAcceptor {
    const { clock } = this
    const requests = new RequestStats('inbound', 'route', 'app')
    const target = new RouteTarget({
      name: 'route',
      destinations: [{ cluster: this.cluster, upTo: 1, stats: requests }],
      tunnels: { allowed: new Set(), idleMs: 0 },
      times: { ...NO_TIMES, response: this.#options.timeout ?? null, ...this.#options.times },
    })
    const caller: Caller = { address: '10.9.9.9', port: 1234, principal: null, tls: false, serverName: '' }
    const match = { authority: null, path: null, prefix: null, grpc: null, methods: null, headers: [] }
    return new CallerContext(
      {
        clock,
        timers: clock.timers,
        maxUriBytes: this.#options.session?.maxUriBytes ?? SESSION.maxUriBytes,
        maxBodyBytes: this.#options.maxBodyBytes ?? Number.POSITIVE_INFINITY,
        routes: new RouteTable([{ match, target }]),
        authorization: new Authorization([]),
        listener: this.listener,
        unrouted: new RequestStats('inbound', '', ''),
        accessLog: { record: (record: AccessRecord) => this.records.push({ ...record }) } as never,
        paths: STRICT_PATHS,
        hosts: new ServedHosts(null, false),
        forwarding: {
          inbound: this.#options.inbound ?? true,
          self: null,
          forwarded: { trust: 'mesh', trustedHops: 0, write: 'x-forwarded' },
          via: null,
        },
        refused: () => {},
      },
      caller,
      this.#from,
    )
  }

  #serve(
    transport: Transport,
    protocol: Protocol,
    acceptor: RequestAcceptor,
    stats: ListenerStats | null,
  ): void {
    const options = {
      ...SESSION,
      ...(stats === null ? {} : this.#options.session),
      timers: this.clock.timers,
    }
    const session = createServerSession(transport, protocol, options, acceptor, {
      scheme: 'http',
      limitReached: (limit) => stats?.limits.count(limit),
      replied: (reason) => stats?.localReplies.count(reason.code),
      closed: () => {},
    })
    if (stats !== null) this.#served.push(session)
    transport.start()
  }

  #call(transport: Transport, protocol: Protocol, owner: ClientSessionOwner, ours: boolean): ClientSession {
    const session = createClientSession(transport, protocol, owner, {
      timers: this.clock.timers,
      connectMs: 10_000,
      idleMs: 3_600_000,
      maxHeadBytes: 65_536,
      maxFields: 200,
      maxTrailerBytes: 65_536,
      http1: DEFAULT_LIMITS,
      http2: HTTP2,
      limitReached: (limit) => {
        if (ours) this.upstream.limits.count(limit)
      },
      ...(ours ? this.#options.upstream : {}),
    })
    transport.start()
    return session
  }

  /** Stands in for the pool: connections are there at once. */
  #pool(): EndpointPool {
    return {
      ready: () => this.#sessions.find(({ capacity }) => capacity > 0) ?? this.#connect(),
      leave: () => {},
    } as unknown as EndpointPool
  }

  #connect(): ClientSession {
    const [near, far] = linkedSockets()
    this.endpointSockets.push(far)
    const session = this.#call(new Transport(near), this.#to, QUIET, true)
    this.#sessions.push(session)
    far.on('data', (chunk: Buffer) => {
      this.endpointReceived += chunk.toString('latin1')
    })
    far.on('error', () => {})
    if (this.#options.rawEndpoint === true) {
      far.resume()
      return session
    }
    this.#serve(
      new Transport(far),
      this.#to,
      {
        request: (stream, head, end) => {
          const accepted = new Accepted(stream, head, end)
          accepted.creditTo = stream
          this.accepted.push(accepted)
          this.onRequest(accepted, end)
        },
      },
      null,
    )
    return session
  }

  /** Connects both sides; to be awaited before the first request. */
  async start(): Promise<this> {
    this.#caller = this.#call(new Transport(this.callerSocket as never), this.#from, QUIET, false)
    this.#connect()
    await settle()
    return this
  }

  /** Connects a caller that speaks in octets. */
  async startRaw(): Promise<this> {
    this.callerSocket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1')
    })
    this.callerSocket.resume()
    this.#connect()
    await settle()
    return this
  }

  /** The caller sends `head`; with `end` that is the whole request. */
  async request(
    head: Head,
    end = true,
  ): Promise<{ readonly stream: MessageStream; readonly response: Recorder }> {
    const response = new Recorder()
    const stream = (this.#caller as ClientSession).open(response, response)
    response.creditTo = stream
    stream.head(head, null, end)
    await settle()
    return { stream, response }
  }

  /** Virtual time passes, and all that follows from it happens. */
  async pass(ms: number): Promise<void> {
    // In pieces, so that answers are on their way before the next deadline is looked at.
    for (let left = ms; left > 0; left -= 5000) {
      this.clock.advance(Math.min(5000, left))
      await settle(2)
    }
    await settle()
  }

  /** Ends every connection with its callers, as a sidecar that stops does. */
  stop(): void {
    for (const session of this.#served) session.close(reasons.draining)
  }

  close(): void {
    this.callerSocket.destroy()
    for (const socket of this.endpointSockets) socket.destroy()
  }
}

const QUIET: ClientSessionOwner = { capacityChanged() {}, retired() {}, closed() {} }

/** Lets what is under way arrive, on both connections and in both directions; no time passes. */
export async function settle(turns = 24): Promise<void> {
  for (let i = 0; i < turns; i++) await afterTurn()
}

export function text(stream: MessageStream, body: string, end: boolean): void {
  stream.data(Buffer.from(body, 'latin1'), 0, body.length, end)
}
