import type { Clock } from '../base/clock.ts'
import type { TimerWheel } from '../base/timer-wheel.ts'
import type { Caller } from '../downstream/caller.ts'
import type { Head } from '../message/head.ts'
import { type Reason, reasons } from '../message/reason.ts'
import { formatRequestId, REQUEST_ID_FIELD } from '../message/request-id.ts'
import type { Protocol, RequestAcceptor } from '../message/session.ts'
import type { MessageStream } from '../message/stream.ts'
import type { Authorization } from '../policy/authorize.ts'
import type { RouteTable } from '../route/route-table.ts'
import type { AccessLog } from '../telemetry/access-log.ts'
import type { ListenerStats } from '../telemetry/listener-stats.ts'
import type { RequestStats } from '../telemetry/request-stats.ts'
import { Exchange } from './exchange.ts'
import type { Forwarding } from './forwarded-head.ts'
import type { RouteTarget } from './route-target.ts'
import { Verdict } from './verdict.ts'

/** What all requests of one listener share. */
export interface ListenerContext {
  readonly clock: Clock
  readonly timers: TimerWheel
  readonly routes: RouteTable<RouteTarget>
  readonly authorization: Authorization
  readonly listener: ListenerStats
  /** Where requests are counted that no route took. */
  readonly unrouted: RequestStats
  /** Null: no access log. */
  readonly accessLog: AccessLog | null
  readonly inbound: boolean
  /** Our own SPIFFE ID, null without an identity. */
  readonly self: string | null
  /** A request was turned away for what its caller is. */
  readonly refused: (caller: Caller, reason: Reason) => void
}

/** One downstream connection, seen by its requests: who calls, and what the listener does with them. */
export class CallerContext implements RequestAcceptor {
  readonly clock: Clock
  readonly timers: TimerWheel
  readonly listener: ListenerStats
  readonly unrouted: RequestStats
  readonly accessLog: AccessLog | null
  readonly #shared: ListenerContext
  readonly #caller: Caller
  readonly protocol: Protocol
  readonly #forwarding: Forwarding

  constructor(shared: ListenerContext, caller: Caller, protocol: Protocol) {
    this.clock = shared.clock
    this.timers = shared.timers
    this.listener = shared.listener
    this.unrouted = shared.unrouted
    this.accessLog = shared.accessLog
    this.#shared = shared
    this.#caller = caller
    this.protocol = protocol
    this.#forwarding = {
      caller,
      self: shared.self,
      // A mesh peer has proved who it is; outbound, the caller is the application that this sidecar serves.
      trusted: caller.principal !== null || !shared.inbound,
      inbound: shared.inbound,
    }
  }

  request(stream: MessageStream, head: Head, end: boolean): void {
    const verdict = head.memoFor === this ? (head.memo as Verdict) : this.#judge(head)
    const exchange = new Exchange(this, stream, head, verdict, end)
    stream.receiver = exchange
    exchange.start()
  }

  /** Identify, authorize, route: everything that depends on head and connection alone. */
  #judge(head: Head): Verdict {
    const verdict = this.#verdict(head)
    head.memo = verdict
    head.memoFor = this
    return verdict
  }

  #verdict(head: Head): Verdict {
    const refusal = this.#shared.authorization.refusal(this.#caller.principal, head)
    if (refusal !== '') return new Verdict(head, reasons.denied.with(refusal), null, this.#forwarding)
    const target = this.#shared.routes.find(head)
    if (target !== null) {
      const denial = this.#tunnelDenial(head, target)
      return new Verdict(head, denial, denial === null ? target : null, this.#forwarding)
    }
    const what = `${head.method} ${head.authority}${head.path}`
    return new Verdict(head, reasons.noRoute.with(what), null, this.#forwarding)
  }

  /** Why the tunnel that the request asks for is not opened; null when it is, or none is asked for. */
  #tunnelDenial(head: Head, target: RouteTarget): Reason | null {
    if (head.tunnel === '' || target.tunnels.allowed.has(head.tunnel)) return null
    return reasons.tunnelDenied.with(`${head.tunnel} is not among the upgrades of route ${target.name}`)
  }

  /** A request was turned away for what its caller is. */
  refused(reason: Reason): void {
    this.listener.denied += 1
    this.#shared.refused(this.#caller, reason)
  }

  /** Writes the access record of an exchange that has ended. */
  logAccess(exchange: Exchange, status: number): void {
    const { request, verdict, reason } = exchange
    const requestId = exchange.requestId
    this.accessLog?.record({
      start: this.clock.wall() - (this.clock.now() - exchange.startedAt),
      listener: this.listener.name,
      direction: this.listener.direction,
      route: verdict.target?.name ?? '',
      upstream: exchange.cluster?.name ?? '',
      endpoint: exchange.attempt?.endpoint.address ?? '',
      method: request.method,
      authority: request.authority,
      path: request.path,
      protocol: this.protocol,
      code: status,
      grpcStatus: exchange.grpcStatus,
      flags: reason?.code ?? '',
      detail: reason === null ? '' : String(reason),
      requestBytes: exchange.requestBytes,
      responseBytes: exchange.responseBytes,
      durationMs: this.clock.now() - exchange.startedAt,
      upstreamMs: -1,
      queueMs: -1,
      attempts: exchange.attempts,
      principal: this.#caller.principal?.toString() ?? '',
      requestId: requestId === 0 ? (request.fields.get(REQUEST_ID_FIELD) ?? '') : formatRequestId(requestId),
      traceId: '',
    })
  }
}
