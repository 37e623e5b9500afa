import t from 'tap'
import type { Endpoint, EndpointOptions } from '../../../proxy/balance/endpoint.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head, tunnelHead } from '../../../proxy/message/head.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import { ConcurrencyLimit } from '../../../proxy/policy/concurrency-limit.ts'
import { ConcurrencyStats } from '../../../proxy/telemetry/concurrency-stats.ts'
import { EndpointStats } from '../../../proxy/telemetry/endpoint-stats.ts'
import { ENDPOINT_REMOVED } from '../../../proxy/upstream/endpoint-pool.ts'
import { Draw, StormRandom } from '../../support/storm/plan.ts'
import {
  type BenchOptions,
  ExchangeBench,
  FakePool,
  type FakeStream,
  NOTHING_HELD,
} from './exchange-bench.ts'

const ROUNDS = Number(process.env.ORDERS_ROUNDS ?? 3000)
const FIRST = Number(process.env.ORDERS_SEED ?? 1)
const STEPS = 60
const GRPC = { 'content-type': 'application/grpc' }
const FAILURES = [
  reasons.upstreamReset,
  reasons.upstreamClosed,
  reasons.refusedStream,
  reasons.goaway,
  reasons.badRequest,
  reasons.tunnelUnsupported,
]
const NO_CONNECTION = [reasons.connectFailure, reasons.connectTimeout, reasons.overflow]

/** What a caller has done so far. */
interface Call {
  readonly down: FakeStream
  readonly tunnel: boolean
  readonly grpc: boolean
  sent: string
  ended: boolean
  left: boolean
}

/** What an endpoint has sent on a stream so far. */
interface Sent {
  head: boolean
  ended: boolean
  text: string
}

const LONG = Array.from({ length: 30_000 }, (_, i) => i).join(' ')

/** Text of this length, a different one for each `from`. */
function piece(length: number, from: number): string {
  const at = (from * 31) % (LONG.length - 80_000)
  return LONG.slice(at, at + length)
}

class Round {
  readonly #draw: Draw
  readonly bench: ExchangeBench
  readonly calls: Call[] = []
  readonly limit: ConcurrencyLimit | null
  readonly endpoints = new Set<Endpoint>()
  readonly sent = new Map<FakeStream, Sent>()
  readonly breaker: boolean
  readonly trace: string[] = []
  /** Where there are none, endpoints may leave bodies where they are. */
  readonly #tunnels: boolean
  #port = 100

  constructor(seed: number) {
    const random = new StormRandom(seed)
    const draw = new Draw(random)
    this.#draw = draw
    this.#tunnels = draw.chance(0.5)
    this.breaker = draw.chance(0.5)
    this.limit = draw.chance(0.5)
      ? new ConcurrencyLimit(
          { min: 1, max: 100, start: draw.of(2, 20) },
          'x',
          new ConcurrencyStats('', 'x'),
          random,
        )
      : null
    const options: BenchOptions = {
      endpoints: 1 + draw.upTo(4),
      timeout: draw.of(null, 100, 1000),
      ...(draw.chance(0.3) ? { maxDuration: draw.of(50, 500, 3000) } : {}),
      retry: draw.chance(0.8)
        ? {
            on: draw.of(
              ['5xx', 'reset', 'unavailable'],
              ['gateway-error', 'unavailable'],
              ['reset', 'refused-stream', 'connect-failure'],
            ),
            statuses: draw.of([], [425, 429]),
            attempts: draw.of(2, 3, 10),
            perTryTimeout: draw.of(null, 30, 200),
          }
        : null,
      ...(draw.chance(0.6)
        ? { hedge: { after: draw.of(20, 60), attempts: draw.of(2, 3, 5), grpc: true } }
        : {}),
      jitter: draw.of(0, 0.5, 0.99),
      retryBudget: draw.of(0, 0.2, 1),
      maxRequests: draw.of(3, 1024),
      maxBodyBytes: draw.of(Number.POSITIVE_INFINITY, 150_000),
      meshed: draw.chance(0.5),
      tunnels: ['websocket'],
      tunnelIdleMs: 1000,
      ...(this.breaker
        ? { breaker: { failures: draw.of(1, 2), backOff: { from: 50, to: 500, jitter: 0.5 } } }
        : {}),
      ...(draw.chance(0.4) ? { requestsPerEndpoint: draw.of(1, 2) } : {}),
      ...(this.limit === null ? {} : { concurrency: [this.limit] }),
      protocol: draw.of('h2', 'http1'),
    }
    this.bench = new ExchangeBench(options)
    for (const endpoint of this.bench.cluster.set.endpoints) this.endpoints.add(endpoint)
  }

