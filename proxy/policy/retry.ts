import type { RetryCondition, RetryConfig } from '../../config/types/route.ts'
import { type Random, systemRandom } from '../base/random.ts'
import { grpcStatusOfHttp } from '../message/grpc-status.ts'
import type { Head } from '../message/head.ts'
import { type Reason, reasons } from '../message/reason.ts'
import { BackOff } from './back-off.ts'

/** gRPC status that each gRPC condition stands for. */
const GRPC_STATUS: Partial<Record<RetryCondition, number>> = {
  cancelled: 1,
  'deadline-exceeded': 4,
  'resource-exhausted': 8,
  internal: 13,
  unavailable: 14,
}

/** Methods that may be repeated without harm (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** True when sending the request again does no harm even if the endpoint has processed it. */
export function isIdempotent(head: Head): boolean {
  return IDEMPOTENT.has(head.method)
}

/** What a route says about sending a request again. What is always safe needs no policy and is not asked here. */
export class RetryPolicy {
  /** All tries, with the first one. */
  readonly attempts: number
  /** Milliseconds for one try, null for no limit of its own. */
  readonly perTryTimeout: number | null
  /**
   * Whether how a gRPC call ended, or that its endpoint was lost, is a reason: then its response is kept back until that
   * is known, as far as that delays nothing.
   */
  readonly holdsResponses: boolean
  /** How long to wait before a further try. */
  readonly backOff: BackOff
  readonly #on: ReadonlySet<RetryCondition>
  readonly #grpc: ReadonlySet<number>
  readonly #statuses: ReadonlySet<number>

  constructor(config: RetryConfig, random: Random = systemRandom) {
    this.attempts = config.attempts
    this.perTryTimeout = config.perTryTimeout
    this.#on = new Set(config.on)
    this.#grpc = new Set(config.on.flatMap((condition) => GRPC_STATUS[condition] ?? []))
    this.#statuses = new Set(config.statuses)
    this.backOff = new BackOff(config.backOff, random)
    this.holdsResponses = this.#grpc.size > 0 || this.#on.has('reset')
  }

  /** Whether a try that ended for `reason`, without a response, may be followed by another. */
  onFailure(reason: Reason, head: Head): boolean {
    if (
      this.#on.has('connect-failure') &&
      (reason.is(reasons.connectFailure) || reason.is(reasons.connectTimeout))
    ) {
      return true
    }
    if (this.#on.has('refused-stream') && reason.is(reasons.refusedStream)) return true
    // From here on the endpoint may have processed the request: gRPC callers opted in by naming the condition.
    if (head.grpc) return this.#on.has('reset') || this.#grpc.has(reason.grpcStatus)
    return (
      isIdempotent(head) && (this.#on.has('reset') || this.#on.has('5xx') || this.#on.has('gateway-error'))
    )
  }

  /** Whether a response with this status may be discarded for another try. `grpcStatus` is -1 when not known yet. */
  onResponse(status: number, grpcStatus: number, head: Head): boolean {
    // Whoever names a status says of every request of the route that it may be sent again after it.
    if (this.#statuses.has(status)) return true
    if (head.grpc) {
      // Something on the way that speaks no gRPC answers with a status of HTTP.
      const ended = status === 200 ? grpcStatus : grpcStatusOfHttp(status)
      if (this.#grpc.has(ended)) return true
    } else if (!isIdempotent(head)) return false
    if (this.#on.has('gateway-error') && status >= 502 && status <= 504) return true
    return this.#on.has('5xx') && status >= 500
  }
}
