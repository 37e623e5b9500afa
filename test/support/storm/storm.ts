import { REPLAY_LIMIT } from '../../../proxy/exchange/replay.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { Http1Caller, Http1Endpoint } from './http1-peers.ts'
import { Http2Caller, Http2Endpoint } from './http2-peers.ts'
import { checkQuiet } from './invariants.ts'
import { Exchange } from './ledger.ts'
import { MemoryNetwork } from './memory-network.ts'
import { CALM, Draw, type ReplyPlan, StormRandom, type Weather } from './plan.ts'
import { WatchedProxy } from './watched-proxy.ts'

export const LISTENER = 1000
export const ENDPOINTS = { http1: [2001, 2002, 2003], h2: [3001, 3002, 3003] } as const
/** Where endpoints come and go when the membership changes. */
const MORE_ENDPOINTS = { http1: [2004, 2005, 2006, 2007, 2008], h2: [3004, 3005, 3006, 3007, 3008] } as const
type Spoken = keyof typeof ENDPOINTS
const SPOKEN: readonly Spoken[] = ['http1', 'h2']

/** Exchanges under way at a time, at most. */
const ABREAST = 40
/** Turns of the event loop, each a millisecond, until what hangs is a mistake. */
const PATIENCE = 40_000

const ROUTES = SPOKEN.map(
  (spoken) => `
      - { match: { authority: plain.${spoken} }, upstream: ${spoken}, timeout: TIMEOUT }
      - match: { authority: retry.${spoken} }
        upstream: ${spoken}
        timeout: TIMEOUT
        retry: RETRY
        hedge: HEDGE`,
)
const UPSTREAMS = SPOKEN.map(
  (spoken) => `
  ${spoken}:
    protocol: ${spoken}
    endpoints: [${ENDPOINTS[spoken].map((port) => `"127.0.0.1:${port}"`).join(', ')}]
    timeouts: { connect: CONNECT }
    limits: { connections: CONNECTIONS, pending: 30, pendingTimeout: PATIENCE, retryBudget: 50% }`,
)
const CONFIG = `service: storm
admin: off
metrics: off
listeners:
  - name: outbound
    address: 127.0.0.1:${LISTENER}
    routes:${ROUTES.join('')}
upstreams:${UPSTREAMS.join('')}
`

const PATIENT_RETRY = '{ on: [reset, 5xx, unavailable], attempts: 3 }'
/** Late enough that where all is well nobody is asked twice. */
const PATIENT_HEDGE = '{ after: 10m }'
const HEDGE = '{ after: 30ms, attempts: 3, grpc: true }'
const RETRY = '{ on: [reset, 5xx, unavailable], attempts: 3, perTryTimeout: 600ms }'

export interface StormOptions {
  readonly seed: number
  readonly exchanges: number
  readonly weather: Weather
  /** The listener drains when this share of the exchanges has begun; 1 is never. */
  readonly drainAt?: number
  /** Chance that a turn changes the endpoints of an upstream; default 0. */
  readonly churn?: number
  /** Callers connect to endpoints, with no proxy in between. */
  readonly direct?: boolean
}

export type Peer = Http1Caller | Http2Caller | Http1Endpoint | Http2Endpoint

/** Callers and endpoints that do all they can, right or wrong, on both sides of a whole proxy. */
export class Storm {
  readonly network: MemoryNetwork
  readonly proxy: WatchedProxy
  weather: Weather
  readonly direct: boolean
  /** Nobody misbehaves any more. */
  calm = false
  readonly exchanges: Exchange[] = []
  readonly violations: string[] = []
  readonly complaints: string[] = []
  callers: (Http1Caller | Http2Caller)[] = []
  endpoints: (Http1Endpoint | Http2Endpoint)[] = []
  readonly #options: StormOptions
  readonly #draw: Draw
  readonly #atCalm: (() => void)[] = []
  readonly #down = new Map<number, number>()
  readonly #restore: () => void
  #running = 0
  #draining = false
  #until = Number.POSITIVE_INFINITY
  #turns = 0
  /** How often the endpoints of an upstream were replaced. */
  updates = 0

