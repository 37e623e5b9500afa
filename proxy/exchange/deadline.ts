import { Timer } from '../base/timer-wheel.ts'
import { Fields } from '../message/fields.ts'
import { formatGrpcTimeout, GRPC_TIMEOUT_FIELD } from '../message/grpc-timeout.ts'
import { type Reason, reasons } from '../message/reason.ts'
import type { Attempt } from './attempt.ts'
import { cutOff, giveUp } from './ending.ts'
import type { Exchange } from './exchange.ts'
import { wasFair } from './outcome-of.ts'
import type { RouteTarget } from './route-target.ts'

// What an exchange's timers stand for.
/** The head of the response has to be there: `timeout` of the route. */
const RESPONSE = 0
/** The response has to be complete: `grpc-timeout` of the caller, `maxDuration` of the route. */
const LIFE = 1

/** The exchange has begun: starts the deadlines that run from here. */
export function limitLife(exchange: Exchange): void {
  const { longest, target } = exchange.verdict
  const { silence, grpcSilence } = (target as RouteTarget).times
  exchange.down.silenceMs = exchange.request.grpc ? grpcSilence : silence
  if (longest >= 0) {
    exchange.endsAt = exchange.startedAt + longest
    exchange.lifeTimer = new Timer(exchange, LIFE)
    exchange.context.timers.arm(exchange.lifeTimer, longest)
  }
  // A request for a tunnel is complete with its head: what follows waits for the answer.
  if (exchange.requestEnded || exchange.request.tunnel !== '') limitResponse(exchange)
}

/** The request is complete: from here on its response is awaited. */
export function limitResponse(exchange: Exchange): void {
  const timeout = exchange.verdict.target?.times.response ?? null
  // A caller that ends before its tunnel is open has made it wait from the head on already.
  if (timeout === null || exchange.committed || exchange.timer !== null) return
  exchange.timer = new Timer(exchange, RESPONSE)
  exchange.context.timers.arm(exchange.timer, timeout)
}

/** The response has begun. */
export function responseBegan(exchange: Exchange): void {
  if (exchange.timer !== null) exchange.context.timers.disarm(exchange.timer)
  exchange.attempt?.unlimit()
  exchange.pause?.end()
  exchange.hedge?.end()
}

/** The exchange is over. */
export function disarm(exchange: Exchange): void {
  responseBegan(exchange)
  if (exchange.lifeTimer !== null) exchange.context.timers.disarm(exchange.lifeTimer)
}

/** Whether there is no time left for another try. The caller's clock went on while this process stalled. */
export function isOver(exchange: Exchange): boolean {
  return exchange.endsAt !== 0 && exchange.context.clock.now() >= exchange.endsAt
}

// Reused for every try: codecs write it before `head` returns.
const left = new Fields([GRPC_TIMEOUT_FIELD], [''])

/** The field that tells the endpoint of a gRPC call how much time is left; null when there is no limit to tell. */
export function timeLeft(exchange: Exchange): Fields | null {
  if (exchange.endsAt === 0 || !exchange.request.grpc) return null
  left.values[0] = formatGrpcTimeout(exchange.endsAt - exchange.context.clock.now())
  return left
}

/** A timer of the exchange has fired. */
export function expire(exchange: Exchange, kind: number): void {
  if (exchange.done) return
  if (kind === LIFE) endLife(exchange)
  else if (!exchange.committed) {
    // A response that is held back has begun in time.
    const held = exchange.attempt?.held ?? exchange.hedge?.held ?? null
    if (held !== null) return held.passOn()
    const timeout = exchange.verdict.target?.times.response
    giveUp(exchange, reasons.timeout.with(late(exchange, `no response within ${timeout} ms (timeout)`)), true)
  }
}

/** The time for the whole exchange is over: ends it in whatever state it is. */
export function endLife(exchange: Exchange): void {
  const reason = lifeOver(exchange)
  if (exchange.committed) cutOff(exchange, reason)
  else giveUp(exchange, reason, isEndpointLate(exchange))
}

/** What an exchange ends with that has lasted as long as it may. */
export function lifeOver(exchange: Exchange): Reason {
  const { longest, target } = exchange.verdict
  const key = longest === target?.times.whole ? 'maxDuration' : GRPC_TIMEOUT_FIELD
  return reasons.deadlineExceeded.with(late(exchange, `not complete within ${longest} ms (${key})`))
}

function isEndpointLate({ attempt, context, requestEnded, requestBytes }: Exchange): boolean {
  if (attempt === null || attempt.stream === null || !requestEnded) return false
  return attempt.credited >= requestBytes && wasFair(attempt.sentAt, context.clock.now())
}

/** The response to one try is overdue. */
export function endTry(exchange: Exchange, attempt: Attempt, ms: number): void {
  if (!exchange.runs(attempt) || exchange.committed) return
  const what = `no response to this try within ${ms} ms (perTryTimeout)`
  const reason = reasons.timeout.with(late(exchange, what))
  attempt.overdue()
  attempt.cancel(reason)
  exchange.attemptFailed(attempt, reason)
}

function late(exchange: Exchange, what: string): string {
  const { attempts, attempt } = exchange
  return attempts === 0 && attempt === null ? what : `${what}, while waiting for ${awaited(exchange)}`
}

/** What the exchange is waiting for, for people. */
function awaited({ attempt, committed, requestEnded, requestBytes, tunnel }: Exchange): string {
  if (attempt === null) return 'another try'
  const { address } = attempt.endpoint
  if (attempt.stream === null) {
    return attempt.pool.connecting ? `a connection to ${address}` : `a free connection to ${address}`
  }
  if (tunnel !== null) return 'the end of the tunnel'
  if (committed) return `the rest of the response from ${address}`
  if (attempt.credited < requestBytes) return `${address} to take the body of the request`
  const response = `the head of the response from ${address}`
  return requestEnded ? response : `the rest of the request or ${response}`
}