  step(): void {
    const draw = this.#draw
    const kind = draw.upTo(20)
    if (kind < 3) this.#call()
    else if (kind < 7) this.#callerMoves()
    else if (kind < 13) this.#endpointMoves()
    else if (kind < 15) this.#poolMoves()
    else if (kind < 18) this.#wait(draw.of(10, 20, 50, 200, 1000))
    else if (kind < 19) this.#health()
    else if (draw.chance(0.3)) this.#update()
  }

  #note(text: string): void {
    this.trace.push(text)
  }

  #wait(ms: number): void {
    this.#note(`wait ${ms}`)
    if (this.#draw.chance(0.2)) this.bench.clock.jump(ms)
    else this.bench.clock.advance(ms)
  }

  #call(): void {
    const draw = this.#draw
    const tunnel = this.#tunnels && draw.chance(0.15)
    const grpc = !tunnel && draw.chance(0.4)
    const method = grpc ? 'POST' : draw.of('GET', 'PUT', 'POST')
    const more = draw.chance(0.2) ? { 'grpc-timeout': draw.of('1m', '100m', '2S', '0n') } : {}
    const path = `/${this.calls.length}`
    const head = tunnel
      ? Head.tunnel('websocket', 'http', 'a.test', path)
      : Head.request(method, 'http', 'a.test', path, Fields.of(grpc ? { ...GRPC, ...more } : {}))
    const ended = !tunnel && draw.chance(0.5)
    this.#note(`call ${this.calls.length} ${method} ${tunnel} ${grpc} ${ended}`)
    this.calls.push({ down: this.bench.request(head, ended), tunnel, grpc, sent: '', ended, left: false })
  }

  #callerMoves(): void {
    const draw = this.#draw
    const open = this.calls.filter(({ down, left, ended }) => !left && !ended && down.cancels.length === 0)
    const call = open[draw.upTo(open.length)]
    if (call === undefined || draw.chance(0.1)) {
      const any = this.calls[draw.upTo(this.calls.length)]
      if (any !== undefined && draw.chance(0.2)) this.leave(any)
      return
    }
    // A caller has no more of a body under way than it was given window for.
    if (call.sent.length - call.down.credited > 200_000) return
    const at = this.calls.indexOf(call)
    if (draw.chance(0.15) && !call.tunnel) {
      this.#note(`trailers ${at}`)
      call.ended = true
      call.down.receiver?.trailers(Fields.of({ a: 'b' }))
      return
    }
    const end = draw.chance(0.5)
    const text = piece(draw.of(0, 1, 3, 500, 40_000), at + call.sent.length)
    this.#note(`data ${at} ${text.length} ${end}`)
    call.sent += text
    call.ended = end
    call.down.receive(text, end)
  }

  leave(call: Call): void {
    if (call.left || call.down.cancels.length > 0 || (call.down.ended && call.ended)) return
    this.#note(`leave ${this.calls.indexOf(call)}`)
    call.left = true
    call.down.receiver?.reset(this.#draw.of(reasons.downstreamReset, reasons.downstreamClosed))
  }

  #endpointMoves(): void {
    const draw = this.#draw
    const open = this.streams.filter((stream) => stream.receiver !== null && !this.#of(stream).ended)
    const stream = open[draw.upTo(open.length)]
    if (stream === undefined) return
    const sent = this.#of(stream)
    const { receiver } = stream
    const request = stream.heads[0] as Head
    const at = this.streams.indexOf(stream)
    if (draw.chance(0.15)) {
      sent.ended = true
      const reason = draw.of(...FAILURES)
      this.#note(`reset ${at} ${reason.code}`)
      stream.receiver?.reset(reason)
      return
    }
    if (!sent.head) {
      if (draw.chance(0.1)) {
        receiver?.head(Head.response(103), null, false)
        return
      }
      sent.head = true
      if (request.tunnel !== '' && draw.chance(0.7)) {
        this.#note(`open ${at}`)
        receiver?.head(tunnelHead(Head.response(200), 'websocket'), null, false)
        return
      }
      const status = request.grpc ? draw.of(200, 200, 200, 503) : draw.of(200, 200, 404, 425, 429, 500, 503)
      const end = draw.chance(0.5)
      sent.ended = end
      const extra: Record<string, string> = draw.of(
        {},
        {},
        {},
        { 'retry-after': draw.of('0', '1', '9999999999', '-1', 'Wed, 21 Oct 2015 07:28:00 GMT', 'x') },
        { 'grpc-retry-pushback-ms': draw.of('0', '30', '9999999999', '-1', '1e3', '') },
        { 'x-pillion-unprocessed': 'true' },
        { 'x-pillion-unprocessed': 'true', 'x-pillion-reason': 'refused-stream' },
      )
      const grpc = request.grpc && end ? { 'grpc-status': draw.of('0', '14', '4', '99', 'x') } : {}
      this.#note(`head ${at} ${status} ${end} ${JSON.stringify({ ...extra, ...grpc })}`)
      receiver?.head(
        Head.response(status, Fields.of({ ...(request.grpc ? GRPC : {}), ...extra, ...grpc })),
        null,
        end,
      )
      return
    }
    if (draw.chance(0.4) && request.tunnel === '') {
      sent.ended = true
      this.#note(`trailers of ${at}`)
      receiver?.trailers(
        Fields.of({
          'grpc-status': draw.of('0', '14', '8'),
          ...draw.of<Record<string, string>>({}, { 'grpc-retry-pushback-ms': '20' }),
        }),
      )
      return
    }
    const text = draw.of('', '\0\0\0\0\x05hello', '\0\0\0\0\x02h', piece(70_000, at), piece(3, at))
    const end = draw.chance(0.4)
    this.#note(`data of ${at} ${text.length} ${end}`)
    sent.ended = end
    sent.text += text
    stream.receive(text, end)
  }

  get streams(): FakeStream[] {
    return this.bench.upstream
  }

  #of(stream: FakeStream): Sent {
    let sent = this.sent.get(stream)
    if (sent === undefined) {
      sent = { head: false, ended: false, text: '' }
      this.sent.set(stream, sent)
    }
    return sent
  }

  #poolMoves(): void {
    const draw = this.#draw
    const pool = this.bench.pools[draw.upTo(this.bench.pools.length)]
    if (pool === undefined || pool.refusal === ENDPOINT_REMOVED) return
    switch (draw.upTo(4)) {
      case 0:
        this.#note('toggle')
        pool.connected = !pool.connected
        return
      case 1:
        this.#note('connect')
        return pool.connect()
      case 2: {
        const reason = draw.of(...NO_CONNECTION)
        this.#note(`fail ${reason.code}`)
        return pool.fail(reason.asUnprocessed())
      }
      default:
        this.#note('refuse')
        pool.refusal = pool.refusal === null ? reasons.overflow : null
        pool.crediting = this.#tunnels || draw.chance(0.7)
        pool.connections = draw.upTo(2)
    }
  }

  #health(): void {
    const draw = this.#draw
    const { set } = this.bench.cluster
    const endpoint = set.endpoints[draw.upTo(set.endpoints.length)]
    if (endpoint === undefined) return
    this.#note(`health of ${endpoint.index}`)
    if (endpoint.ejected) set.restore(endpoint, this.bench.clock.now(), '')
    else if (draw.chance(0.5)) set.eject(endpoint, 0, '')
    else set.setHealth(endpoint, draw.of('healthy', 'unhealthy'), '')
  }

  /** As the upstream does it: members, then what is kept of them, then those that wait. */
  #update(): void {
    const draw = this.#draw
    const { cluster, pools, breaker } = this.bench
    const options: EndpointOptions[] = cluster.set.endpoints
      .filter(() => draw.chance(0.6))
      .map(({ host, port, address, weight, zone, priority }) => ({
        address: { host, port, text: address },
        weight,
        zone,
        priority,
      }))
    for (let more = draw.upTo(3); more > 0; more--) {
      const port = ++this.#port
      options.push({
        address: { host: '10.0.0.1', port, text: `10.0.0.1:${port}` },
        weight: 1,
        zone: null,
        priority: draw.upTo(2),
      })
    }
    this.#note(`update to ${options.length}`)
    const { added, removed } = cluster.set.update(options)
    const [byIndex, stats] = [
      cluster.pools as unknown as FakePool[],
      cluster.endpointStats as EndpointStats[],
    ]
    const retired = removed.map(({ index }) => byIndex[index] as FakePool)
    for (const { index } of removed) {
      Reflect.deleteProperty(byIndex, index)
      Reflect.deleteProperty(stats, index)
    }
    for (const endpoint of added) {
      this.endpoints.add(endpoint)
      const pool = new FakePool()
      pools.push(pool)
      byIndex[endpoint.index] = pool
      stats[endpoint.index] = new EndpointStats('shop', endpoint.address)
    }
    for (const endpoint of removed) breaker?.endpointRemoved(endpoint)
    for (const pool of retired) {
      pool.refusal = ENDPOINT_REMOVED
      pool.connected = false
      pool.fail(ENDPOINT_REMOVED)
    }
  }

  /** What is wrong at the end, "" for nothing. */
  problem(): string {
    for (const call of this.calls) this.leave(call)
    const { bench } = this
    const held: Record<string, number> = {
      ...bench.held,
      endpoints: [...this.endpoints].reduce((sum, { active }) => sum + active, 0),
    }
    if (this.breaker) held.deadlines = 0
    if (JSON.stringify(held) !== JSON.stringify(NOTHING_HELD)) return JSON.stringify(held)
    if (this.limit !== null && this.limit.stats.inFlight !== 0) return `${this.limit.stats.inFlight} places`
    if (bench.listener.tunnels !== 0) return `${bench.listener.tunnels} tunnels`
    if (bench.records.length !== this.calls.length) return `${bench.records.length} records`
    bench.clock.advance(1000)
    if (bench.clock.timers.armed !== 0) return `${bench.clock.timers.armed} deadlines after a second`
    for (const endpoint of bench.cluster.set.endpoints) {
      if (endpoint.shut && bench.breaker?.take(endpoint) !== true)
        return `nobody will try ${endpoint.address}`
    }
    for (const [i, { down, sent, ended, left }] of this.calls.entries()) {
      if (down.heads.filter(({ status }) => status >= 200).length > 1) return `${i}: two answers`
      if (left || down.cancels.length > 0) {
        if (down.credited > sent.length) return `${i}: ${down.credited} of ${sent.length} credited`
      } else if (down.stops.length === 0 && down.credited !== sent.length) {
        return `${i}: ${down.credited} of ${sent.length} credited ${ended}`
      }
    }
    return this.#mixedUp()
  }

  /** What of the bodies came out wrong, "" for nothing. */
  #mixedUp(): string {
    const answers = this.calls.map((): string[] => [])
    for (const stream of this.streams) {
      const [head] = stream.heads
      if (head === undefined) continue
      const at = Number(head.path.slice(1))
      const { sent, tunnel, ended } = this.calls[at] as Call
      if (!sent.startsWith(stream.body)) return `${at}: another body went upstream`
      if (stream.ended && !tunnel && (!ended || stream.body.length < sent.length))
        return `${at}: a body was cut`
      const { text } = this.#of(stream)
      if (stream.credited > text.length)
        return `a response to ${at}: ${stream.credited} of ${text.length} credited`
      answers[at]?.push(text)
    }
    for (const [at, { down, tunnel }] of this.calls.entries()) {
      const [head] = down.heads.slice(-1)
      if (head === undefined || tunnel || head.fields.has('x-pillion-reason')) continue
      if (!answers[at]?.some((text) => text.startsWith(down.body))) return `${at}: a mixed answer`
    }
    return ''
  }
}

t.test('whatever the order of events, nothing is held in the end', async (t) => {
  for (let seed = FIRST; seed < FIRST + ROUNDS; seed++) {
    const round = new Round(seed)
    let problem = ''
    try {
      for (let i = 0; i < STEPS; i++) round.step()
      problem = round.problem()
    } catch (error) {
      problem = String((error as Error).stack)
    }
    if (problem === '') continue
    t.fail(`seed ${seed}: ${problem}\n${round.trace.slice(-STEPS).join('\n')}`)
    return
  }
  t.pass(`${ROUNDS} rounds`)
})
