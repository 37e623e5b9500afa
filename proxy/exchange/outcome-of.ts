import { FAILED, type Outcome, OVERLOADED, SUCCEEDED } from '../balance/outcome.ts'

// gRPC statuses.
const DEADLINE_EXCEEDED = 4
const RESOURCE_EXHAUSTED = 8
/** UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS: what a server says when it is the server that fails. */
const GRPC_FAILURES: ReadonlySet<number> = new Set([2, DEADLINE_EXCEEDED, 13, 14, 15])

/** What a complete response says of its endpoint. `grpcStatus` is -1 when there is none. */
export function outcomeOf(status: number, grpcStatus: number): Outcome {
  if (status >= 500 || (grpcStatus > 0 && GRPC_FAILURES.has(grpcStatus))) return FAILED
  return status === 429 || grpcStatus === RESOURCE_EXHAUSTED ? OVERLOADED : SUCCEEDED
}

/**
 * An endpoint that had a request for a shorter time than this, in milliseconds, is not blamed for a deadline that passed:
 * callers choose theirs, and one that chooses badly must not get endpoints ejected.
 */
const FAIR_MS = 100

/** Whether a try that was sent at `sentAt` had time enough by `now` for its endpoint to be blamed. */
export function wasFair(sentAt: number, now: number): boolean {
  return sentAt !== 0 && now - sentAt >= FAIR_MS
}

/** Whether a call ended because its deadline passed, `endsAt` as in Exchange, as an endpoint says that keeps to it itself. */
export function saysLate(grpcStatus: number, endsAt: number): boolean {
  return grpcStatus === DEADLINE_EXCEEDED && endsAt !== 0
}
