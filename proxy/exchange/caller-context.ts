import type { Clock } from '../base/clock.ts'
import type { TimerWheel } from '../base/timer-wheel.ts'
import type { Caller } from '../downstream/caller.ts'
import { type Head, TUNNEL_CONNECT } from '../message/head.ts'
import { normalisePath, type PathRules } from '../message/path.ts'
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
import { Forwarding, type ForwardingOptions, goesInCircles, MAX_PASSES } from './forwarding.ts'
import type { RouteTarget } from './route-target.ts'
import type { ServedHosts } from './served-hosts.ts'
import { Verdict } from './verdict.ts'

/** What all requests of one listener share. */
export interface ListenerContext {
  readonly clock: Clock
  readonly timers: TimerWheel
  /** `limits.uriBytes`: path and query of a request, in bytes. */
  readonly maxUriBytes: number
  /** `limits.bodyBytes`: the body of a request, in bytes; Infinity: no limit. */
  readonly maxBodyBytes: number
  readonly routes: RouteTable<RouteTarget>
  readonly authorization: Authorization
  readonly listener: ListenerStats
  /** Where requests are counted that no route took. */
  readonly unrouted: RequestStats
  /** Null: no access log. */
  readonly accessLog: AccessLog | null
  readonly paths: PathRules
  readonly hosts: ServedHosts
  readonly forwarding: ForwardingOptions
  /** A request was turned away for what its caller is. */
  readonly refused: (caller: Caller, reason: Reason) => void
}

/** One downstream connection, seen by its requests: who calls, and what the listener does with them. */
export class CallerContext implements RequestAcceptor {
  readonly clock: Clock
  readonly timers: TimerWheel
  readonly maxBodyBytes: number
  /** Whether the caller's connection is encrypted. */
  readonly tls: boolean
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
    this.maxBodyBytes = shared.maxBodyBytes
    this.tls = caller.tls
    this.listener = shared.listener
    this.unrouted = shared.unrouted
    this.accessLog = shared.accessLog
    this.#shared = shared
    this.#caller = caller
    this.protocol = protocol
    this.#forwarding = new Forwarding(shared.forwarding, caller, protocol)
  }

  request(stream: MessageStream, head: Head, end: boolean): void {
    const verdict = head.memoFor === this ? (head.memo as Verdict) : this.#judge(head)
    const exchange = new Exchange(this, stream, head, verdict, end)
    stream.receiver = exchange
    exchange.start()
  }

  /** Normalise, authorize, route: everything that depends on head and connection alone. */
  #judge(head: Head): Verdict {
    const verdict = this.#verdict(head)
    head.memo = verdict
    head.memoFor = this
    return verdict
  }

  #verdict(head: Head): Verdict {
    const shared = this.#shared
    // HTTP/1.1 finds both while it reads; over HTTP/2 they are fields among others.
    if (head.path.length > shared.maxUriBytes) {
      return this.#refusal(head, reasons.uriTooLong.with(`more than ${shared.maxUriBytes} bytes`))
    }
    const expected = head.fields.joined('expect')
    if (expected !== null && expected.toLowerCase() !== '100-continue') {
      return this.#refusal(head, reasons.expectationFailed.with(expected.slice(0, 64)))
    }
    // CONNECT has no path (RFC 9110 §9.3.6).
    const path = head.tunnel === TUNNEL_CONNECT ? '' : normalisePath(head.path, shared.paths)
    if (typeof path !== 'string') return this.#refusal(head, reasons.badRequest.with(path.detail))
    // From here on there is one form of the path: for rules, routes, upstream and log.
    const request = path === head.path ? head : head.withPath(path)
    const misdirected = shared.hosts.refusal(request, this.#caller)
    if (misdirected !== '') return this.#refusal(request, reasons.misdirectedRequest.with(misdirected))
    const { viaName } = this.#forwarding
    if (viaName !== '' && goesInCircles(request.fields.joined('via'), viaName)) {
      const passes = `it has passed sidecars called ${viaName} ${MAX_PASSES} times`
      return this.#refusal(request, reasons.loopDetected.with(passes))
    }
    const refusal = shared.authorization.refusal(this.#caller.principal, request)
    if (refusal !== '') return this.#refusal(request, reasons.denied.with(refusal))
    const target = shared.routes.find(request)
    if (target === null) {
      const what = `${request.method} ${request.authority}${request.path}`
      return this.#refusal(request, reasons.noRoute.with(what))
    }
    const denial = this.#tunnelDenial(request, target) ?? this.#bodyDenial(request)
    if (denial !== null) return this.#refusal(request, denial)
    return new Verdict(request, null, target, this.#forwarding)
  }

  #refusal(request: Head, reason: Reason): Verdict {
    return new Verdict(request, reason, null, this.#forwarding)
  }

  /** Why the tunnel that the request asks for is not opened; null when it is, or none is asked for. */
  #tunnelDenial(head: Head, target: RouteTarget): Reason | null {
    if (head.tunnel === '' || target.tunnels.allowed.has(head.tunnel)) return null
    return reasons.tunnelDenied.with(`${head.tunnel} is not among the upgrades of route ${target.name}`)
  }

  /** A request was turned away for its head, or for what its caller is. */
  turnedAway(reason: Reason): void {
    if (reason.is(reasons.denied)) {
      this.listener.denied += 1
      this.#shared.refused(this.#caller, reason)
    } else if (reason.is(reasons.uriTooLong)) this.listener.limits.count('limits.uriBytes')
    else if (reason.is(reasons.bodyTooLarge)) this.listener.limits.count('limits.bodyBytes')
  }

  /** More of a body came than it may have. */
  bodyTooLarge(): Reason {
    this.listener.limits.count('limits.bodyBytes')
    return bodyTooLarge(this.maxBodyBytes)
  }

  #bodyDenial(head: Head): Reason | null {
    return head.contentLength > this.maxBodyBytes ? bodyTooLarge(this.maxBodyBytes) : null
  }

  /** Writes the access record of an exchange that has ended. */
  logAccess(exchange: Exchange, status: number): void {
    const { verdict, reason } = exchange
    const request = verdict.head
    const requestId = exchange.requestId
    this.accessLog?.record({
      start: this.clock.wall() - (this.clock.now() - exchange.startedAt),
      listener: this.listener.name,
      direction: this.listener.direction,
      route: verdict.target?.name ?? '',
      upstream: exchange.cluster?.name ?? '',
      endpoint: exchange.endpoint?.address ?? '',
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

function bodyTooLarge(limit: number): Reason {
  return reasons.bodyTooLarge.with(`more than ${limit} bytes`)
}