  constructor(options: StormOptions) {
    this.#options = options
    this.weather = options.weather
    this.direct = options.direct === true
    const random = new StormRandom(options.seed)
    this.#draw = new Draw(random)
    this.network = new MemoryNetwork(random)
    this.#restore = this.network.install()
    // Where all is well nothing may time out, however long this takes.
    const calm = options.weather.cuts === 0
    const churn = (options.churn ?? 0) > 0
    // Requests cannot wait for a connection to an endpoint that never had one, when there may be no more of them.
    const yaml = CONFIG.replaceAll('TIMEOUT', calm ? 'off' : '2s')
      .replaceAll('PATIENCE', calm ? 'off' : '5s')
      .replaceAll('RETRY', calm ? PATIENT_RETRY : RETRY)
      .replaceAll('HEDGE', calm ? PATIENT_HEDGE : HEDGE)
      .replaceAll('CONNECTIONS', churn ? '100' : '12')
      .replaceAll('CONNECT', churn ? '10s' : '1s')
    this.proxy = new WatchedProxy(yaml, options.seed + 1)
  }

  get #now(): number {
    return this.#turns
  }

  wrong(what: string): void {
    this.violations.push(`seed ${this.#options.seed}: ${what}`)
  }

  /** Exchanges that were not answered by an endpoint, though the proxy could have seen to it. */
  failures(): Exchange[] {
    return this.exchanges.filter(({ reply, plan }) => {
      // A request too long to be kept cannot move to another endpoint.
      if (reply.local === reasons.goaway.code && plan.size > REPLAY_LIMIT) return false
      // What waits behind a last response is for the caller to send again.
      if (this.#draining && reply.exchange.protocols.startsWith('http1')) return false
      return reply.over !== 'complete' || reply.local !== null
    })
  }

  /** Something that may happen and is worth a look. */
  complaint(what: string): void {
    this.complaints.push(what)
  }

  exchangeAt(path: string): Exchange {
    const exchange = this.exchanges[Number(path.slice(path.lastIndexOf('/') + 1))]
    if (exchange === undefined) throw new Error(`no exchange ${path}`)
    return exchange
  }

  settled(_exchange: Exchange): void {
    this.#running -= 1
  }

  atCalm(what: () => void): void {
    if (this.calm) what()
    else this.#atCalm.push(what)
  }

  async run(): Promise<void> {
    await this.proxy.listen()
    for (const spoken of SPOKEN) for (const port of ENDPOINTS[spoken]) this.#serve(spoken, port)
    const { exchanges, drainAt = 1, churn = 0 } = this.#options
    if (churn > 0)
      for (const spoken of SPOKEN) for (const port of MORE_ENDPOINTS[spoken]) this.#serve(spoken, port)
    try {
      while (this.exchanges.length < exchanges && this.violations.length === 0 && this.#turns < this.#until) {
        if (this.exchanges.length >= exchanges * drainAt) this.#drain()
        this.#begin()
        if (churn > 0 && this.#draw.chance(churn)) this.#changeMembers(this.#draw.of(...SPOKEN))
        await this.#turn()
      }
      for (let left = 500; left > 0 && this.violations.length === 0; left--) await this.#turn()
      await this.#subside()
      if (this.violations.length === 0 && !this.direct) await checkQuiet(this, this.#draining)
    } finally {
      this.proxy.stop()
      this.#restore()
    }
  }

  /** From now on only callers that are connected go on, until they hear of it. */
  #drain(): void {
    if (this.#draining) return
    this.#draining = true
    this.#until = this.#turns + 500
    this.proxy.drain()
  }

  /** Some endpoints go, some come, some stay with another weight or priority. */
  #changeMembers(spoken: Spoken): void {
    const draw = this.#draw
    const ports = [...ENDPOINTS[spoken], ...MORE_ENDPOINTS[spoken]]
    const chosen = ports.filter(() => draw.chance(0.4))
    const list = (chosen.length === 0 ? [draw.of(...ports)] : chosen).map((port) => ({
      address: { host: '127.0.0.1', port, text: `127.0.0.1:${port}` },
      weight: 1 + draw.upTo(3),
      zone: null,
      priority: draw.chance(0.9) ? 0 : 1,
    }))
    this.proxy.snapshot.upstreams.get(spoken)?.update(draw.chance(0.5) ? list : list.reverse())
    this.updates += 1
  }

  /** Everybody comes to an end in good order. */
  async #subside(): Promise<void> {
    this.calm = true
    this.weather = CALM
    for (const port of this.#down.keys()) this.#serve(port < 3000 ? 'http1' : 'h2', port)
    for (const what of this.#atCalm) what()
    for (const peer of this.#peers()) peer.calmDown()
    const until = this.#turns + PATIENCE
    while (this.#running > 0 && this.#turns < until && this.violations.length === 0) await this.#turn()
    if (this.#running > 0 && this.violations.length === 0) {
      const stuck = this.exchanges.filter(({ reply }) => reply.over === '')
      this.wrong(`${this.#running} exchanges never end`)
      stuck[0]?.wrong('it never ends')
    }
    await this.settle(3000)
  }

  /** Lets `ms` milliseconds pass, and all that is under way arrive. */
  async settle(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10) {
      this.proxy.clock.jump(10)
      this.#turns += 1
      while (this.network.step());
      for (const peer of this.#peers()) peer.act(this.#draw)
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (let rounds = 10; rounds > 0; rounds--) {
      while (this.network.step());
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #turn(): Promise<void> {
    this.#turns += 1
    this.proxy.clock.jump(1)
    const draw = this.#draw
    for (let actions = 1 + draw.upTo(16); actions > 0; actions--) {
      if (draw.chance(0.5)) {
        this.network.step()
        continue
      }
      const { callers, endpoints } = this
      const one = draw.upTo(callers.length + endpoints.length)
      ;(one < callers.length ? callers[one] : endpoints[one - callers.length])?.act(draw)
    }
    this.#unrest()
    if ((this.#turns & 15) === 0) {
      this.callers = this.callers.filter(({ closed }) => !closed)
      this.endpoints = this.endpoints.filter(({ closed }) => !closed)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }

  #peers(): Peer[] {
    return [...this.callers, ...this.endpoints]
  }

  /** One more exchange, on a connection that has room for it. */
  #begin(): void {
    const draw = this.#draw
    if (this.#running >= ABREAST || draw.chance(0.3)) return
    const id = this.exchanges.length
    // A request over HTTP/1 may cross the end of an idle connection: that is nobody's fault.
    const spoken = this.#draining ? 'h2' : (SPOKEN[id & 1] as Spoken)
    const free = this.callers.filter((caller) => caller.free && caller.protocol === spoken)
    if (!this.#draining && (free.length === 0 || draw.chance(0.02))) {
      this.#call(spoken)
      return
    }
    if (free.length === 0) return
    const caller = draw.of(...free)
    const protocols = `${spoken}>${this.direct ? spoken : SPOKEN[(id >> 1) & 1]}`
    const exchange = new Exchange(
      id,
      this.#drawFor(id, 0).request(this.weather),
      protocols,
      () => this.#now,
      (what) => this.wrong(what),
    )
    this.exchanges.push(exchange)
    this.#running += 1
    caller.start(exchange)
  }

  /** Opens a connection of a caller. */
  #call(spoken: Spoken): void {
    const draw = this.#draw
    const socket = this.network.connect(this.direct ? ENDPOINTS[spoken][0] : LISTENER)
    this.callers.push(
      spoken === 'http1' ? new Http1Caller(this, socket, draw) : new Http2Caller(this, socket, draw),
    )
  }

  /** What message number `message` of an exchange is like does not depend on what happens meanwhile. */
  #drawFor(id: number, message: number): Draw {
    return new Draw(new StormRandom(Math.imul(this.#options.seed + 1, 0x85ebca6b) + id * 16 + message))
  }

  replyPlan(exchange: Exchange): ReplyPlan {
    return this.#drawFor(exchange.id, 1 + exchange.tries.length).reply(this.weather, exchange.plan)
  }

  #serve(spoken: Spoken, port: number): void {
    this.#down.delete(port)
    this.network.listen(port, true, (socket) => {
      const { endpoints } = this
      const draw = this.#draw
      endpoints.push(
        spoken === 'h2' ? new Http2Endpoint(this, socket, draw) : new Http1Endpoint(this, socket, draw),
      )
    })
  }

  /** Endpoints restart, go away, close idle connections; callers leave. */
  #unrest(): void {
    const draw = this.#draw
    for (const [port, back] of this.#down) {
      if (back <= this.#turns) this.#serve(port < 3000 ? 'http1' : 'h2', port)
    }
    const { unrest, goaways } = this.weather
    if (draw.chance(unrest / 2)) {
      const port = draw.of(...ENDPOINTS.http1, ...ENDPOINTS.h2)
      this.network.refuse(port)
      this.#down.set(port, this.#turns + draw.upTo(300))
      for (const socket of this.network.open(port))
        draw.chance(0.5) ? socket.destroy() : socket.resetAndDestroy()
    }
    for (const endpoint of this.endpoints) {
      if (endpoint instanceof Http2Endpoint) {
        if (draw.chance(goaways)) endpoint.goAway()
      } else if (endpoint.idle && draw.chance(unrest * 2)) endpoint.socket.end()
    }
    for (const caller of this.callers) {
      if (caller.idle && !caller.free && draw.chance(0.02))
        draw.chance(0.5) ? caller.socket.end() : caller.socket.destroy()
    }
  }
}
